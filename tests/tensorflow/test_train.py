"""Every kind of model: learns, exports what it learned, is deterministic, and refuses what it cannot do."""

import dataclasses
import hashlib
import os
import signal

import numpy as np
import pytest

from tests.tensorflow.conftest import QUICK
from tidelab.domain.image import DecodedImage
from tidelab.models import ModelBundle, load_predictor
from tidelab.models.classifier import inputs_of
from tidelab.models.heldout import HeldOut
from tidelab.models.training_images import TrainingImages
from tidelab.science.calibration import negative_log_likelihood
from tidelab.training import keras_network, steps
from tidelab.training import trained as checks
from tidelab.training.evaluation import evaluate
from tidelab.training.save import save_model
from tidelab.training.settings import TrainingSettings, epochs_for
from tidelab.training.synthetic import LABELS
from tidelab.training.train import train_model
from tidelab.training.weights import Weights

KINDS = ("forest", "network", "network+features")


def bits(predictions):
    return [(one.probabilities.tobytes(), one.embedding.tobytes()) for one in predictions]


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_and_its_export_agrees(trained, images, split, kind):
    model, _ = trained[kind]
    test = evaluate(model.classifier, images, split.rows("test"), kind)
    assert test.scores.macro_f1 > 0.6, "a guess would reach 0.17"
    assert model.parity <= checks.PARITY_TOLERANCE
    assert model.card.labels == LABELS == images.labels
    assert (
        model.card.input.kind
        == {"forest": "features", "network": "image", "network+features": "image+features"}[kind]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_one_by_one_or_all_at_once_gives_the_same_bits(trained, images, kind):
    classifier = trained[kind][0].classifier
    decoded = [DecodedImage(str(k), str(k), images.pixels[k]) for k in range(0, 240, 6)]
    assert bits(classifier.predict(decoded)) == [bits(classifier.predict([one]))[0] for one in decoded]


def test_embedding_of_the_forest_is_its_standardised_features(trained, images, split):
    model = trained["forest"][0]
    rows = split.rows("train")
    feed = inputs_of([images.pixels[k] for k in rows], model.card.input)
    _, embedding = model.classifier.probabilities(feed)
    spread = feed["features"].std(axis=0) > 1e-3
    np.testing.assert_allclose(embedding.mean(axis=0)[spread], 0, atol=1e-2)
    np.testing.assert_allclose(embedding.std(axis=0)[spread], 1, rtol=1e-2)
    assert model.card.embedding_dim == embedding.shape[1]


@pytest.mark.parametrize("kind", KINDS)
def test_no_temperature_is_fitted_on_few_validation_images(trained, split, kind):
    card = trained[kind][0].card
    assert card.temperature == 1.0
    assert f"{len(split.rows('validation'))} validation images are too few" in card.calibration


def test_temperature_is_fitted_on_enough_validation_images(images, split):
    parts = np.where(np.arange(240) % 2 == 0, "train", "validation")
    model = train_model("forest", images, parts, QUICK)
    assert model.card.calibration == "Temperature fitted on 120 validation images."
    rows = np.flatnonzero(parts == "validation")
    feed = inputs_of([images.pixels[k] for k in rows], model.card.input)
    raw = dataclasses.replace(model, card=model.card.model_copy(update={"temperature": 1.0}))
    before, after = (one.classifier.probabilities(feed)[0] for one in (raw, model))
    truth = images.truth[rows]
    assert model.card.temperature != 1.0
    assert negative_log_likelihood(after, truth) < negative_log_likelihood(before, truth)


def test_progress_is_told_epoch_by_epoch(trained):
    model, epochs = trained["network"]
    assert [epoch.number for epoch in epochs] == list(range(1, 9))
    assert tuple(epochs) == model.history
    assert epochs[-1].loss < epochs[0].loss
    assert all(0 <= epoch.validation_accuracy <= 1 for epoch in epochs)
    assert trained["forest"][1] == []


def test_the_same_seed_gives_the_same_model(trained, images, split):
    again = train_model("network", images, split.parts, QUICK)
    feed = inputs_of(list(images.pixels[:40]), again.card.input)
    first, _ = trained["network"][0].classifier.probabilities(feed)
    second, _ = again.classifier.probabilities(feed)
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_a_bundle_is_complete_and_gives_the_same_after_saving(trained, images, split, tmp_path):
    model = trained["network+features"][0]
    test = evaluate(model.classifier, images, split.rows("test"), "it")
    save_model(
        model,
        test,
        images,
        split.parts,
        tmp_path / "bundle",
        use_case="flowcam-plankton",
        name="flowcam-plankton--ada",
        created_by="ada",
    )
    bundle = ModelBundle.load(tmp_path / "bundle")
    decoded = [DecodedImage(str(k), str(k), images.pixels[k]) for k in range(10)]
    assert bits(load_predictor(bundle).predict(decoded)) == bits(model.classifier.predict(decoded))
    from tidelab.drift import Reference

    reference = Reference.load(bundle.folder)
    assert len(reference) == len(split.rows("test")), "held-out images, not those it was trained on"
    assert set(reference.sample_ids) == {images.sample_ids[k] for k in split.rows("test")}
    assert bundle.card.quality.n_test == len(reference)
    held = HeldOut.load(bundle.folder)
    rows = split.rows("test")
    assert [bundle.card.labels[k] for k in held.truth] == [images.labels[images.truth[k]] for k in rows]
    assert held.sample_ids == tuple(images.sample_ids[k] for k in rows)
    assert held.image_ids == tuple(f"sha256:{images.digests[k]}" for k in rows)
    predicted = model.classifier.predict([DecodedImage("", "", images.pixels[k]) for k in rows])
    np.testing.assert_array_equal(held.probabilities, np.stack([one.probabilities for one in predicted]))
    np.testing.assert_allclose(held.distances, held.distance(np.stack([one.embedding for one in predicted])))
    # Training images lie nearer to their own classes than the held-out ones do.
    seen = model.classifier.predict([DecodedImage("", "", images.pixels[k]) for k in split.rows("train")])
    assert np.median(held.distance(np.stack([one.embedding for one in seen]))) < np.median(held.distances)
    assert bundle.card.data_digest == steps.digest(images, split)
    assert bundle.card.created_by == "ada"
    seen = {images.digests[k] for part in ("train", "validation") for k in split.rows(part)}
    assert TrainingImages.load(bundle.folder).digests == seen
    assert not seen & set(test.images.digests)
    weights = Weights.load(bundle.folder)
    assert weights.labels == LABELS
    assert [one.tobytes() for one in weights.arrays] == [one.tobytes() for one in model.weights.arrays]


def test_the_stop_button_keeps_the_epochs_so_far(images, split):
    """Pressed in the second epoch of forty, as Lab's button does it."""

    def press(epoch):
        if epoch.number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    settings = dataclasses.replace(QUICK, epochs=40)
    model = steps.train_model("network", images, split, settings, press)
    assert [one.number for one in model.history] == [1, 2]
    assert "It was ended after epoch 2 of 40" in model.start_words
    assert model.parity <= 1e-4
    whole = hashlib.sha256(f"{settings!r} {steps.digest(images, split)}".encode()).hexdigest()
    assert model.experiment != whole, "a look of its own at the test images"


def test_test_images_are_never_looked_at(images, split, monkeypatch):
    """Scrambled test images change nothing about the model."""
    rng = np.random.default_rng(0)
    test = set(split.rows("test").tolist())
    other = dataclasses.replace(
        images,
        pixels=tuple(
            rng.integers(0, 256, one.shape).astype(np.uint8) if k in test else one
            for k, one in enumerate(images.pixels)
        ),
    )
    first, second = (train_model("forest", data, split.parts, QUICK) for data in (images, other))
    assert first.onnx == second.onnx
    assert first.card.temperature == second.card.temperature


def test_an_export_that_differs_is_refused():
    good = np.full((4, 3), 1 / 3, np.float32)
    assert checks.check_parity(good, good + np.float32(1e-6)) < 1e-5
    with pytest.raises(checks.ExportError, match=r"differs from the trained one by up to 0\.01"):
        checks.check_parity(good, good + np.float32(0.01))
    with pytest.raises(checks.ExportError):
        checks.check_parity(good, np.full((4, 3), np.nan, np.float32))
    with pytest.raises(checks.ExportError, match="shape"):
        checks.check_parity(good, good[:, :2])


def test_a_wrong_export_of_a_network_is_refused(images, split, monkeypatch):
    """Were the exporter to lose the normalisation statistics, the difference would be seen before anything is saved."""
    from tidelab.training import keras_export

    right = keras_export.to_onnx

    def wrong(model, embedding):
        for layer in model.layers:
            if layer.__class__.__name__ == "BatchNormalization" and layer.center:
                weights = layer.get_weights()
                layer.set_weights([*weights[:-1], weights[-1] * 4])
        return right(model, embedding)

    monkeypatch.setattr(keras_export, "to_onnx", wrong)
    with pytest.raises(checks.ExportError, match="was not saved"):
        train_model("network", images, split.parts, dataclasses.replace(QUICK, epochs=1))


def test_a_class_without_training_images_is_named(images, split):
    parts = np.where(images.truth == 5, "test", split.parts)
    with pytest.raises(ValueError, match="no training image of Tripos"):
        train_model("forest", images, parts, QUICK)


def test_without_validation_images_the_temperature_is_one(images, split):
    parts = np.where(split.parts == "validation", "train", split.parts)
    assert train_model("forest", images, parts, QUICK).card.temperature == 1.0


def test_choice_is_made_on_validation_images(trained, images, split):
    models = [trained[kind][0] for kind in KINDS]
    kept = steps.choose(models, images, split)
    values = [steps.evaluate(model, images, split, "validation").scores.macro_f1 for model in models]
    assert values[models.index(kept)] == max(values)


def test_rare_classes_count_more_or_are_drawn_more():
    truth = np.array([0] * 90 + [1] * 10)
    weights = keras_network.sample_weights(truth, 2)
    assert weights[truth == 0].sum() == pytest.approx(weights[truth == 1].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1)
    rng = np.random.default_rng(0)
    drawn = truth[np.concatenate([keras_network.epoch_order(truth, "resample", rng) for _ in range(20)])]
    assert drawn.mean() == pytest.approx(0.5, abs=0.05)
    assert sorted(keras_network.epoch_order(truth, "none", rng).tolist()) == list(range(100))


def test_number_of_epochs_follows_the_number_of_images():
    settings = TrainingSettings()
    assert [epochs_for(n, settings) for n in (50, 600, 100_000)] == [120, 24, 15]
    assert epochs_for(600, TrainingSettings(epochs=7)) == 7
