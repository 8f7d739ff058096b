"""The colour of the water on a photo: hue angle, Forel-Ule colour, and how sure they are.

After WACODI [1]_, with what can be had from a photo alone: the middle of the picture is divided into cells, pixels that are burnt out or
black are left out, cells are averaged in linear light, turned from sRGB to CIE XYZ, and adapted from the white of sRGB (D65) to that of
equal energy, around which hue angles turn. Without that adaptation a grey wall would be called blue-green water. The polynomials that are published
for hue angles [4]_ correct for the few bands of a satellite and have no place here.

References
----------
.. [1] Novoa, S., Wernand, M., van der Woerd, H. J. (2015). WACODI. Limnol. Oceanogr. Methods 13, 697-711.
.. [2] IEC 61966-2-1:1999 (sRGB).
.. [3] Lam, K. M. (1985). Metamerism and colour constancy. Thesis, Bradford: the matrix of the adaptation.
.. [4] van der Woerd, H. J., Wernand, M. R. (2018). Hue-angle product for low to medium spatial resolution optical satellite sensors. Remote
   Sens. 10, 180. https://doi.org/10.3390/rs10020180
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2xyz

from eyeonwater.forel_ule import EQUAL_ENERGY, forel_ule, forel_ule_range, hue_angle_deg, hue_angle_sd_deg

MIDDLE: Final = 0.6
"""Part of each side that is looked at, around the middle: photographers put the water there and the shore at the edge."""

CELLS: Final = 8
"""Cells along each side of the middle."""

BURNT_OUT: Final = 250
"""A pixel with a channel at or above it has lost its colour (sun glint, sky)."""

BLACK: Final = 12
"""A pixel whose brightest channel is below it has none."""

USED_OF_CELL: Final = 0.5
"""A cell counts when at least this part of its pixels can be used."""

FEWEST_CELLS: Final = 8
"""With fewer cells no colour is given."""

LEAST_PURITY: Final = 0.012
"""Distance from the white point below which hue means nothing: a grey of (132, 128, 124) lies that far from it."""

_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D65: Final = np.array([0.95047, 1.0, 1.08883])


@dataclass(frozen=True)
class WaterColour:
    """What a photo says of the colour of water.

    Parameters
    ----------
    x, y
        CIE 1931 chromaticity, adapted to equal energy; NaN where nothing could be used.
    hue_deg, hue_sd_deg
        Hue angle and its standard deviation *within the photo*, degrees; NaN where there is none. What the camera's white balance adds is
        not in it.
    purity
        Distance of x, y from the white point.
    used
        Part of the middle of the photo that was used, 0-1.
    """

    x: float
    y: float
    hue_deg: float
    hue_sd_deg: float
    purity: float
    used: float

    @property
    def forel_ule(self) -> int:
        """Forel-Ule colour 1-21, 0: none."""
        return 0 if np.isnan(self.hue_deg) else forel_ule(self.hue_deg)

    @property
    def forel_ule_range(self) -> tuple[int, int]:
        """Lowest and highest colour within one standard deviation; ``(0, 0)``: none."""
        return (0, 0) if np.isnan(self.hue_deg) else forel_ule_range(self.hue_deg, self.hue_sd_deg)


def adaptation() -> npt.NDArray[np.float64]:
    """Return the matrix ``(3, 3)`` that adapts XYZ from D65 to equal energy after Bradford [3]_."""
    gains = np.diag((_BRADFORD @ np.ones(3)) / (_BRADFORD @ _D65))
    return np.asarray(np.linalg.inv(_BRADFORD) @ gains @ _BRADFORD)


def chromaticity(srgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return x, y adapted to equal energy ``(..., 2)`` of *linear-light averages given as sRGB values* ``(..., 3)`` in 0-1."""
    xyz = rgb2xyz(srgb) @ adaptation().T
    total = xyz.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(xyz[..., :2], total, out=np.full_like(xyz[..., :2], np.nan), where=total > 0))


def water_colour(pixels: npt.NDArray[np.uint8]) -> WaterColour:
    """Measure the colour of the water in the middle of a photo.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)``, sRGB, of any size: each pixel is looked at as it was taken. Made smaller first, a large photo would
        have its glints mixed into the water around them, where nothing tells them any more.
    """
    middle = _middle(pixels)
    if min(middle.shape[:2]) < CELLS:
        return _nothing(0.0)
    cells, used = _cells(middle)
    if len(cells) < FEWEST_CELLS:
        return _nothing(used)
    points = chromaticity(_encoded(cells))
    x, y = (float(value) for value in points.mean(axis=0))
    purity = float(np.hypot(x - EQUAL_ENERGY[0], y - EQUAL_ENERGY[1]))
    if purity < LEAST_PURITY:
        return WaterColour(x, y, float("nan"), float("nan"), purity, used)
    # The spread of the cells, not the error of their mean: neighbouring cells share waves, light and bottom, and are no repetitions.
    covariance = np.cov(points, rowvar=False)
    return WaterColour(x, y, hue_angle_deg(x, y), hue_angle_sd_deg(x, y, covariance), purity, used)


def measure(pixels: npt.NDArray[np.uint8]) -> Mapping[str, float]:
    """Return `water_colour` as numbers of one image; 0 stands for *not determined*, for a table of statistics has no gaps."""
    found = water_colour(pixels)
    low, high = found.forel_ule_range
    return {
        "hue_angle_deg": _or_zero(found.hue_deg),
        "hue_angle_sd_deg": _or_zero(found.hue_sd_deg),
        "forel_ule": float(found.forel_ule),
        "forel_ule_low": float(low),
        "forel_ule_high": float(high),
        "colour_purity": _or_zero(found.purity),
        "usable_share": found.used,
    }


measure.VERSION = "2"  # type: ignore[attr-defined]


def _middle(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = round(height * (1 - MIDDLE) / 2), round(width * (1 - MIDDLE) / 2)
    return pixels[top : height - top, left : width - left]


def _light() -> npt.NDArray[np.float32]:
    """Return light, 0-1, of each of the 256 sRGB values [2]_."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return sRGB values, 0-1, of light: the inverse of `_light`, because scikit-image takes them so."""
    return np.asarray(
        np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    )


def _cells(middle: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], float]:
    """Return the mean light ``(n, 3)`` of the cells of which enough can be used, and the part of all pixels that can be."""
    rows = np.linspace(0, middle.shape[0], CELLS + 1).astype(int)
    columns = np.linspace(0, middle.shape[1], CELLS + 1).astype(int)
    light, means, usable = _light(), [], 0
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            # One cell at a time, so that a photo of any size takes little memory.
            cell = middle[top:bottom, left:right]
            brightest = cell.max(axis=-1)
            use = (brightest >= BLACK) & (brightest < BURNT_OUT)
            usable += int(use.sum())
            if use.mean() >= USED_OF_CELL:
                means.append(light[cell[use]].mean(axis=0, dtype=np.float64))
    return np.array(means).reshape(-1, 3), usable / middle[..., 0].size


def _nothing(used: float) -> WaterColour:
    nan = float("nan")
    return WaterColour(nan, nan, nan, nan, nan, used)


def _or_zero(value: float) -> float:
    return 0.0 if np.isnan(value) else value
