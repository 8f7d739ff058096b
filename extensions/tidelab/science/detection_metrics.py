"""How good a detector is: average precision as COCO defines it, curves, and which objects are taken for which.

Equal to pycocotools to 1e-4 and better (tests/unit/science/test_detection_metrics.py). One thing differs on purpose: pycocotools takes an
annotation with the id 0 for "not matched"; ids play no part here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.prediction import Detections
from tidelab.science.detection_curves import Curve, precision_recall, tallies
from tidelab.science.detection_matching import (
    ANY_AREA,
    AREAS,
    COCO_MAXIMUM,
    Matches,
    TrueObjects,
    match,
    overlaps,
)
from tidelab.science.detection_thresholds import Threshold, choose_thresholds

__all__ = [
    "ANY_AREA",
    "AREAS",
    "COCO_IOUS",
    "COCO_MAXIMUM",
    "AveragePrecision",
    "Curve",
    "Matches",
    "Threshold",
    "TrueObjects",
    "average_precision",
    "choose_thresholds",
    "confusion",
    "match",
    "overlaps",
    "precision_recall",
]

Floats = npt.NDArray[np.float64]

COCO_IOUS: Final = tuple(float(one) for one in np.linspace(0.5, 0.95, 10))
_RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """Average precision of a detector, all between 0 and 1; NaN for what has no true object.

    Parameters
    ----------
    per_class
        ``(t, k)``: for each IoU threshold and class, the mean of the interpolated precision at 101 recalls.
    recall
        ``(t, k)``: the share of true objects that was found at all.
    truth
        ``(k,)``: true objects of each class.
    ious
        The IoU thresholds.
    """

    per_class: Floats
    recall: Floats
    truth: npt.NDArray[np.int64]
    ious: tuple[float, ...]

    @property
    def map50(self) -> float:
        """Mean over the classes that occur, at IoU 0.5."""
        return _mean(self.per_class[self._row(0.5)])

    @property
    def map50_95(self) -> float:
        """Mean over the classes that occur and all IoU thresholds."""
        return _mean(self.per_class)

    def of_class(self, label: int) -> tuple[float, float]:
        """Return a class's AP at IoU 0.5, and the mean of its APs over all thresholds."""
        return float(self.per_class[self._row(0.5), label]), _mean(self.per_class[:, label])

    def _row(self, iou: float) -> int:
        rows = np.flatnonzero(np.isclose(self.ious, iou))
        if not len(rows):
            raise ValueError(f"IoU {iou} is not among {self.ious}")
        return int(rows[0])


def average_precision(
    found: Sequence[Detections],
    truth: Sequence[TrueObjects],
    n_labels: int,
    *,
    ious: Sequence[float] = COCO_IOUS,
    maximum: int = COCO_MAXIMUM,
    area: tuple[float, float] = ANY_AREA,
) -> AveragePrecision:
    """Measure a detector as COCO does; parameters as in `tidelab.science.detection_matching.match`."""
    classes = match(found, truth, n_labels, ious=ious, maximum=maximum, area=area)
    per_class = np.full((len(ious), n_labels), np.nan)
    recall = np.full((len(ious), n_labels), np.nan)
    for label, one in enumerate(classes):
        if not one.truth:
            continue
        for row in range(len(ious)):
            right, wrong = tallies(one, row)
            recalls = right / one.truth
            precision = right / (right + wrong + np.spacing(1))
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            places = np.searchsorted(recalls, _RECALLS, side="left")
            reached = places < len(recalls)
            at = np.zeros(len(_RECALLS))
            at[reached] = envelope[places[reached]]
            per_class[row, label] = at.mean()
            recall[row, label] = recalls[-1] if len(recalls) else 0.0
    return AveragePrecision(
        per_class, recall, np.array([one.truth for one in classes], np.int64), tuple(ious)
    )


def confusion(
    found: Sequence[Detections],
    truth: Sequence[TrueObjects],
    thresholds: Sequence[float],
    *,
    iou: float = 0.5,
) -> npt.NDArray[np.int64]:
    """Count which objects are taken for which.

    Parameters
    ----------
    found, truth
        One item a picture.
    thresholds
        For each class, the score from which an object counts.
    iou
        Least intersection over union at which two boxes are of one object, whatever their classes. Pairs are made by overlap, the
        closest first, and each box is in one pair at most.

    Returns
    -------
    numpy.ndarray
        int64 ``(k + 1, k + 1)``: row is the true class, column the one found; the last row is what is not there (background), the last
        column what was missed. What lies in a crowd, and crowds themselves, are not counted.
    """
    n_labels = len(thresholds)
    limits = np.asarray(thresholds, np.float64)
    table = np.zeros((n_labels + 1, n_labels + 1), np.int64)
    for ours, theirs in zip(found, truth, strict=True):
        sure = ours.scores.astype(np.float64) >= limits[ours.labels]
        boxes, labels = ours.boxes[sure], ours.labels[sure].astype(int)
        crowd = np.zeros(len(theirs.labels), bool) if theirs.crowd is None else theirs.crowd
        inside = (overlaps(boxes, theirs.boxes[crowd], crowd[crowd]) >= iou).any(axis=1)
        real, kinds = theirs.boxes[~crowd], theirs.labels[~crowd]
        pairs = _closest(overlaps(boxes, real), iou)
        np.add.at(table, (kinds[pairs[:, 1]], labels[pairs[:, 0]]), 1)
        alone = np.setdiff1d(np.flatnonzero(~inside), pairs[:, 0])
        np.add.at(table, (np.full(len(alone), n_labels), labels[alone]), 1)
        missed = np.setdiff1d(np.arange(len(real)), pairs[:, 1])
        np.add.at(table, (kinds[missed], np.full(len(missed), n_labels)), 1)
    return table


def _closest(table: Floats, iou: float) -> npt.NDArray[np.int64]:
    """Return pairs ``(p, 2)`` of row and column, the greatest overlap first, each used once."""
    rows, columns = np.nonzero(table >= iou)
    order = np.argsort(-table[rows, columns], kind="stable")
    pairs: list[tuple[int, int]] = []
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in used_rows and column not in used_columns:
            pairs.append((row, column))
            used_rows.add(row)
            used_columns.add(column)
    return np.array(pairs, np.int64).reshape(-1, 2)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
