"""From pixels to a network's input: square, resize, normalise. Every choice is a parameter that travels with the model.

Random crops at inference and a mean that stays behind with the training code are the two faults most often met in published
classifiers; both are impossible here because nothing is drawn and nothing has a hidden default.
"""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Crop = Literal["centre-square", "pad-square"]
Resample = Literal["bilinear", "bicubic", "lanczos", "area"]

_FILTERS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


def border_colour(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the median RGB colour of the outermost line of pixels, shape ``(3,)``: the background of a particle crop."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    colour: npt.NDArray[np.uint8] = np.rint(np.median(edge, axis=0)).astype(np.uint8)
    return colour


def square(pixels: Pixels, crop: Crop, fill: int | Literal["border"] = "border") -> Pixels:
    """Make an image square.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB.
    crop
        ``centre-square`` cuts the longer side around its centre (an odd remainder is cut at the end); ``pad-square`` fills the
        shorter side equally on both ends and loses nothing, which matters for long cells such as *Tripos*.
    fill
        Grey value of the padding, or ``border`` for `border_colour`.

    Returns
    -------
    numpy.ndarray
        uint8 ``(side, side, 3)``; the side is the shorter one for ``centre-square`` and the longer one for ``pad-square``.
    """
    height, width = pixels.shape[:2]
    if crop == "centre-square":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return pixels[top : top + side, left : left + side]
    if crop != "pad-square":
        raise ValueError(f"crop {crop!r} is not known; expected centre-square or pad-square")
    side = max(height, width)
    padded = np.empty((side, side, 3), np.uint8)
    padded[:] = border_colour(pixels) if fill == "border" else np.uint8(fill)
    top, left = (side - height) // 2, (side - width) // 2
    padded[top : top + height, left : left + width] = pixels
    return padded


def resize(pixels: Pixels, size_px: int, resample: Resample) -> Pixels:
    """Return a square image scaled to ``(size_px, size_px, 3)``; every filter is antialiased when it shrinks (Pillow)."""
    if resample not in _FILTERS:
        raise ValueError(f"resample {resample!r} is not known; expected one of {', '.join(_FILTERS)}")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((size_px, size_px), _FILTERS[resample]))


def normalise(
    pixels: Pixels, mean: tuple[float, float, float], scale: tuple[float, float, float]
) -> npt.NDArray[np.float32]:
    """Return ``(pixels - mean) / scale`` per RGB channel as float32; `mean` and `scale` are on the 0-255 scale."""
    centred = pixels.astype(np.float32) - np.asarray(mean, np.float32)
    return centred / np.asarray(scale, np.float32)


def prepare(
    pixels: Pixels,
    *,
    size_px: int,
    crop: Crop,
    fill: int | Literal["border"],
    resample: Resample,
    mean: tuple[float, float, float],
    scale: tuple[float, float, float],
) -> npt.NDArray[np.float32]:
    """Return a network's input of shape ``(size_px, size_px, 3)``: `square`, `resize`, then `normalise`."""
    return normalise(resize(square(pixels, crop, fill), size_px, resample), mean, scale)
