"""Boxes on a picture: class colour, name and score; those of an earlier frame thin and grey-toned."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tidelab.domain.prediction import Detections
from tidelab.streams.model import Classes

Rgb = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

COLOURS: Final[tuple[Colour, ...]] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167), (255, 255, 255),
)  # fmt: skip
"""Told apart by colour-blind people too (Okabe & Ito 2008, https://jfly.uni-koeln.de/color/); the eighth is white, black is unseen in the deep."""

_GREY: Final = 110


def colour_of(label: int, *, dimmed: bool = False) -> Colour:
    """Return the colour of a class by its place in the card; the ninth has that of the first again."""
    colour = COLOURS[label % len(COLOURS)]
    return tuple((part + 2 * _GREY) // 3 for part in colour) if dimmed else colour  # type: ignore[return-value]


def line_width(height_px: int) -> int:
    """Return the width of a box's line: 2 px up to 720 lines, 6 px for 2160."""
    return max(2, round(height_px / 360))


def draw(pixels: Rgb, found: Detections, classes: Classes, *, dimmed: bool = False) -> Rgb:
    """Return a copy of a picture with the boxes of the objects that count.

    Parameters
    ----------
    pixels
        uint8 of shape ``(height, width, 3)``.
    found
        What was found in it, or in an earlier frame.
    classes
        Names and thresholds.
    dimmed
        The boxes are those of an earlier frame: one pixel wide, grey-toned, without names.
    """
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    height = pixels.shape[0]
    width = 1 if dimmed else line_width(height)
    counted = np.flatnonzero(classes.above(found))
    # The surest last, so that it lies on top.
    for place in counted[::-1].tolist():
        label = int(found.labels[place])
        x_min, y_min, x_max, y_max = _pixels(found.boxes[place], pixels.shape)
        pen.rectangle((x_min, y_min, x_max, y_max), outline=colour_of(label, dimmed=dimmed), width=width)
        if not dimmed:
            _name(
                pen,
                (x_min, y_min),
                f"{classes.titles[label]} {found.scores[place]:.2f}",
                colour_of(label),
                pixels.shape,
            )
    return np.asarray(image, np.uint8)


def _pixels(box: npt.NDArray[np.float32], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the outermost pixels of a box: those that its edges lie in."""
    height, width = shape[:2]
    x_min, y_min = int(np.clip(np.floor(box[0]), 0, width - 1)), int(np.clip(np.floor(box[1]), 0, height - 1))
    x_max, y_max = (
        int(np.clip(np.ceil(box[2]) - 1, x_min, width - 1)),
        int(np.clip(np.ceil(box[3]) - 1, y_min, height - 1)),
    )
    return x_min, y_min, x_max, y_max


def _name(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, colour: Colour, shape: tuple[int, ...]
) -> None:
    font = _font(max(11, round(shape[0] / 45)))
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = int(right - left) + 6, int(bottom - top) + 6
    x = max(0, min(corner[0], shape[1] - wide))
    # Above the box where there is room, else inside it.
    y = corner[1] - high if corner[1] >= high else corner[1]
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=colour)
    pen.text((x + 3 - left, y + 3 - top), text, fill=(0, 0, 0), font=font)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
