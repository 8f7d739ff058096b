"""Where several animals that touch are cut apart: a part for each, a distance transform each, a watershed, and its lines.

The recipe is that of the published separator (a mask for each animal, the Euclidean distance transform (EDT) of each mask, one marker at
its maximum, watershed on the negative sum, lines of both sides of each border, two pixels thick). Which pixels belong to which animal says a
`Separator`: a model (`zooscan.onnx_separator`), or without one the shape alone.

References
----------
.. [1] Beucher, S. and Lantuejoul, C. (1979). Use of watersheds in contour detection. Int. Workshop on Image Processing, Rennes.
.. [2] Vincent, L. (1993). Morphological grayscale reconstruction in image analysis. IEEE Trans. Image Process. 2, 176-201 (h-maxima).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.draw import line as pixels_of_line
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from zooscan.objects import Grey, Mask

VERSION: Final = "1"
UNCOVERED: Final = 0.2
"""A part of the object that no mask covers becomes a mask of its own from this share of the object's area."""

DEPTH: Final = 0.25
"""Two parts are two when the neck between them is thinner than the smaller part by at least this share of its half-width."""

MAX_PIXELS: Final = 9_000_000
"""Of the box of an object for which lines are proposed, 32 mm squared at 2400 dpi: reconstruction and watershed need 120 bytes a pixel (measured)
and many seconds at that size, and a kernel has 4 GB."""

EIGHT: Final = np.ones((3, 3), bool)
Labels = npt.NDArray[np.int32]
Line = Sequence[tuple[float, float]]
"""Points (x, y) in pixels of the object's box, from its upper left corner."""


class Separator(Protocol):
    """Says which pixels of an object belong to which animal, e.g. an instance-segmentation model.

    Attributes
    ----------
    NAME, VERSION
        Stand beside every proposal made with it, and in the name under which it is kept.
    """

    NAME: str
    VERSION: str

    def separate(self, pixels: Grey, mask: Mask) -> Labels:
        """Return a label image: 0 where nothing is said, else the number of an animal.

        Parameters
        ----------
        pixels
            Grey levels of the object's box, uint8.
        mask
            True at the object's pixels, same shape. Labels outside of it are passed over.

        Returns
        -------
        Labels
            Same shape. Parts of the object may be left at 0.

        Raises
        ------
        SeparatorError
            When it cannot say anything.
        """
        ...


class SeparatorError(Exception):
    """A separator that cannot be used, or that answered with something else than a label image; the text is for a person."""


class ShapeWatershed:
    """Parts from the outline alone: the basins of the maxima of its distance transform that are deep enough apart (h-maxima [2]_)."""

    NAME = "distance transform"
    VERSION = "1"

    def separate(self, pixels: Grey, mask: Mask) -> Labels:
        """See `Separator`; the grey levels are not looked at."""
        filled = ndimage.binary_fill_holes(mask)
        distance = ndimage.distance_transform_edt(np.pad(filled, 1))[1:-1, 1:-1]
        # Relative depth: on a logarithmic scale a neck that is a quarter thinner is as deep for a small part as for a large one.
        height = np.log(np.maximum(distance, 1.0))
        peaks = local_maxima(reconstruction(height + np.log1p(-DEPTH), height), connectivity=2)
        del height
        markers, count = ndimage.label(peaks & filled, EIGHT)
        if count < 2:
            whole: Labels = filled.astype(np.int32)
            return whole
        basins: Labels = watershed(-distance, markers, mask=filled, connectivity=2)
        return basins


@dataclass(frozen=True)
class Region:
    """Connected pixels within the box of an object, kept as their own box: a large object of many parts costs its pixels once.

    Parameters
    ----------
    x, y
        Upper left corner in pixels of the object's box.
    mask
        True where the region is, shape of its own box.
    """

    x: int
    y: int
    mask: Mask

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the object's box that the region's box covers."""
        height, width = self.mask.shape
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    @property
    def area_px(self) -> int:
        """Pixels, without holes."""
        return int(self.mask.sum())

    @property
    def filled_px(self) -> int:
        """Pixels with holes filled, which is what least sizes are compared with."""
        return int(ndimage.binary_fill_holes(self.mask).sum())

    @classmethod
    def of(cls, mask: Mask) -> "Region | None":
        """Return the pixels of a mask of the object's box; None where it has none."""
        box = next(iter(ndimage.find_objects(mask.astype(np.uint8))), None)
        return None if box is None else cls(box[1].start, box[0].start, mask[box].copy())


@dataclass(frozen=True)
class Separation:
    """How an object is cut.

    Parameters
    ----------
    cut
        True at the pixels that become white, shape of the object's box.
    parts
        The objects that remain, from left to right by their first pixel.
    too_large
        Nothing was proposed because the box has more than `MAX_PIXELS` pixels: a person has to look.
    """

    cut: Mask
    parts: tuple[Region, ...]
    too_large: bool = False


def propose(grey: Grey, mask: Mask, min_area_px: int, separator: Separator | None = None) -> Separation:
    """Propose how to cut an object apart.

    Parameters
    ----------
    grey, mask
        Crop and mask (without holes) of the object.
    min_area_px
        Parts smaller than this (holes filled) are no objects: what would leave one is not cut off.
    separator
        Says which pixels belong to which animal; by default `ShapeWatershed`.

    Returns
    -------
    Separation
        Without cut and with the object as its only part where nothing is to be cut, or where it is too large to be looked at here.

    Raises
    ------
    SeparatorError
        When the separator cannot say anything.
    """
    if mask.size > MAX_PIXELS:
        return uncut(mask, too_large=True)
    said = (separator or ShapeWatershed()).separate(grey, mask)
    regions = [one for one in _covering(said, mask) if one.filled_px >= min_area_px]
    if len(regions) < 2:
        return uncut(mask)
    total, markers = np.zeros(mask.shape), np.zeros(mask.shape, np.int32)
    for number, one in enumerate(regions, start=1):
        # Beyond its own box a region has no pixels, so that within it the distances are those of the whole picture.
        distance = ndimage.distance_transform_edt(np.pad(one.mask, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(distance.argmax()), distance.shape)
        markers[one.y + int(row), one.x + int(column)] = number
        total[one.box] += distance
    labels: Labels = watershed(np.negative(total, out=total), markers, mask=mask, connectivity=2)
    return apply(mask, _borders(labels), min_area_px)


def apply(mask: Mask, cut: Mask, min_area_px: int) -> Separation:
    """Return what remains of an object when some of its pixels become white; parts below the least area are lost, as in a scan."""
    cut = cut & mask
    large = [part for part in _regions(mask & ~cut) if part.filled_px >= min_area_px]
    large.sort(key=lambda part: (part.x, part.y))
    return Separation(cut, tuple(large))


def cut_of(lines: Sequence[Line], shape: tuple[int, int]) -> Mask:
    """Return the pixels under hand-drawn lines, two pixels thick so that no diagonal neighbours stay connected across them."""
    thin = np.zeros(shape, bool)
    for points in lines:
        whole = [(round(y), round(x)) for x, y in points]
        for (y0, x0), (y1, x1) in pairwise(whole):
            rows, columns = pixels_of_line(y0, x0, y1, x1)
            inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
            thin[rows[inside], columns[inside]] = True
    thick: Mask = ndimage.binary_dilation(thin, np.ones((2, 2), bool))
    return thick


def uncut(mask: Mask, *, too_large: bool = False) -> Separation:
    """Return an object as it is: no cut, and all of it as its only part."""
    whole = Region.of(mask)
    return Separation(np.zeros_like(mask), () if whole is None else (whole,), too_large)


def _regions(mask: Mask) -> Iterator[Region]:
    """Yield the connected parts (8 neighbours) of a mask."""
    labels, _ = ndimage.label(mask, EIGHT)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        yield Region(box[1].start, box[0].start, labels[box] == number)


def _covering(labels: Labels, mask: Mask) -> list[Region]:
    """Return the labelled parts of the object, and a region for each large part that no label covers."""
    inside = np.where(mask, labels, 0)
    parts = []
    for number, box in enumerate(ndimage.find_objects(inside), start=1):
        if box is not None:
            parts.append(Region(box[1].start, box[0].start, inside[box] == number))
    least = UNCOVERED * int(mask.sum())
    return [*parts, *(one for one in _regions(mask & (inside == 0)) if one.area_px > least)]


def _borders(labels: Labels) -> Mask:
    """Return the pixels with a neighbour of another part: both sides of each border, so two pixels thick."""
    largest = ndimage.maximum_filter(labels, footprint=EIGHT)
    smallest = ndimage.minimum_filter(
        np.where(labels > 0, labels, np.iinfo(labels.dtype).max), footprint=EIGHT
    )
    borders: Mask = (labels > 0) & ((largest != labels) | (smallest != labels))
    return borders
