"""Where several animals that touch are cut apart: masks, a distance transform each, a watershed, and its lines.

The recipe is that of the published separator (a mask for each animal, the Euclidean distance transform (EDT) of each mask, one marker at
its maximum, watershed on the negative sum, lines of both sides of each border, two pixels thick). Whoever has a model for the masks gives it as a
`MaskProvider`; without one the masks come from the shape alone.

References
----------
.. [1] Beucher, S. and Lantuejoul, C. (1979). Use of watersheds in contour detection. Int. Workshop on Image Processing, Rennes.
.. [2] Vincent, L. (1993). Morphological grayscale reconstruction in image analysis. IEEE Trans. Image Process. 2, 176-201 (h-maxima).
"""

from collections.abc import Sequence
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

EIGHT: Final = np.ones((3, 3), bool)
Line = Sequence[tuple[float, float]]
"""Points (x, y) in pixels of the object's box, from its upper left corner."""


class MaskProvider(Protocol):
    """Says which pixels of an object belong to which animal, e.g. an instance-segmentation model.

    Attributes
    ----------
    NAME, VERSION
        Stand beside every proposal made with it.
    """

    NAME: str
    VERSION: str

    def __call__(self, grey: Grey, mask: Mask) -> Sequence[Mask]:
        """Return one mask for each animal, of the shape of `mask`; they may overlap and may leave parts uncovered."""
        ...


class ShapeMasks:
    """Masks from the outline alone: the basins of the maxima of its distance transform that are deep enough apart (h-maxima [2]_)."""

    NAME = "distance transform"
    VERSION = "1"

    def __call__(self, grey: Grey, mask: Mask) -> Sequence[Mask]:
        """See `MaskProvider`; the grey levels are not looked at."""
        filled = ndimage.binary_fill_holes(mask)
        distance = ndimage.distance_transform_edt(np.pad(filled, 1))[1:-1, 1:-1]
        # Relative depth: on a logarithmic scale a neck that is a quarter thinner is as deep for a small part as for a large one.
        height = np.log(np.maximum(distance, 1.0))
        peaks = local_maxima(reconstruction(height + np.log1p(-DEPTH), height), connectivity=2)
        markers, count = ndimage.label(peaks & filled, EIGHT)
        if count < 2:
            return [filled]
        basins = watershed(-distance, markers, mask=filled, connectivity=2)
        return [basins == number for number in range(1, count + 1)]


@dataclass(frozen=True)
class Separation:
    """How an object is cut.

    Parameters
    ----------
    cut
        True at the pixels that become white, shape of the object's box.
    parts
        The masks of the objects that remain, each of the shape of the box, from left to right by their first pixel.
    """

    cut: Mask
    parts: tuple[Mask, ...]


def propose(grey: Grey, mask: Mask, min_area_px: int, provider: MaskProvider | None = None) -> Separation:
    """Propose how to cut an object apart.

    Parameters
    ----------
    grey, mask
        Crop and mask (without holes) of the object.
    min_area_px
        Parts smaller than this (holes filled) are no objects: what would leave one is not cut off.
    provider
        Where the masks come from; by default `ShapeMasks`.

    Returns
    -------
    Separation
        Without cut and with the object as its only part where nothing is to be cut.
    """
    masks = _covering((provider or ShapeMasks())(grey, mask), mask)
    masks = [one for one in masks if int(ndimage.binary_fill_holes(one).sum()) >= min_area_px]
    if len(masks) < 2:
        return Separation(np.zeros_like(mask), (mask,))
    distances = [ndimage.distance_transform_edt(np.pad(one, 1))[1:-1, 1:-1] for one in masks]
    markers = np.zeros(mask.shape, np.int32)
    for number, distance in enumerate(distances, start=1):
        markers[np.unravel_index(int(distance.argmax()), mask.shape)] = number
    labels = watershed(-np.sum(distances, axis=0), markers, mask=mask, connectivity=2)
    return apply(mask, _borders(labels), min_area_px)


def apply(mask: Mask, cut: Mask, min_area_px: int) -> Separation:
    """Return what remains of an object when some of its pixels become white; parts below the least area are lost, as in a scan."""
    cut = cut & mask
    labels, count = ndimage.label(mask & ~cut, EIGHT)
    parts = [labels == number for number in range(1, count + 1)]
    large = [part for part in parts if int(ndimage.binary_fill_holes(part).sum()) >= min_area_px]
    large.sort(
        key=lambda part: (int(np.nonzero(part.any(axis=0))[0][0]), int(np.nonzero(part.any(axis=1))[0][0]))
    )
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


def box_of(part: Mask) -> tuple[int, int, int, int]:
    """Return x, y, width and height of a part within the box of its object."""
    rows, columns = np.nonzero(part.any(axis=1))[0], np.nonzero(part.any(axis=0))[0]
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)


def _covering(masks: Sequence[Mask], mask: Mask) -> list[Mask]:
    """Return the masks within the object, and a mask for each large part that none of them covers."""
    inside = [one & mask for one in masks]
    covered = np.logical_or.reduce(inside) if inside else np.zeros_like(mask)
    labels, count = ndimage.label(mask & ~covered, EIGHT)
    rest = [labels == number for number in range(1, count + 1)]
    least = UNCOVERED * int(mask.sum())
    return [one for one in inside if one.any()] + [one for one in rest if int(one.sum()) > least]


def _borders(labels: npt.NDArray[np.int32]) -> Mask:
    """Return the pixels with a neighbour of another part: both sides of each border, so two pixels thick."""
    largest = ndimage.maximum_filter(labels, footprint=EIGHT)
    smallest = ndimage.minimum_filter(
        np.where(labels > 0, labels, np.iinfo(labels.dtype).max), footprint=EIGHT
    )
    borders: Mask = (labels > 0) & ((largest != labels) | (smallest != labels))
    return borders
