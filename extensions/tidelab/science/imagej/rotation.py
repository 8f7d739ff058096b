"""Rotation of 8-bit pictures by any angle as ImageJ's *Rotate... (Arbitrarily)*, bilinear, the size kept."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]

_OUTSIDE: Final = -0.01
_LAST: Final = 1.001
"""ImageJ reads no further than this far from the last pixel's far side."""

_STRIP_PIXELS: Final = 2**20


def rotate(picture: Grey, angle_deg: float, background: int = 255) -> Grey:
    """Return a picture turned clockwise about its middle, what comes from outside it as `background`.

    Parameters
    ----------
    picture : Grey
        At least two pixels high and wide.
    angle_deg : float
        Degrees, positive clockwise as in ImageJ's dialogue.
    background : int
        Grey level of pixels that lie outside the picture before the turn.

    Returns
    -------
    Grey
        Of the same shape; grey levels rounded half up.
    """
    height, width = picture.shape
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    angle = -angle_deg / (180 / math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    across = np.arange(width) - middle_x
    turned = np.empty_like(picture)
    # In strips of rows: the places are two doubles a pixel, and large objects have many.
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        down = (np.arange(top, min(top + step, height)) - middle_y)[:, None]
        x, y = across * cos - down * sin + middle_x, across * sin + down * cos + middle_y
        inside = (x >= _OUTSIDE) & (x < width) & (y >= _OUTSIDE) & (y < height)
        levels = _bilinear(picture, _within(x, width), _within(y, height))
        turned[top : top + step] = np.where(inside, levels, background)
    return turned


def _within(places: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    kept: npt.NDArray[np.float64] = np.where(places >= size - 1.0, size - _LAST, np.maximum(places, 0.0))
    return kept


def _bilinear(picture: Grey, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Grey:
    left, top = x.astype(np.int64), y.astype(np.int64)
    part_x, part_y = x - left, y - top
    upper = _along(picture, top, left, part_x)
    lower = _along(picture, top + 1, left, part_x)
    levels: Grey = (upper + part_y * (lower - upper) + 0.5).astype(np.uint8)
    return levels


def _along(
    picture: Grey, rows: npt.NDArray[np.int64], left: npt.NDArray[np.int64], part: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    # What is gathered becomes doubles, not the picture, of which a strip needs a part.
    first = picture[rows, left].astype(np.float64)
    levels: npt.NDArray[np.float64] = first + part * (picture[rows, left + 1].astype(np.float64) - first)
    return levels
