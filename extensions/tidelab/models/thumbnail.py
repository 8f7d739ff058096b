"""Small pictures for galleries."""

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

LONGEST_SIDE_PX: Final = 128


def thumbnail(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return JPEG bytes of an RGB image, shrunk to at most 128 px on its longest side and never enlarged."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
