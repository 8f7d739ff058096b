"""Lengths of an outline: ImageJ's traced perimeter, Feret diameter and convex hull."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

Mask = npt.NDArray[np.bool_]
_CORNER: Final = 2 - math.sqrt(2)
_STEPS: Final = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up as (row, column)."""


def outer_outline(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the corners of the outer outline along pixel edges, clockwise, from where ImageJ's wand begins.

    That is the corner after the top right one of the topmost row's first run (ImageJ since 2009; where a perimeter is counted
    from can change it by one corner, 2 - sqrt(2)). Pixels that touch at a corner belong together (8 neighbours); holes are not
    followed. Shape (corners, 2), as (row, column) of pixel corners.

    Raises
    ------
    ValueError
        When the region is empty.
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        raise ValueError("An empty region has no outline.")
    # Bytes: one a pixel, and quick to ask one by one.
    inside, stride = np.pad(mask, 1).tobytes(), mask.shape[1] + 2
    row, column = int(rows[0]), int(columns[0])
    start = (row, column)
    heading, corners = 0, [start]
    while True:
        row, column = row + _STEPS[heading][0], column + _STEPS[heading][1]
        # The two pixels ahead of this corner, to the left and to the right of the heading (padding shifts by one).
        down, right = _STEPS[heading]
        left_row, left_column = row + (down - right - 1) // 2 + 1, column + (right + down - 1) // 2 + 1
        right_row, right_column = row + (down + right - 1) // 2 + 1, column + (right - down - 1) // 2 + 1
        if inside[left_row * stride + left_column]:
            turned = (heading - 1) % 4
        elif inside[right_row * stride + right_column]:
            continue
        else:
            turned = (heading + 1) % 4
        if (row, column) == start and turned == 0:
            break
        corners.append((row, column))
        heading = turned
    return np.roll(np.array(corners), -2, axis=0)


def traced_perimeter(corners: npt.NDArray[np.int64]) -> float:
    """Return ImageJ's perimeter of a traced outline in px.

    Edges count 1; each corner that does not follow another one by an edge of one pixel shortens by 2 - sqrt(2), because it is passed
    diagonally.
    """
    following = np.roll(corners, -1, axis=0)
    sides = np.abs(following - corners).sum(axis=1)
    passed, corner = 0, False
    for side_before in np.roll(sides, 1):
        corner = bool(side_before > 1 or not corner)
        passed += corner
    return float(sides.sum() - passed * _CORNER)


def feret_diameter(corners: npt.NDArray[np.int64]) -> float:
    """Return the largest distance between two corners of an outline, in px."""
    return float(pdist(_hull_points(corners)).max())


@dataclass(frozen=True, slots=True)
class DrawnHull:
    """A convex hull as pixels.

    Attributes
    ----------
    area_px : int
        Pixels within the hull's polygon through the outermost pixels, and those its drawn sides pass.
    perimeter_px : int
        Of these, the pixels with one of their 8 neighbours outside.
    """

    area_px: int
    perimeter_px: int


def drawn_hull(mask: Mask) -> DrawnHull:
    """Return the convex hull of a region, filled and its sides drawn in whole pixels.

    Raises
    ------
    ValueError
        When the region is empty.
    """
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(axis=1))
    # The first and the last pixel of each row are enough for a hull.
    ends = (mask[rows].argmax(axis=1), width - 1 - mask[rows, ::-1].argmax(axis=1))
    points = _hull_points(np.concatenate([np.column_stack([rows, end]) for end in ends]))
    first = np.full(height, width, dtype=np.int64)
    last = np.full(height, -1, dtype=np.int64)
    for (row, column), (end_row, end_column) in zip(points, np.roll(points, -1, axis=0), strict=True):
        steps = max(abs(end_row - row), abs(end_column - column), 1)
        share = np.arange(steps + 1) / steps
        side_rows = np.floor(row + (end_row - row) * share + 0.5).astype(np.int64)
        side_columns = np.floor(column + (end_column - column) * share + 0.5).astype(np.int64)
        np.minimum.at(first, side_rows, side_columns)
        np.maximum.at(last, side_rows, side_columns)
    across = np.arange(width)
    hull = (across >= first[:, None]) & (across <= last[:, None])
    inner = ndimage.binary_erosion(hull, np.ones((3, 3), bool))
    return DrawnHull(int(hull.sum()), int(hull.sum() - inner.sum()))


def _hull_points(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the corners of the convex hull in order; of points on one line, its two ends."""
    if len(points) == 0:
        raise ValueError("An empty region has no convex hull.")
    try:
        ordered: npt.NDArray[np.int64] = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        order = np.lexsort((points[:, 1], points[:, 0]))
        ordered = points[order[[0, -1]]]
    return ordered
