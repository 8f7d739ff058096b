"""The one rule by which any picture becomes 8-bit RGB; it looks at this picture alone, never at its neighbours.

- Grey is repeated into the three channels; palette, 1-bit, YCbCr and CMYK become RGB as Pillow converts them.
- Colour with an embedded profile of another colour space than sRGB has been converted before (`tidelab.science.colour_profile`).
- Transparent parts are laid on white.
- 16-bit and 32-bit grey is shifted down from the smallest common depth that holds its largest value: up to 255 it is kept,
  up to 4095 (12-bit cameras) it is divided by 16, up to 65535 by 256. A picture with larger or negative values is refused.
- 16-bit colour keeps the upper 8 bits. Where a TIFF says that zero is white, it is turned round first.
- Decimal values from 0 to 1 are multiplied by 255; larger ones follow the rule of whole numbers.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.runs.failures import InputError

_DEPTHS: Final = ((255, 0), (4095, 4), (65535, 8))
_TRANSPARENT: Final = {"RGBA", "LA", "PA", "RGBa", "La"}
_WIDE: Final = ("I", "F")

Rgb = npt.NDArray[np.uint8]


def image_to_rgb(image: Image.Image) -> Rgb:
    """Return the pixels of a loaded Pillow image as uint8 of shape ``(height, width, 3)``; raises `InputError`."""
    if image.mode.startswith(_WIDE):
        return array_to_rgb(np.asarray(image))
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    try:
        return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)
    except ValueError:
        raise InputError("pixel-values", detail=f"colour space {image.mode} is not read") from None


def array_to_rgb(values: npt.NDArray[Any]) -> Rgb:
    """Return grey ``(h, w)`` or colour ``(h, w, 2..4)`` values of any number type as 8-bit RGB; raises `InputError`."""
    if values.ndim == 3 and values.shape[2] in (1, 2):
        values = values[:, :, 0]
    if values.ndim == 3 and values.shape[2] in (3, 4):
        values = values[:, :, :3]
    elif values.ndim != 2:
        raise InputError("pixel-values", detail=f"it has the shape {' x '.join(map(str, values.shape))}")
    if values.dtype == np.bool_:
        return _rgb(np.where(values, 255, 0).astype(np.uint8))
    if not np.issubdtype(values.dtype, np.number) or np.issubdtype(values.dtype, np.complexfloating):
        raise InputError("pixel-values", detail=f"values of type {values.dtype}")
    if values.dtype == np.uint8:
        return _rgb(values)
    if values.ndim == 3 and values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _rgb((values >> 8).astype(np.uint8))
    return _rgb(_to_eight_bits(values))


def _to_eight_bits(values: npt.NDArray[Any]) -> Rgb:
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all():
            raise InputError("pixel-values", detail="some values are not numbers (NaN or infinite)")
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            scaled: Rgb = np.rint(values * np.float64(255)).astype(np.uint8)
            return scaled
    low, high = float(values.min()), float(values.max())
    if low < 0:
        raise InputError("pixel-values", detail=f"some values are negative (down to {low:g})")
    for largest, shift in _DEPTHS:
        if high <= largest:
            eight: Rgb = np.floor_divide(values, 2**shift).astype(np.uint8)
            return eight
    raise InputError("pixel-values", detail=f"values up to {high:g}")


def _on_white(image: Image.Image) -> Rgb:
    canvas = Image.new("RGBA", image.size, (255, 255, 255, 255))
    canvas.alpha_composite(image)
    return np.array(canvas.convert("RGB"), dtype=np.uint8)


def _rgb(values: Rgb) -> Rgb:
    if values.ndim == 2:
        values = np.repeat(values[:, :, None], 3, axis=2)
    return np.ascontiguousarray(values)
