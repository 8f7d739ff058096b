"""From which score an object counts: chosen for each class on validation pictures, never on test pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidelab.domain.prediction import Detections
from tidelab.science.detection_curves import Curve, precision_recall
from tidelab.science.detection_matching import Matches, TrueObjects, match

FALLBACK: Final = 0.25
"""The usual threshold of YOLO detectors, taken where there is too little to choose by."""

LEAST_POSITIVES: Final = 10
"""True objects of a class in the validation pictures that a threshold is chosen from."""


@dataclass(frozen=True)
class Threshold:
    """The threshold of one class.

    Parameters
    ----------
    value
        Score from which an object counts.
    positives
        True objects it rests on.
    precision, recall, f1
        On the validation pictures, at this threshold; NaN without true objects.
    reason
        Why it was not chosen as asked; empty: it was.
    """

    value: float
    positives: int
    precision: float
    recall: float
    f1: float
    reason: str = ""


def choose_thresholds(
    found: Sequence[Detections],
    truth: Sequence[TrueObjects],
    labels: Sequence[str],
    *,
    iou: float = 0.5,
    least_precision: float | None = None,
    least_positives: int = LEAST_POSITIVES,
    fallback: float = FALLBACK,
    maximum: int = 300,
) -> dict[str, Threshold]:
    """Choose a threshold for each class.

    Parameters
    ----------
    found, truth
        Of the validation pictures, one item a picture; `found` holds all stored objects, however low their score.
    labels
        Class names.
    iou
        Least intersection over union at which a found box is a true one.
    least_precision
        None: the greatest F1. Else, of the thresholds with at least this precision, the one with the greatest F1.
    least_positives
        A class with fewer true objects gets the `fallback`.
    fallback
        Threshold of classes that nothing can be chosen for.
    maximum
        Objects of one class in one picture that are looked at.

    Returns
    -------
    dict
        Label -> `Threshold`. Of equal F1 the higher threshold is taken: fewer objects that are not there. The value lies half-way
        between the last score that counts and the next one that does not, so that a last-bit difference decides nothing.
    """
    classes = match(found, truth, len(labels), ious=(iou,), maximum=maximum)
    return {
        label: _choose(one, least_precision, least_positives, fallback)
        for label, one in zip(labels, classes, strict=True)
    }


def _choose(matches: Matches, least: float | None, least_positives: int, fallback: float) -> Threshold:
    if matches.truth < least_positives:
        few = f"{matches.truth} objects of this class in the validation pictures; at least {least_positives} are needed"
        return _at(matches, fallback, few)
    curve = precision_recall(matches)
    if not len(curve.f1) or curve.f1.max() == 0:
        return _at(matches, fallback, "none of its objects was found in the validation pictures")
    able = np.ones(len(curve.f1), bool) if least is None else curve.precision >= least
    if not able.any():
        reason = f"no threshold reaches a precision of {least:g}; this one has the greatest"
        return _at(matches, _between(curve, int(np.lexsort((-curve.f1, -curve.precision))[0])), reason)
    return _at(matches, _between(curve, int(np.argmax(np.where(able, curve.f1, -1.0)))))


def _between(curve: Curve, place: int) -> float:
    """Return a number between the score at `place` and the next lower one, with as few decimals as will do."""
    score = float(curve.thresholds[place])
    lower = float(curve.thresholds[place + 1]) if place + 1 < len(curve.thresholds) else score
    for decimals in (3, 4, 5, 6):
        value = round((score + lower) / 2, decimals)
        if lower < value <= score:
            return value
    return score


def _at(matches: Matches, value: float, reason: str = "") -> Threshold:
    if not matches.truth:
        return Threshold(value, 0, float("nan"), float("nan"), float("nan"), reason)
    chosen = matches.scores >= value
    right = int(matches.hit[0][chosen].sum())
    wrong = int((~matches.hit[0] & ~matches.ignored[0])[chosen].sum())
    return Threshold(
        value=value,
        positives=matches.truth,
        precision=right / (right + wrong) if right + wrong else float("nan"),
        recall=right / matches.truth,
        f1=2 * right / (right + wrong + matches.truth),
        reason=reason,
    )
