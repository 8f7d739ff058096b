"""What surrounds a detector's training and needs no torch: samples, splits, measuring, comparing, words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.domain.prediction import Detections
from tidelab.models import ModelError
from tidelab.models.training_images import TrainingImages
from tidelab.science.detection_metrics import COCO_IOUS, TrueObjects, average_precision, match
from tidelab.training.comparing import NothingToCompareError
from tidelab.training.detection_images import BoxedPicture, DetectionImages, detection_digest
from tidelab.training.detection_reading import sample_of
from tidelab.training.detection_splitting import split_pictures
from tidelab.training.detector_comparing import compare_detectors, weighted_precision
from tidelab.training.detector_evaluation import DetectorEvaluation
from tidelab.training.own_server import check_own_server

LABELS = ("Chromis chromis", "Octopus vulgaris")


def picture(number, truth=(0,), sample="", part=""):
    boxes = [[10.0 * k, 10, 10.0 * k + 8, 30] for k in range(len(truth))]
    return BoxedPicture(
        name=f"{number:03d}.jpg", file=Path(f"{number:03d}.jpg"), digest=f"{number:064x}", width=100, height=80,
        boxes=np.array(boxes, np.float32).reshape(-1, 4), truth=np.array(truth, np.int64), sample_id=sample, part=part,
    )  # fmt: skip


def evaluation(name, hits, samples, *, model="a", learned=frozenset()):
    """One object of each class a picture; of class k in picture n the box is right where hits[n][k]."""
    pictures = [picture(n, (0, 1), sample) for n, sample in enumerate(samples)]
    found = []
    for n, one in enumerate(pictures):
        boxes = one.boxes.copy()
        for k in range(2):
            if not hits[n][k]:
                boxes[k] += 40
        found.append(Detections(boxes, np.array([0.9, 0.8], np.float32), np.array([0, 1], np.int16)))
    truth = [TrueObjects(one.boxes.astype(float), one.truth) for one in pictures]
    return DetectorEvaluation(
        name, DetectionImages(LABELS, tuple(pictures)), LABELS, tuple(found), tuple(truth), (0.5, 0.5),
        known=frozenset(LABELS), model=model, learned_from=TrainingImages(frozenset(learned)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "by_folder", "sample"),
    [
        ("cam1_2024-05-01T12-00-00Z.jpg", False, "cam1 2024-05-01"),
        ("OBSEA_20240501_120000.jpg", False, "OBSEA 2024-05-01"),
        ("dive3/0007.jpg", True, "dive3"),
        ("dive3/0007.jpg", False, ""),
        ("0007.jpg", True, ""),
    ],
)
def test_what_a_picture_was_taken_together_with(name, by_folder, sample):
    assert sample_of(name, by_folder) == sample


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 1), max_size=4), st.integers(0, 9)), min_size=12, max_size=60),
    st.integers(0, 9),
)
def test_samples_are_never_torn_and_equal_seeds_give_equal_splits(pictures, seed):
    images = DetectionImages(
        LABELS, tuple(picture(n, truth, f"s{sample}") for n, (truth, sample) in enumerate(pictures))
    )
    found = split_pictures(images, seed=seed)
    assert set(found.parts.tolist()) <= {"train", "validation", "test"}
    assert np.array_equal(found.parts, split_pictures(images, seed=seed).parts)
    if found.by_sample:
        for sample in {one.sample_id for one in images.pictures}:
            places = {
                part
                for one, part in zip(images.pictures, found.parts, strict=True)
                if one.sample_id == sample
            }
            assert len(places) == 1


def test_each_class_has_its_share_in_every_part():
    images = DetectionImages(LABELS, tuple(picture(n, (0,) if n % 10 else (0, 1)) for n in range(200)))
    found = split_pictures(images, seed=1)
    table = images.counts(found.parts).set_index("label")
    assert table.loc["Octopus vulgaris"].tolist() == [12, 4, 4], "20 of them, divided 60 : 20 : 20"
    assert table.loc["(pictures)"].tolist() == [120, 40, 40]
    assert any("taken together" in one for one in found.cautions)


def test_a_division_that_came_with_the_pictures_stays():
    parts = ["train"] * 8 + ["test"] * 4
    images = DetectionImages(LABELS, tuple(picture(n, (0, 1), part=part) for n, part in enumerate(parts)))
    found = split_pictures(images, seed=1, validation_share=0.25)
    assert found.how == "as it came with the pictures"
    assert (found.parts[8:] == "test").all()
    assert sorted(found.parts[:8].tolist()) == ["train"] * 6 + ["validation"] * 2
    with pytest.raises(ValueError, match=r"test_share 0\.9 and validation_share 0\.2"):
        split_pictures(images, seed=1, test_share=0.9)
    with pytest.raises(ValueError, match="2 pictures cannot be divided"):
        split_pictures(replace(images, pictures=images.pictures[:2]), seed=1)


def test_equal_weights_give_the_ordinary_average_precision_and_doubles_count_twice():
    rng = np.random.default_rng(3)
    one = evaluation("a", rng.random((12, 2)) < 0.6, [""] * 12)
    matched = match(one.found, one.truth, 2, ious=COCO_IOUS)
    expected = average_precision(one.found, one.truth, 2)
    objects = np.ones(12, np.int64)
    for k in range(2):
        assert weighted_precision(matched[k], objects, np.ones(12)) == pytest.approx(
            expected.of_class(k)[1], abs=1e-12
        )
    weights = rng.integers(0, 3, 12)
    rows = [n for n in range(12) for _ in range(weights[n])]
    again = average_precision([one.found[n] for n in rows], [one.truth[n] for n in rows], 2)
    assert weighted_precision(matched[0], objects, weights.astype(float)) == pytest.approx(
        again.of_class(0)[1], abs=0.02
    )
    assert np.isnan(weighted_precision(matched[0], objects, np.zeros(12)))


def test_a_clearly_better_detector_is_recommended_and_the_worse_one_is_not():
    samples = [f"day {n // 3}" for n in range(60)]
    good = evaluation("new", np.ones((60, 2), bool), samples, model="new")
    poor = evaluation("Champion 3", np.arange(60)[:, None] % 2 == np.array([0, 1]), samples, model="old")
    found = compare_detectors(good, poor, draws=100)
    assert found.difference.value > 0.3
    assert found.difference.low > 0
    decision = found.decision("Champion 3.")
    assert decision.recommended
    assert decision.reasons[0].startswith("Better: mAP50-95 1.000 against")
    assert {one.state for one in decision.groups} == {"kept"}
    back = compare_detectors(poor, good, draws=100).decision()
    assert not back.recommended
    assert any("Octopus vulgaris lost" in one for one in back.reasons)


def test_what_was_learned_is_not_compared():
    samples = [f"day {n}" for n in range(20)]
    hits = np.ones((20, 2), bool)
    seen = {f"{n:064x}" for n in range(5)}
    found = compare_detectors(
        evaluation("new", hits, samples, learned=seen), evaluation("old", hits, samples), draws=20
    )
    assert (len(found.challenger), found.left_out) == (15, 5)
    assert "5 test picture(s) are left out" in found.cautions[0]
    everything = {f"{n:064x}" for n in range(20)}
    with pytest.raises(NothingToCompareError, match="No test picture is new to both"):
        compare_detectors(
            evaluation("new", hits, samples, learned=everything), evaluation("old", hits, samples)
        )


def test_known_figures_of_a_small_evaluation():
    hits = np.array([[True, True]] * 10 + [[False, True]] * 10)
    table = evaluation("a", hits, [""] * 20).table().set_index("label")
    assert table.loc["Octopus vulgaris", ["ap50", "precision", "recall", "f1"]].tolist() == [1, 1, 1, 1]
    assert table.loc["Chromis chromis", ["precision", "recall", "f1"]].tolist() == [0.5, 0.5, 0.5]
    few = evaluation("a", hits[:6], [""] * 6).table()
    assert few["ap50"].isna().all(), "six objects are too few for a figure"
    quality = evaluation("a", hits, [f"d{n // 5}" for n in range(20)]).quality("m")
    assert (quality.n_test, quality.n_samples) == (20, 4)
    assert quality.per_class["Octopus vulgaris"]["support"] == 20


def test_the_digest_of_an_experiment_knows_boxes_classes_and_parts():
    images = DetectionImages(LABELS, (picture(1), picture(2, (0, 1))))
    parts = np.array(["train", "test"])
    first = detection_digest(images, parts)
    turned = replace(images, pictures=images.pictures[::-1])
    assert detection_digest(turned, parts[::-1]) == first, "whatever their order"
    assert detection_digest(images, np.array(["test", "test"])) != first
    moved = replace(images.pictures[0], boxes=images.pictures[0].boxes + 1)
    assert detection_digest(replace(images, pictures=(moved, images.pictures[1])), parts) != first


def test_a_shared_service_is_recognised_by_its_variables():
    check_own_server("PyTorch files", {"JUPYTERHUB_USER": "ada"})
    with pytest.raises(ModelError, match="this is an app"):
        check_own_server("PyTorch files", {"VOILA_BASE_URL": "/"})
    with pytest.raises(ModelError, match="a run that an app started"):
        check_own_server("PyTorch files", {"TIDELAB_ON_BEHALF": "1"})
    with pytest.raises(ModelError, match="this is a service of the hub"):
        check_own_server("PyTorch files", {"JUPYTERHUB_SERVICE_NAME": "apps"})
