"""Non-maximum suppression: of boxes of one class that overlap, the surest stays."""

from typing import Any

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]


def suppress(
    boxes: Boxes,
    scores: npt.NDArray[np.float32],
    labels: npt.NDArray[np.integer[Any]],
    *,
    iou: float,
    maximum: int,
) -> npt.NDArray[np.int64]:
    """Return the boxes that stay, best score first.

    Parameters
    ----------
    boxes
        float32 ``(n, 4)``: x_min, y_min, x_max, y_max.
    scores
        float32 ``(n,)``.
    labels
        ``(n,)``: boxes of different classes never suppress each other.
    iou
        A box goes when it overlaps a surer one that stays by more than this intersection over union.
    maximum
        Most boxes that stay.

    Returns
    -------
    numpy.ndarray
        int64 indices into the boxes. The same boxes in another order give the same ones: equal scores are taken by box, then label.

    Notes
    -----
    The greedy rule of Felzenszwalb et al. (2010), https://doi.org/10.1109/TPAMI.2009.167, one vector operation for each box that stays.
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    waiting = np.lexsort((labels, boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))
    low, high, kinds = boxes[waiting, :2], boxes[waiting, 2:], labels[waiting]
    areas = np.prod(np.maximum(high - low, 0), axis=1)
    kept: list[int] = []
    while len(waiting) and len(kept) < maximum:
        kept.append(int(waiting[0]))
        sides = np.maximum(np.minimum(high[0], high[1:]) - np.maximum(low[0], low[1:]), 0)
        shared = sides[:, 0] * sides[:, 1]
        # Compared as a product: a box without area overlaps nothing, and nothing is divided by 0.
        over = shared > np.float32(iou) * (areas[0] + areas[1:] - shared)
        stay = ~(over & (kinds[1:] == kinds[0]))
        waiting, low, high = waiting[1:][stay], low[1:][stay], high[1:][stay]
        areas, kinds = areas[1:][stay], kinds[1:][stay]
    return np.array(kept, np.int64)
