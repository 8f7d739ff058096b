"""From pixels to a network's input: square, resize, normalise. Every choice is a parameter that travels with the model.

Random crops at inference and a mean that stays behind with the training code are the two faults most often met in published
classifiers; both are impossible here because nothing is drawn and nothing has a hidden default.
"""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Crop = Literal["centre-square", "shorter-side", "pad-square"]
SquareCrop = Literal["centre-square", "pad-square"]
Resample = Literal["bilinear", "bicubic", "lanczos", "area"]

_FILTERS: Final = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


_LONGEST_RESIZED: Final = 16
"""Beyond this ratio of sides only the middle of a picture is resized: a strip of 1 x 10,000 px would otherwise take gigabytes."""


def border_colour(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return the median RGB colour of the outermost line of pixels, shape ``(3,)``: the background of a particle crop."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    colour: npt.NDArray[np.uint8] = np.rint(np.median(edge, axis=0)).astype(np.uint8)
    return colour


def square(pixels: Pixels, crop: SquareCrop, fill: int | Literal["border"] = "border") -> Pixels:
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
        raise ValueError(
            f"crop {crop!r} cannot be made before resizing; expected centre-square or pad-square (see `fitted`)"
        )
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


def shorter_side(pixels: Pixels, size_px: int, resample: Resample) -> Pixels:
    """Scale an image so that its shorter side has `size_px`, then cut the middle of the longer one.

    Equal to ``Resize(size_px)`` and ``CenterCrop(size_px)`` of torchvision on Pillow images, with which published classifiers are
    trained (tests/torch/test_shorter_side.py): the longer side is rounded down, the first column of the cut to the nearest even number
    where it falls between two.

    Returns
    -------
    numpy.ndarray
        uint8 ``(size_px, size_px, 3)``.
    """
    if resample not in _FILTERS:
        raise ValueError(f"resample {resample!r} is not known; expected one of {', '.join(_FILTERS)}")
    height, width = pixels.shape[:2]
    short = min(height, width)
    wide, tall = (int(size_px * side / short) if side > short else size_px for side in (width, height))
    left, top = round((wide - size_px) / 2), round((tall - size_px) / 2)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(wide, tall) > _LONGEST_RESIZED * size_px:
        across, down = width / wide, height / tall
        box = (left * across, top * down, (left + size_px) * across, (top + size_px) * down)
        return np.asarray(image.resize((size_px, size_px), _FILTERS[resample], box=box))
    resized = np.asarray(image.resize((wide, tall), _FILTERS[resample]))
    return resized[top : top + size_px, left : left + size_px]


def fitted(
    pixels: Pixels, *, size_px: int, crop: Crop, fill: int | Literal["border"], resample: Resample
) -> Pixels:
    """Return an image as a network sees it before `normalise`: uint8 ``(size_px, size_px, 3)``.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB.
    size_px, crop, fill, resample
        As in the model's card: `shorter_side` resizes first, the others (`square`) cut or fill first.
    """
    if crop == "shorter-side":
        return shorter_side(pixels, size_px, resample)
    return resize(square(pixels, crop, fill), size_px, resample)


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
    """Return a network's input of shape ``(size_px, size_px, 3)``: `fitted`, then `normalise`."""
    square_px = fitted(pixels, size_px=size_px, crop=crop, fill=fill, resample=resample)
    return normalise(square_px, mean, scale)
