"""What a threshold on the score of a detector would give: precision, recall, F1."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.science.detection_matching import Matches

Floats = npt.NDArray[np.float64]


def tallies(matches: Matches, row: int) -> tuple[Floats, Floats]:
    """Return how many of the best 1, 2, ... n found objects are right, and how many are wrong: two arrays ``(n,)``."""
    right = np.cumsum(matches.hit[row]).astype(float)
    wrong = np.cumsum(~matches.hit[row] & ~matches.ignored[row]).astype(float)
    return right, wrong


@dataclass(frozen=True, eq=False)
class Curve:
    """What a threshold on the score would give, for each score that was seen, from the best downwards.

    Parameters
    ----------
    thresholds
        ``(n,)``: distinct scores.
    precision, recall, f1
        ``(n,)``: of the objects with that score or more.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats


def precision_recall(matches: Matches, row: int = 0) -> Curve:
    """Return the curve of one class at one of the IoU thresholds it was matched at.

    Raises
    ------
    ValueError
        When there is no true object: recall would mean nothing.
    """
    if not matches.truth:
        raise ValueError("no true object of this class: there is no recall")
    right, wrong = tallies(matches, row)
    last = np.flatnonzero(np.append(np.diff(matches.scores) != 0, np.ones(min(len(right), 1), bool)))
    right, wrong = right[last], wrong[last]
    counted = np.maximum(right + wrong, 1)
    return Curve(
        thresholds=matches.scores[last],
        precision=right / counted,
        recall=right / matches.truth,
        f1=2 * right / (right + wrong + matches.truth),
    )
