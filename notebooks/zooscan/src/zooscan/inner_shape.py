"""Slope, contrast, parts and symmetry of one object as the legacy software's macros compute them.

Their definitions stand in the macros that their author published [1]_, among them steps that no text mentions (a count compared with a grey
level, a square that the object may not fit). They are kept as they are: what counts is that a column is the legacy column. Where the macro does
not settle what happens, the value is NaN.

References
----------
.. [1] Picheral, M. Zooprocess, ImageJ macros, https://github.com/picheral/Zooprocess (measurements of vignettes).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from tidelab.science.imagej.ellipse import fit_ellipse
from tidelab.science.imagej.rotation import rotate
from tidelab.science.imagej.threshold import isodata_threshold
from zooscan.objects import Grey, Mask

LEVELS: Final = 255
"""Grey levels that count: 255 is what lies around the object."""

SQUARE: Final = 1.2
"""Side of the square in which an object is turned, over the diagonal of its box."""

STEP_MM: Final = 0.1
"""Thickness is taken at every tenth of a millimetre along the major axis."""

EDGE: Final = 100
"""Difference of two neighbouring grey levels (0 to 255) that is an edge of the turned object."""

MIN_PART_PX: Final = 5
MAX_SQUARE_PX: Final = 100_000_000
"""Objects whose square is larger (a box with a diagonal of 88 mm at 2400 dpi) are not turned: memory is bounded."""

STRIP_PX: Final = 2**22
"""Boxes are larger than objects (a fibre that lies aslant): what needs many bytes a pixel is computed in strips of so many."""

EIGHT: Final = np.ones((3, 3), bool)
Counts = npt.NDArray[np.int64]
Differences = npt.NDArray[np.int32]


def histogram(grey: Grey, mask: Mask) -> Counts:
    """Return how many pixels of the object, its holes left out, have each grey level below 255."""
    return np.bincount(grey[mask], minlength=256)[:LEVELS].astype(np.int64)


def slope(counts: Counts) -> float:
    """Return the standard deviation of the histogram over that of its levels.

    Examples
    --------
    >>> round(slope(np.arange(255)), 6), slope(np.zeros(255, int))
    (1.0, 0.0)
    """
    return float(counts.std(ddof=1) / np.arange(LEVELS).std(ddof=1))


def contrast(grey: Grey, mask: Mask, counts: Counts, quartiles: tuple[int, int, int]) -> float:
    """Return Fcons: how much pixels of three grey levels differ from the mean of their eight neighbours, summed as the macro does.

    The three levels are the highest ones that hold at least one and at most `quartile` pixels (a number of pixels compared with a
    grey level), 0 where there is none. Pixels in the outermost rows and columns of the box do not count as such.

    Parameters
    ----------
    grey, mask
        Of the object's box, without holes.
    counts
        `histogram` of them.
    quartiles
        Histcum1, Histcum2 and Histcum3.
    """
    levels = sorted({_sparse_level(counts, most) for most in quartiles})
    seen, summed = dict.fromkeys(levels, 0), dict.fromkeys(levels, 0)
    visited = 1
    for inner, eighths in _apart(grey, mask):
        for level in levels:
            # Column by column, as the macro goes: what was seen so far of a level is added again at each of its pixels.
            found = eighths.T[level == inner.T].astype(np.int64)
            summed[level] += int(np.cumsum(found).sum()) + seen[level] * found.size
            seen[level] += int(found.sum())
            visited += found.size
    return sum((summed[level] / 8 * int(counts[level]) / 256 for level in levels), 0.0) / visited


def _apart(grey: Grey, mask: Mask) -> Iterator[tuple[Differences, Differences]]:
    """Yield the inner pixels and eight times their differences to the mean of their eight neighbours, in strips of columns."""
    height, width = mask.shape
    step = max(1, STRIP_PX // height)
    for left in range(0, width - 2 if height > 2 else 0, step):
        strip = np.s_[:, left : left + step + 2]
        picture = np.where(mask[strip], grey[strip], 255).astype(np.int32)
        sums = ndimage.convolve(picture, np.ones((3, 3), np.int32), mode="constant")[1:-1, 1:-1]
        inner = picture[1:-1, 1:-1]
        # The pixel itself is no neighbour: 8 inner - (sums - inner).
        yield inner, np.abs(9 * inner - sums)


def _sparse_level(counts: Counts, most: int) -> int:
    return int(max(np.flatnonzero((counts > 0) & (counts <= most)), default=0))


def parts_at(grey: Grey, mask: Mask, level: int) -> int:
    """Return how many parts of at least 5 px (holes filled) remain of the pixels at or below a level after one erosion.

    Pixels with one of eight neighbours outside, or at the edge of the box, are taken off.
    """
    if level < 0:
        return 0  # and never compared: numpy 2.1 ends the process on part of a uint8 picture <= -1
    left = ndimage.binary_erosion(mask & (grey <= level), EIGHT)
    labels, _ = ndimage.label(left, EIGHT)
    boxes = enumerate(ndimage.find_objects(labels), start=1)
    filled = (ndimage.binary_fill_holes(labels[box] == number) for number, box in boxes)
    return sum(int(part.sum()) >= MIN_PART_PX for part in filled)


@dataclass(frozen=True, slots=True)
class Turned:
    """An object in a white square, its centre of area in the middle, turned so that its major axis lies level.

    Parameters
    ----------
    square
        Grey levels, black where the object is.
    area_px
        Of the object, holes filled.
    """

    square: Grey
    area_px: int

    def horizontal(self) -> float:
        """Return half of the pixels of the square that equal those mirrored left to right, over the area of the object.

        White ones around the object count, so that it is often above 1.
        """
        return int((self.square == self.square[:, ::-1]).sum()) / 2 / self.area_px

    def vertical(self) -> float:
        """Return the same top to bottom, with the mirrored picture in black and white."""
        counts = np.array(Image.fromarray(self.square).histogram())  # numpy's needs eight bytes a pixel
        white = self.square > isodata_threshold(counts)
        return int((self.square == white[::-1] * np.uint8(255)).sum()) / 2 / self.area_px

    def thickness_ratio(self, pixel_mm: float) -> float:
        """Return largest over mean thickness across the major axis, the last line left out; 1 where there are too few lines."""
        lines = self.square[:, :: max(1, math.floor(STEP_MM / pixel_mm))].astype(np.int16)
        edges = np.abs(np.diff(lines, axis=0)) > EDGE
        thick = [int(found[1] - found[0]) for found in map(np.flatnonzero, edges.T) if found.size > 1]
        used = thick[:-1]
        return max(used) / (sum(used) / len(thick)) if used else 1.0


def turned(mask: Mask) -> Turned | None:
    """Return an object whose mask fills its box, turned.

    None where the box does not fit into the square when its centre of area is in the middle (the macro does not say what becomes of it
    then), and where the square is larger than `MAX_SQUARE_PX` or of a single pixel.
    """
    height, width = mask.shape
    side = math.hypot(height, width) * SQUARE
    size = int(side)
    if size < 2 or size**2 > MAX_SQUARE_PX:
        return None
    filled: Mask = ndimage.binary_fill_holes(mask)
    rows, columns = np.nonzero(filled)
    left, top = side / 2 - (float(columns.mean()) + 0.5), side / 2 - (float(rows.mean()) + 0.5)
    fits = min(left, top) >= 0 and int(left) + width <= size and int(top) + height <= size
    if not fits:
        return None
    square = np.full((size, size), 255, np.uint8)
    square[int(top) : int(top) + height, int(left) : int(left) + width][mask] = 0
    # The macro hands the angle over as a text of four decimals.
    angle_deg = round(fit_ellipse(filled).angle_deg + 180, 4)
    return Turned(rotate(square, angle_deg), int(filled.sum()))


def turned_at(grey: Grey, mask: Mask, counts: Counts, level: int) -> Turned | None:
    """Return the largest part (holes filled) of the pixels at or below a level, turned.

    None too where no pixel has that level: versions of the macro that then take the next level and such that do not differ.
    """
    if not 0 <= level < LEVELS or not counts[level]:
        return None
    kept = mask & (grey <= level)
    labels, _ = ndimage.label(kept, EIGHT)
    # One at a time: boxes of parts can lie in one another.
    parts = (
        (box, ndimage.binary_fill_holes(labels[box] == number))
        for number, box in enumerate(ndimage.find_objects(labels), start=1)
    )
    box, filled = max(parts, key=lambda part: int(part[1].sum()))  # the first of equals, as in the macro
    # What lies in its holes is within its outline, and stays.
    return turned(kept[box] & filled)
