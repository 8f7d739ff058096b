"""Plain numbers that describe how one image looks: the words in which a drift verdict names a cause.

Each number answers a question a person could ask while looking at the picture: how big, how bright, how sharp, what
colour. None needs a model, so they can be compared between any two sets of images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

SHARPNESS_SIDE_PX: Final = 128
"""Longest side at which sharpness and saturation are measured; larger images are averaged down to it first."""


@dataclass(frozen=True)
class Statistic:
    """What one statistic is called and measured in."""

    title: str
    unit: str


STATISTICS: Final[Mapping[str, Statistic]] = {
    "width_px": Statistic("width", "px"),
    "height_px": Statistic("height", "px"),
    "aspect": Statistic("elongation of the picture", "longer side / shorter side"),
    "brightness": Statistic("brightness", "mean grey value, 0-255"),
    "background": Statistic("background brightness", "median grey value of the edge, 0-255"),
    "contrast": Statistic("contrast", "standard deviation of the grey value, 0-255"),
    "sharpness": Statistic("sharpness", "variance of the Laplacian / variance of the grey value"),
    "saturation": Statistic("colourfulness", "mean saturation, 0-1"),
    "red_minus_blue": Statistic("warmth of the colour", "mean red minus mean blue, -255 to 255"),
    "green_excess": Statistic("greenness", "mean green minus mean of red and blue, -255 to 255"),
}
"""Every statistic that :func:`image_statistics` returns, in that order."""


def image_statistics(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Describe one image by plain numbers.

    Parameters
    ----------
    pixels
        uint8 array of shape ``(height, width, 3)``, RGB.

    Returns
    -------
    dict
        One finite number for each name in :data:`STATISTICS`, in that order.

        - ``width_px``, ``height_px``, ``aspect`` (longer side over shorter side, at least 1).
        - ``brightness``, ``contrast``: mean and standard deviation of the grey value (ITU-R BT.601 luma, 0-255).
        - ``background``: median grey value of the outermost line of pixels.
        - ``sharpness``: variance of the 4-neighbour Laplacian [1]_ divided by the variance of the grey value, so that a
          faint image is not called blurred. Measured after averaging the image down to at most
          :data:`SHARPNESS_SIDE_PX` on its longest side, so that a camera with more pixels is not called blurred either.
          0 for images smaller than 3 px on a side, and for images of a single grey value.
        - ``saturation``: mean of (max - min) / max over the channels, 0-1, at the same reduced size.
        - ``red_minus_blue``, ``green_excess``: colour cast, from the channels' means.

    Raises
    ------
    ValueError
        When the array is not uint8 of shape ``(height, width, 3)`` or has no pixels.

    References
    ----------
    .. [1] Pech-Pacheco, J. L. et al. "Diatom autofocusing in brightfield microscopy: a comparative study." ICPR 2000,
       vol. 3, 314-317.

    Examples
    --------
    >>> grey = np.full((40, 80, 3), 128, dtype=np.uint8)
    >>> values = image_statistics(grey)
    >>> values["width_px"], values["aspect"], values["brightness"], values["contrast"], values["sharpness"]
    (80.0, 2.0, 128.0, 0.0, 0.0)
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(
            f"pixels must be a uint8 array of shape (height, width, 3) with at least one pixel, "
            f"got {pixels.dtype} of shape {pixels.shape}"
        )
    height, width = pixels.shape[:2]
    colour = Image.fromarray(np.ascontiguousarray(pixels))
    grey = colour.convert("L")
    red, green, blue = np.asarray(colour.histogram(), dtype=np.int64).reshape(3, 256)
    brightness, contrast = _mean_and_std(np.asarray(grey.histogram(), dtype=np.int64))
    mean_red, mean_green, mean_blue = (_mean_and_std(channel)[0] for channel in (red, green, blue))
    return {
        "width_px": float(width),
        "height_px": float(height),
        "aspect": max(width, height) / min(width, height),
        "brightness": brightness,
        "background": float(np.median(_edge(np.asarray(grey)))),
        "contrast": contrast,
        "sharpness": _sharpness(np.asarray(_reduced(grey), dtype=np.float64)),
        "saturation": _saturation(np.asarray(_reduced(colour), dtype=np.float64)),
        "red_minus_blue": mean_red - mean_blue,
        "green_excess": mean_green - (mean_red + mean_blue) / 2,
    }


def _mean_and_std(histogram: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return mean and standard deviation of the 256 grey values counted in a histogram; exact in integers."""
    values = np.arange(256, dtype=np.int64)
    count = int(histogram.sum())
    total, squares = int(histogram @ values), int(histogram @ values**2)
    # Python integers do not overflow, so neither does a scan of 10^9 pixels.
    variance = (squares * count - total * total) / (count * count)
    return total / count, float(np.sqrt(variance))


def _reduced(image: Image.Image) -> Image.Image:
    longest = max(image.size)
    if longest <= SHARPNESS_SIDE_PX:
        return image
    factor = SHARPNESS_SIDE_PX / longest
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BOX)


def _edge(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _sharpness(grey: npt.NDArray[np.float64]) -> float:
    if min(grey.shape) < 3 or grey.min() == grey.max():
        return 0.0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var() / grey.var())


def _saturation(colour: npt.NDArray[np.float64]) -> float:
    highest, lowest = colour.max(axis=2), colour.min(axis=2)
    return float(np.mean((highest - lowest) / np.maximum(highest, 1)))
