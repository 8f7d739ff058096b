"""Which of the found objects are there: boxes compared with true boxes by the rules of COCO.

The rules are those of ``pycocotools.cocoeval`` (https://cocodataset.org/#detection-eval), which the tests compare with; they are written
anew because what is computed here is also needed per object, for thresholds and curves, and by stacks without pycocotools.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.prediction import Detections

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ANY_AREA: Final = (0.0, 1e10)
AREAS: Final = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Ranges of the area of an object, px2, both ends included (COCO)."""

COCO_MAXIMUM: Final = 100
"""Objects of one class in one picture that COCO looks at, the surest first."""


@dataclass(frozen=True, eq=False)
class TrueObjects:
    """The objects that are in one picture.

    Parameters
    ----------
    boxes
        ``(g, 4)``: x_min, y_min, x_max, y_max, pixels.
    labels
        ``(g,)``: class indices.
    crowd
        ``(g,)``: boxes around many objects; whatever of their class is found in them is neither right nor wrong. None: no such boxes.
    areas
        ``(g,)``: area of the object itself, px2, where its outline is known. None: of the boxes.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    crowd: Bools | None = None
    areas: Floats | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes of true objects must be of shape ({count}, 4), got {self.boxes.shape}")
        for name in ("crowd", "areas"):
            given = getattr(self, name)
            if given is not None and given.shape != (count,):
                raise ValueError(f"{name} of true objects must be of shape ({count},), got {given.shape}")


@dataclass(frozen=True, eq=False)
class Matches:
    """What was found of one class in all pictures, best score first, and what of it is there.

    Parameters
    ----------
    scores
        ``(n,)``.
    hit
        ``(t, n)``: at each of the IoU thresholds, whether it is a true object that no surer one was matched with.
    ignored
        ``(t, n)``: neither right nor wrong (in a crowd, or out of the range of areas).
    truth
        Objects that could be found.
    pictures
        ``(n,)``: number of the picture of each.
    """

    scores: Floats
    hit: Bools
    ignored: Bools
    truth: int
    pictures: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def overlaps(found: npt.NDArray[Any], truth: npt.NDArray[Any], crowd: Bools | None = None) -> Floats:
    """Return the intersection over union of every pair of boxes, ``(n, g)``.

    Parameters
    ----------
    found, truth
        ``(n, 4)`` and ``(g, 4)``: x_min, y_min, x_max, y_max.
    crowd
        ``(g,)``: for these, the share of the found box that lies within takes its place.
    """
    ours, theirs = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared: Floats = sides[..., 0] * sides[..., 1]
    own = _area(ours)[:, None]
    union = own + _area(theirs)[None, :] - shared
    if crowd is not None:
        union = np.where(crowd[None, :], own, union)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match(
    found: Sequence[Detections],
    truth: Sequence[TrueObjects],
    n_labels: int,
    *,
    ious: Sequence[float] = (0.5,),
    maximum: int = COCO_MAXIMUM,
    area: tuple[float, float] = ANY_AREA,
) -> list[Matches]:
    """Compare what was found with what is there, class by class.

    Parameters
    ----------
    found, truth
        One item a picture, in the same order.
    n_labels
        Number of classes.
    ious
        Least intersections over union at which a found box is a true one.
    maximum
        Objects of one class in one picture that are looked at, the surest first.
    area
        Only true objects of these areas (px2, both ends included) count; found boxes outside that match none are ignored.

    Returns
    -------
    list of Matches
        One for each class.

    Raises
    ------
    ValueError
        When the two differ in length or a class index is out of range.
    """
    if len(found) != len(truth):
        raise ValueError(f"{len(found)} pictures were looked at, but the truth of {len(truth)} is given")
    every = [one.labels.astype(np.int64) for one in found] + [one.labels.astype(np.int64) for one in truth]
    labels = np.concatenate(every) if every else np.empty(0, np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_labels:
        raise ValueError(f"class indices must lie between 0 and {n_labels - 1}")
    return [
        _match_class(found, truth, label, np.asarray(ious, float), maximum, area) for label in range(n_labels)
    ]


def _match_class(
    found: Sequence[Detections],
    truth: Sequence[TrueObjects],
    label: int,
    ious: Floats,
    maximum: int,
    area: tuple[float, float],
) -> Matches:
    scores, hits, passed, numbers = [], [], [], []
    count = 0
    for number, (ours, theirs) in enumerate(zip(found, truth, strict=True)):
        chosen = np.flatnonzero(ours.labels == label)
        order = chosen[np.argsort(-ours.scores[chosen], kind="stable")][:maximum]
        real = np.flatnonzero(theirs.labels == label)
        if not len(order) and not len(real):
            continue
        crowd = np.zeros(len(real), bool) if theirs.crowd is None else theirs.crowd[real]
        areas = _area(theirs.boxes[real]) if theirs.areas is None else theirs.areas[real]
        aside = crowd | (areas < area[0]) | (areas > area[1])
        hit, ignored = _match_picture(ours.boxes[order], theirs.boxes[real], crowd, aside, ious)
        own = _area(np.asarray(ours.boxes[order], np.float64))
        ignored |= ~hit & ((own < area[0]) | (own > area[1]))
        count += int((~aside).sum())
        scores.append(ours.scores[order].astype(np.float64))
        hits.append(hit)
        passed.append(ignored)
        numbers.append(np.full(len(order), number))
    if not scores:
        none = np.zeros((len(ious), 0), bool)
        return Matches(np.empty(0), none, none, 0)
    every = np.concatenate(scores)
    order = np.argsort(-every, kind="stable")
    hit, ignored = (np.concatenate(part, axis=1)[:, order] for part in (hits, passed))
    return Matches(every[order], hit & ~ignored, ignored, count, np.concatenate(numbers)[order])


def _match_picture(
    boxes: npt.NDArray[Any], real: Floats, crowd: Bools, aside: Bools, ious: Floats
) -> tuple[Bools, Bools]:
    """Match one picture's boxes of one class, the surest first, at every threshold at once.

    A box takes the true object it overlaps most, of equal ones the last; one that does not count is taken only where no other is left,
    and a crowd as often as wanted. Returns which boxes took any, and which took one that does not count.
    """
    shape = (len(ious), len(boxes))
    taken, unseen = np.zeros(shape, bool), np.zeros(shape, bool)
    if not len(real) or not len(boxes):
        return taken, unseen
    table = overlaps(boxes, real, crowd)
    least = np.minimum(ious, 1 - 1e-10)[:, None]
    used = np.zeros((len(ious), len(real)), bool)
    rows = np.arange(len(ious))
    for k, row in enumerate(table):
        free = (row >= least) & ~(used & ~crowd)
        for countless in (False, True):
            able = free & (aside == countless)
            able &= ~taken[:, k, None]
            best = len(real) - 1 - np.argmax(np.where(able, row, -1.0)[:, ::-1], axis=1)
            some = able.any(axis=1)
            taken[some, k] = True
            unseen[some, k] = countless
            used[rows[some], best[some]] = True
    return taken, unseen


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
