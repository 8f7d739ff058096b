"""What to do next with a detector: what its training and its errors on the test pictures say, in words and with numbers.

Each rule is a remark about what stands in the figures; none says that following it must help. The pictures decide.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.detection_metrics import TrueObjects, overlaps
from tidelab.science.splits import TRAIN
from tidelab.training.detection_images import DetectionImages
from tidelab.training.detection_splitting import DetectionSplit
from tidelab.training.detector_evaluation import LEAST_OBJECTS, DetectorEvaluation
from tidelab.training.detector_training import TrainedDetector

SMALL_PX: Final = 16.0
"""Side of an object as the network sees it, pixels, below which little is left of it: YOLO's finest map has a cell every 8 px."""

_OFTEN: Final = 3
"""From how many equal errors on one is named."""
_SHARE: Final = 0.1
_POOR: Final = 0.5
_DAYS: Final = 6


def advice(
    model: TrainedDetector, images: DetectionImages, division: DetectionSplit, test: DetectorEvaluation
) -> tuple[str, ...]:
    """Return what stands out, a sentence or two each, the most telling first.

    Parameters
    ----------
    model
        The trained model.
    images, division
        What it was trained on.
    test
        What it gave on the test pictures.
    """
    found = [
        *_drawings(images),
        *_too_few(test),
        *_training(model),
        *_small(model, test),
        *_confused(test),
        *_false_alarms(images, division, test),
        *_samples(test),
    ]
    return tuple(found) or (
        "Nothing stands out. Look at the errors above, and try the model on pictures of a day and a camera that it has not seen.",
    )


def missed(test: DetectorEvaluation) -> list[npt.NDArray[np.bool_]]:
    """Return for each picture which of its true objects have no box of their class at IoU 0.5 and the class's threshold; no crowds."""
    limits = np.asarray(test.thresholds)
    result = []
    for ours, theirs in zip(test.found, test.truth, strict=True):
        sure = ours.scores.astype(np.float64) >= limits[ours.labels]
        near = overlaps(ours.boxes[sure], theirs.boxes) >= 0.5
        same = ours.labels[sure][:, None] == theirs.labels[None, :]
        result.append(~(near & same).any(axis=0) & ~_crowd(theirs))
    return result


def _crowd(truth: TrueObjects) -> npt.NDArray[np.bool_]:
    return np.zeros(len(truth.labels), np.bool_) if truth.crowd is None else truth.crowd


def _drawings(images: DetectionImages) -> Iterator[str]:
    if images.generated:
        yield "These were drawings. Write the path of your own annotations into `data` and run the notebook again."


def _too_few(test: DetectorEvaluation) -> Iterator[str]:
    few = [
        f"{label} ({int(test.precision.truth[k])})"
        for k, label in enumerate(test.labels)
        if label in test.images.labels and test.precision.truth[k] < LEAST_OBJECTS
    ]
    if few:
        yield (
            f"Too few objects in the test pictures for a figure: {', '.join(few)}; at least {LEAST_OBJECTS} are needed. Draw boxes in more "
            "pictures of other days, or leave the class out."
        )


def _training(model: TrainedDetector) -> Iterator[str]:
    if not model.history or not model.kept:
        return
    total, last = model.history[-1].total, model.history[-1].number
    if model.kept == total:
        yield f"The last epoch was the best: it was still learning. Set `epochs` to {2 * total}."
        return
    then, now = (model.history[k - 1].validation_loss for k in (model.kept, last))
    if 2 * model.kept <= last and then is not None and now is not None and now > then:
        yield (
            f"It was best in epoch {model.kept} of {last}; the loss on the validation pictures rose from {then:.2f} to {now:.2f} after it. More "
            "epochs will not help, more pictures of other days may."
        )


def _small(model: TrainedDetector, test: DetectorEvaluation) -> Iterator[str]:
    """Say where what is missed is small for the network, and what is found is not."""
    assert model.card.detection is not None
    size_px = model.card.detection.size_px
    sides, lost = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for one, truth, gone_here in zip(test.images.pictures, test.truth, missed(test), strict=True):
        single = ~_crowd(truth)
        spans = np.maximum(truth.boxes[single, 2:] - truth.boxes[single, :2], 0)
        sides.append(np.sqrt(spans.prod(axis=1)) * min(1.0, size_px / max(one.width, one.height)))
        lost.append(gone_here[single])
    every, gone = np.concatenate(sides), np.concatenate(lost)
    if gone.sum() < LEAST_OBJECTS or not (~gone).any():
        return
    there, away = float(np.median(every[~gone])), float(np.median(every[gone]))
    shrunk = any(max(one.width, one.height) > size_px for one in test.images.pictures)
    if away < SMALL_PX and away < 0.75 * there and shrunk:
        yield (
            f"What it misses is small: {away:.0f} px wide as the network sees it (median), what it finds {there:.0f} px. Set `image_px` from "
            f"{size_px} to {min(2 * size_px, 2048)}."
        )


def _confused(test: DetectorEvaluation) -> Iterator[str]:
    table = test.confusion
    n = len(test.labels)
    between = table[:n, :n] * (1 - np.eye(n, dtype=np.int64))
    objects = np.maximum(table[:n].sum(axis=1), 1)
    for place in np.argsort(-between, axis=None, kind="stable")[:2]:
        true, taken = divmod(int(place), n)
        count = int(between[true, taken])
        if count >= _OFTEN and count >= _SHARE * objects[true]:
            yield (
                f"{test.labels[true]} is taken for {test.labels[taken]} {count} times (of {objects[true]}). Look whether people named them alike "
                "in the training pictures, and add pictures in which they differ."
            )


def _false_alarms(
    images: DetectionImages, division: DetectionSplit, test: DetectorEvaluation
) -> Iterator[str]:
    table = test.confusion
    n = len(test.labels)
    empty = sum(not len(one.truth) for one in images.rows(division.rows(TRAIN)))
    for k, label in enumerate(test.labels):
        boxes, wrong = int(table[:, k].sum()), int(table[n, k])
        if wrong >= _OFTEN and wrong >= _POOR * boxes:
            yield (
                f"Of {boxes} boxes called {label}, {wrong} are around nothing that was marked. See whether people forgot to mark some; if not, add "
                f"pictures without anything ({empty} are among the training pictures)."
            )
    lost = [
        f"{label} ({int(table[k, n])} of {int(table[k].sum())})"
        for k, label in enumerate(test.labels)
        if table[k].sum() >= LEAST_OBJECTS and table[k, n] > _POOR * table[k].sum()
    ]
    if lost:
        yield f"More than half is missed of {', '.join(lost)}: add pictures with them, and look at them above."


def _samples(test: DetectorEvaluation) -> Iterator[str]:
    samples = len({one.sample_id for one in test.images.pictures} - {""})
    if 0 < samples < _DAYS:
        yield (
            f"The test pictures come from {samples} samples only (days, cameras or videos): the figures may be quite different elsewhere. Pictures of "
            "more days are worth more than more pictures of one."
        )
