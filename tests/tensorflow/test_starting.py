"""A retraining starts where the champion stands, where that is possible, and says so where it is not."""

import dataclasses

import numpy as np
import pytest

from tests.tensorflow.conftest import QUICK
from tidelab.models import ResolvedModel
from tidelab.models.bundle import write_bundle
from tidelab.models.classifier import inputs_of
from tidelab.training.evaluation import evaluate
from tidelab.training.save import save_model
from tidelab.training.starting import start_at
from tidelab.training.train import train_model

STILL = dataclasses.replace(QUICK, epochs=1, learning_rate=0.0)
"""A training that changes next to nothing (running means of the batches aside), so that what it starts from can be seen."""


def saved(model, images, split, folder, **changes):
    test = evaluate(model.classifier, images, split.rows("test"), "champion")
    return save_model(
        model,
        test,
        images,
        split.parts,
        folder,
        use_case="flowcam-plankton",
        name="flowcam-plankton",
        **changes,
    )


@pytest.fixture(scope="module")
def champion(trained, images, split, tmp_path_factory):
    bundle = saved(trained["network"][0], images, split, tmp_path_factory.mktemp("champion") / "bundle")
    return ResolvedModel(bundle, "champion", "flowcam-plankton", "3")


def start(champion, images, split, kind="network", settings=QUICK, rows=None):
    return start_at(champion, kind, settings, images, split.rows("test") if rows is None else rows)


def test_from_the_champions_weights_one_epoch_is_nearly_as_good_as_eight(champion, trained, images, split):
    begun = start(champion, images, split)
    assert begun.words == "It started from the weights of champion flowcam-plankton 3."
    again = train_model("network", images, split.parts, dataclasses.replace(QUICK, epochs=1), start=begun)
    fresh = train_model("network", images, split.parts, dataclasses.replace(QUICK, epochs=1))
    values = [
        evaluate(one.classifier, images, split.rows("test"), "x").scores.macro_f1 for one in (again, fresh)
    ]
    assert values[0] > values[1] + 0.2
    assert "its last layer is kept" in again.start_words
    assert again.card.started_from == champion.bundle.digest
    assert fresh.card.started_from == ""


def test_a_head_of_other_classes_is_rebuilt_and_the_rest_kept(champion, images, split):
    """Without learning, the body is the champion's, and so is the head's column of each class both know."""
    keep = np.flatnonzero(images.truth != 0)
    fewer = dataclasses.replace(images.subset(keep), labels=images.labels[1:], truth=images.truth[keep] - 1)
    begun = start(champion, images, split)
    model = train_model("network", fewer, split.parts[keep], STILL, start=begun)
    assert "5 of 5 classes are taken over" in model.start_words
    old, new = begun.weights.arrays, model.weights.arrays
    np.testing.assert_array_equal(new[-2], old[-2][:, 1:])
    np.testing.assert_array_equal(new[0], old[0])
    assert model.classifier.probabilities(inputs_of(list(fewer.pixels[:3]), model.card.input))[0].shape == (
        3,
        5,
    )


def test_what_the_champion_has_seen_is_inherited(champion, images, split):
    other = images.subset(split.rows("test"))
    parts = np.where(np.arange(len(other)) % 3 == 0, "test", "train")
    model = train_model("network", other, parts, STILL, start=start(champion, images, split))
    learned = {images.digests[k] for part in ("train", "validation") for k in split.rows(part)}
    assert learned < model.learned_from.digests


def test_why_it_starts_from_scratch_is_said(champion, trained, images, split, tmp_path):
    words = start(champion, images, split, kind="network+features").words
    assert "is another network" in words
    assert (
        "prepared in another way"
        in start(champion, images, split, settings=dataclasses.replace(QUICK, size_px=64)).words
    )
    assert (
        "another network"
        in start(champion, images, split, settings=dataclasses.replace(QUICK, width=8)).words
    )
    assert "no weights" in start(champion, images, split, kind="forest").words
    assert "has learned from" in start(champion, images, split, rows=split.rows("train")).words
    forest = saved(trained["forest"][0], images, split, tmp_path / "forest")
    assert "carries no weights" in start(dataclasses.replace(champion, bundle=forest), images, split).words
    demo = saved(trained["network"][0], images, split, tmp_path / "demo", demo=True)
    assert "knows nothing but drawings" in start(ResolvedModel(demo, "demo", "x", ""), images, split).words
    drawn = dataclasses.replace(images, generated=True)
    assert start(ResolvedModel(demo, "demo", "x", ""), drawn, split).weights is not None


def test_a_champion_without_a_list_of_its_training_images_is_not_built_upon(
    champion, images, split, tmp_path
):
    """Nobody could say whether the test images are new to it."""
    folder = champion.bundle.folder
    files = {
        name: (folder / name).read_bytes()
        for name in champion.bundle.card.files
        if name != "training_images.txt"
    }
    old = write_bundle(tmp_path / "old", champion.bundle.card, files)
    found = start(dataclasses.replace(champion, bundle=old), images, split)
    assert found.weights is None
    assert "no list of the images it learned from" in found.words


def test_damaged_weights_are_said(champion, images, split, tmp_path):
    folder = champion.bundle.folder
    files = {name: (folder / name).read_bytes() for name in champion.bundle.card.files}
    bad = write_bundle(tmp_path / "bad", champion.bundle.card, {**files, "weights.npz": b"PK"})
    found = start(dataclasses.replace(champion, bundle=bad), images, split)
    assert found.weights is None
    assert "holds no weights that can be used" in found.words
