"""A decoded image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class DecodedImage:
    """One image, ready for a predictor.

    Parameters
    ----------
    path
        Name of the file relative to the input, posix separators.
    image_id
        ``sha256:<hex>`` of the file's bytes (page number appended as ``#<page>`` for a multi-page file).
    pixels
        uint8 array of shape ``(height, width, 3)``, RGB, EXIF orientation applied.
    """

    path: str
    image_id: str
    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(
                f"pixels of {self.path} must be uint8 of shape (height, width, 3), "
                f"got {self.pixels.dtype} of shape {self.pixels.shape}"
            )
