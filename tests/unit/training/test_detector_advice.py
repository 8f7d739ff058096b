"""What to do next with a detector: each remark where its figures are made so, and only there; the confusion of a case that is counted by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.test_detectors import LABELS, evaluation
from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.domain.prediction import Detections
from tidelab.reports.views import detector_retraining as views
from tidelab.science.detection_metrics import TrueObjects
from tidelab.training.detection_images import BoxedPicture, DetectionImages
from tidelab.training.detection_splitting import DetectionSplit
from tidelab.training.detector_advice import advice, missed
from tidelab.training.detector_evaluation import NOT_THERE, DetectorEvaluation
from tidelab.training.detector_training import TrainedDetector
from tidelab.training.progress import DetectorEpoch

DAYS = [f"day {n}" for n in range(30)]
GOOD = np.ones((30, 2), bool)


def model(
    kept: int = 5, losses: tuple[float, ...] = (3.0, 2.0, 1.5, 1.4, 1.3, 1.3), total: int = 20
) -> TrainedDetector:
    history = tuple(
        DetectorEpoch(k, total, {"box_loss": value}, {"box_loss": value}, {"map50_95": 0.1}, 1.0 * k)
        for k, value in enumerate(losses, 1)
    )
    card = ModelCard(
        name="a", title="yolov8n detector", use_case="", labels=LABELS, input=InputSpec(kind="image"), embedding_dim=2,
        framework="f", created="2026-01-01T00:00:00Z", detection=DetectionSpec(size_px=320),
    )  # fmt: skip
    return TrainedDetector(card=card, onnx=b"", history=history, kept=kept)


def say(test: DetectorEvaluation, trained: TrainedDetector | None = None, **changes: object) -> str:
    images = replace(test.images, **changes)
    division = DetectionSplit(np.array(["train"] * len(images)), "by hand", (), True)
    return "\n".join(advice(trained or model(), images, division, test))


def test_where_nothing_stands_out_nothing_is_made_up():
    assert say(evaluation("a", GOOD, DAYS)).startswith("Nothing stands out.")


def test_drawings_and_few_objects_and_few_days():
    words = say(evaluation("a", GOOD[:8], DAYS[:8]), generated=True)
    assert words.startswith("These were drawings.")
    assert (
        "Too few objects in the test pictures for a figure: Chromis chromis (8), Octopus vulgaris (8)"
        in words
    )
    assert "come from 2 samples only" in say(evaluation("a", GOOD, ["a", "b"] * 15))
    assert "samples only" not in say(evaluation("a", GOOD, [""] * 30)), "not known is not few"


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        (model(kept=6, total=6), "The last epoch was the best: it was still learning. Set `epochs` to 12."),
        (
            model(kept=2, losses=(3.0, 1.0, 1.2, 1.5)),
            "It was best in epoch 2 of 4; the loss on the validation pictures rose from 1.00 to 1.50",
        ),
    ],
)
def test_what_the_curves_say(trained, words):
    assert words in say(evaluation("a", GOOD, DAYS), trained)


def test_missed_classes_and_boxes_around_nothing():
    # The octopus is boxed 40 px beside itself in 20 of 30 pictures: 20 are missed, and 20 boxes are around nothing.
    hits = np.stack([np.ones(30, bool), np.arange(30) < 10], axis=1)
    words = say(evaluation("a", hits, DAYS))
    assert "More than half is missed of Octopus vulgaris (20 of 30)" in words
    assert "Of 30 boxes called Octopus vulgaris, 20 are around nothing that was marked" in words
    assert "(0 are among the training pictures)" in words
    assert "Chromis" not in words


def test_a_class_that_is_taken_for_another():
    test = evaluation("a", GOOD, DAYS)
    swapped = [replace_labels(one, [0, 0]) if k < 6 else one for k, one in enumerate(test.found)]
    confused = replace(test, found=tuple(swapped))
    assert "Octopus vulgaris is taken for Chromis chromis 6 times (of 30)" in say(confused)
    table = confused.confusion_table()
    assert table.to_numpy().tolist() == [
        ["Chromis chromis", 30, 0, 0], ["Octopus vulgaris", 6, 24, 0], [NOT_THERE, 0, 0, 0],
    ]  # fmt: skip
    assert [confused.wrong(k) for k in (0, 29)] == [1, 0]
    shown = views.confusion(confused).text
    assert shown.startswith(
        "Of 60 objects 54 were found and named rightly, 6 were found and taken for another class, 0 were missed; 0 boxes"
    )
    assert "In 24 of 30 pictures all objects were found" in views.examples(confused).text


def replace_labels(found: Detections, labels: list[int]) -> Detections:
    return Detections(found.boxes, found.scores, np.array(labels, np.int16))


def test_small_objects_on_large_pictures_want_a_larger_input():
    # On pictures of 3200 px the network sees a tenth: 20 objects of 80 px (8 px for it) are missed, 20 of 400 px (40 px) are found.
    pictures, found, truth = [], [], []
    for n in range(40):
        side = 400 if n % 2 else 80
        box = np.array([[100, 100, 100 + side, 100 + side]], np.float32)
        pictures.append(
            BoxedPicture(
                f"{n}.jpg",
                Path(f"{n}.jpg"),
                f"{n:064x}",
                3200,
                1800,
                box,
                np.array([0]),
                sample_id=f"day {n}",
            )
        )
        seen = n % 2
        found.append(Detections(box[:seen], np.full(seen, 0.9, np.float32), np.zeros(seen, np.int16)))
        truth.append(TrueObjects(box.astype(float), np.array([0])))
    test = DetectorEvaluation(
        "a", DetectionImages(LABELS[:1], tuple(pictures)), LABELS[:1], tuple(found), tuple(truth), (0.5,)
    )
    words = say(test)
    assert (
        "What it misses is small: 8 px wide as the network sees it (median), what it finds 40 px. Set `image_px` from 320 to 640."
        in words
    )
    near = replace(
        test,
        images=replace(test.images, pictures=tuple(replace(one, width=320, height=180) for one in pictures)),
    )
    assert "image_px" not in say(near), "pictures that are not shrunk gain nothing"


def test_crowds_are_neither_missed_nor_found():
    box = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    truth = TrueObjects(box, np.array([0, 0]), np.array([True, False]))
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int16))
    one = BoxedPicture("a.jpg", Path("a.jpg"), "0" * 64, 100, 80, box.astype(np.float32), np.array([0, 0]))
    test = DetectorEvaluation("a", DetectionImages(LABELS, (one,)), LABELS, (nothing,), (truth,), (0.5, 0.5))
    assert [part.tolist() for part in missed(test)] == [[False, True]]


def test_names_from_outside_are_shown_as_they_are():
    hostile = "<img src=x onerror=alert(1)>"
    test = evaluation("a", GOOD[:8], DAYS[:8])
    named = replace(
        test, labels=(hostile, LABELS[1]), images=replace(test.images, labels=(hostile, LABELS[1]))
    )
    html = views.confusion(named).html + views.next_steps([say(named)]).html
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html
    assert views.next_steps(["One.", "Two."]).text == "One.\nTwo."
