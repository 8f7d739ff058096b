"""Mean filter and bilinear resize of 8-bit pictures with ImageJ's rounding and coordinates."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Grey = npt.NDArray[np.uint8]


def circular_kernel(radius: float) -> npt.NDArray[np.bool_]:
    """Return the pixels of ImageJ's circular neighbourhood: 37 for radius 3."""
    reach = int(np.sqrt(radius * radius + 1 + 1e-10))
    offset = np.arange(-reach, reach + 1)
    kernel: npt.NDArray[np.bool_] = offset[:, None] ** 2 + offset[None, :] ** 2 <= radius * radius + 1 + 1e-10
    return kernel


def circular_mean(picture: Grey, radius: float = 3.0) -> Grey:
    """Return the mean of the circular neighbourhood of each pixel, edge pixels repeated outwards, rounded half up."""
    kernel = circular_kernel(radius)
    total = np.zeros(picture.shape, np.int32)
    half = kernel.shape[0] // 2
    padded = np.pad(picture, half, mode="edge").astype(np.int32)
    sums = np.pad(np.cumsum(padded, axis=1, dtype=np.int64), ((0, 0), (1, 0)))
    height, width = picture.shape
    for row in range(kernel.shape[0]):
        reach = int(kernel[row].sum()) // 2
        line = sums[row : row + height]
        right = line[:, half + reach + 1 : half + reach + 1 + width]
        total += (right - line[:, half - reach : half - reach + width]).astype(np.int32)
    count = int(kernel.sum())
    mean: Grey = ((2 * total + count) // (2 * count)).astype(np.uint8)
    return mean


_LAST: Final = 1.001
"""ImageJ reads no further than this far from the last pixel's far side."""


def source_positions(size: int, source_size: int) -> npt.NDArray[np.float64]:
    """Return where each pixel of a resized side is read in the source, within [0, source_size - 1.001]."""
    scale = size / source_size
    positions = (np.arange(size) - (size / 2 + scale / 2)) / scale + source_size / 2
    limit = source_size - 1.0
    clipped = np.where(positions >= limit, source_size - _LAST, positions)
    kept: npt.NDArray[np.float64] = np.maximum(clipped, 0.0)
    return kept


def resize_rows(source: Grey, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]) -> Grey:
    """Return the picture read at fractional rows and columns, bilinear, rounded half up.

    Sides of one pixel are repeated. `rows` and `columns` come from `source_positions`, or a part of it.
    """
    upper, left = rows.astype(np.int64), columns.astype(np.int64)
    lower, right = np.minimum(upper + 1, source.shape[0] - 1), np.minimum(left + 1, source.shape[1] - 1)
    down, across = (rows - upper)[:, None], (columns - left)[None, :]
    level = source.astype(np.float64)
    along = level[:, left] + across * (level[:, right] - level[:, left])
    first = along[upper]
    read: Grey = np.floor(first + down * (along[lower] - first) + 0.5).astype(np.uint8)
    return read


def resize(source: Grey, width: int, height: int) -> Grey:
    """Return a picture resized bilinearly as ImageJ's *Scale* does it; a picture of the size asked for is copied."""
    if source.shape == (height, width):
        return source.copy()
    return resize_rows(
        source, source_positions(height, source.shape[0]), source_positions(width, source.shape[1])
    )


def boundary(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the pixels of a region with one of their 8 neighbours outside."""
    inner = ndimage.binary_erosion(mask, np.ones((3, 3), bool))
    edge: npt.NDArray[np.bool_] = mask & ~inner
    return edge
