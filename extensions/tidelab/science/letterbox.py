"""A picture as a detector sees it: scaled to fit, grey around it, and the way back for the boxes.

The same arithmetic as ``LetterBox`` of ultralytics with OpenCV's ``INTER_LINEAR``, to the bit (tests/torch/test_letterbox_equal.py):
a network was trained on pictures made this way, and pictures made otherwise (Pillow averages when it shrinks) move its scores by several
hundredths. OpenCV itself would be 150 MB more in each stack for 5 ms a picture.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]

GREY: Final = 114
STRIDE: Final = 32
"""Sides of a network's input are multiples of this, pixels."""

_ONE: Final = 2048
"""OpenCV's fixed-point one: weights are rounded to 1/2048."""
_ROWS: Final = 32
"""Rows that are made at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in its letterbox.

    Parameters
    ----------
    width, height
        Of the picture, pixels.
    scaled_width, scaled_height
        Of the picture in the letterbox, pixels.
    left, top
        Grey columns and rows before it.
    box_width, box_height
        Of the whole letterbox: multiples of `STRIDE`.
    """

    width: int
    height: int
    scaled_width: int
    scaled_height: int
    left: int
    top: int
    box_width: int
    box_height: int

    def to_picture(self, boxes: Boxes) -> Boxes:
        """Turn boxes ``(m, 4)`` (x_min, y_min, x_max, y_max, pixels of the letterbox) into pixels of the picture, clipped to it."""
        gain_x = np.float32(self.scaled_width / self.width)
        gain_y = np.float32(self.scaled_height / self.height)
        moved = boxes.astype(np.float32)
        moved -= np.array([self.left, self.top, self.left, self.top], np.float32)
        moved /= np.array([gain_x, gain_y, gain_x, gain_y], np.float32)
        limits = np.array([self.width, self.height, self.width, self.height], np.float32)
        return np.clip(moved, np.float32(0), limits)


def placement(width: int, height: int, size_px: int) -> Placement:
    """Return where a picture goes in the smallest letterbox of longest side `size_px`.

    Parameters
    ----------
    width, height
        Of the picture, pixels.
    size_px
        Longest side of the letterbox, a multiple of `STRIDE`. Smaller pictures are enlarged to it.
    """
    if size_px % STRIDE:
        raise ValueError(f"size_px {size_px} must be a multiple of {STRIDE}")
    gain = min(size_px / height, size_px / width)
    scaled_width, scaled_height = max(round(width * gain), 1), max(round(height * gain), 1)
    spare_x, spare_y = (size_px - scaled_width) % STRIDE / 2, (size_px - scaled_height) % STRIDE / 2
    left, right = round(spare_x - 0.1), round(spare_x + 0.1)
    top, bottom = round(spare_y - 0.1), round(spare_y + 0.1)
    return Placement(
        width=width,
        height=height,
        scaled_width=scaled_width,
        scaled_height=scaled_height,
        left=left,
        top=top,
        box_width=left + scaled_width + right,
        box_height=top + scaled_height + bottom,
    )


def letterbox(pixels: Pixels, size_px: int) -> tuple[Pixels, Placement]:
    """Scale a picture to fit and fill the rest with grey.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB.
    size_px
        As in `placement`.

    Returns
    -------
    tuple
        uint8 ``(box_height, box_width, 3)``, and where the picture lies in it.
    """
    place = placement(pixels.shape[1], pixels.shape[0], size_px)
    boxed = np.full((place.box_height, place.box_width, 3), GREY, np.uint8)
    down = slice(place.top, place.top + place.scaled_height)
    across = slice(place.left, place.left + place.scaled_width)
    boxed[down, across] = resize_linear(pixels, place.scaled_width, place.scaled_height)
    return boxed, place


def resize_linear(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize as OpenCV's ``resize`` with ``INTER_LINEAR``: each new pixel from the four nearest old ones, no averaging.

    Parameters
    ----------
    pixels
        uint8 ``(h, w, 3)``.
    width, height
        New sides, pixels.

    Notes
    -----
    Weights have 11 bits; a row is interpolated first across, then down, each product cut by 4 and 16 bits and the sum rounded by 2.
    Half the size in both directions is the mean of four pixels instead.
    """
    old_height, old_width = pixels.shape[:2]
    if (old_width, old_height) == (width, height):
        return pixels
    if (old_width, old_height) == (2 * width, 2 * height):
        wide = pixels.astype(np.uint16)
        four = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
        mean: Pixels = ((four + 2) >> 2).astype(np.uint8)
        return mean
    first, second, near, far = _weights(width, old_width, at_edge=False)
    upper, lower, above, below = _weights(height, old_height, at_edge=True)
    whole = np.ascontiguousarray(pixels).view("V3")[..., 0]  # one item a pixel is picked three times faster
    if not far.any() and not below.any():  # 1920 to 640: each new pixel lies on an old one
        picked: Pixels = whole[np.ix_(upper, first)].view(np.uint8)
        return picked.reshape(height, width, 3)
    near, far = np.repeat(near, 3), np.repeat(far, 3)

    def across(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        taken = whole[rows]
        shape = (len(rows), 3 * width)
        one = np.take(taken, first, axis=1).view(np.uint8).reshape(shape)
        two = np.take(taken, second, axis=1).view(np.uint8).reshape(shape)
        mixed: npt.NDArray[np.int32] = np.multiply(one, near, dtype=np.int32)
        mixed += np.multiply(two, far, dtype=np.int32)
        mixed >>= 4
        return mixed

    made = np.empty((height, 3 * width), np.uint8)
    for start in range(0, height, _ROWS):
        part = slice(start, start + _ROWS)
        top, bottom = across(upper[part]), across(lower[part])
        top *= above[part, None]
        bottom *= below[part, None]
        top >>= 16
        bottom >>= 16
        top += bottom
        top += 2
        top >>= 2
        made[part] = top
    return made.reshape(height, width, 3)


def _weights(
    new: int, old: int, *, at_edge: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return, for each new place, the two old ones and their weights; beyond the first and last pixel both are the same one.

    OpenCV keeps the weights there for rows (`at_edge`) and not for columns, which shows in the last bit.
    """
    where = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    before = np.floor(where).astype(np.int64)
    share = (where - before).astype(np.float32)
    if not at_edge:
        share[(before < 0) | (before >= old - 1)] = 0
    far = np.rint(share * np.float32(_ONE)).astype(np.int32)
    near = np.rint((np.float32(1) - share) * np.float32(_ONE)).astype(np.int32)
    return np.clip(before, 0, old - 1), np.clip(before + 1, 0, old - 1), near, far
