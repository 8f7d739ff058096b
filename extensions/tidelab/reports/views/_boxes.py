"""Boxes drawn into a picture: one colour a class, label and score above each box."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tidelab.catalogue.task import NO_OBJECT

LONGEST_SIDE_PX: Final = 960
"""Of a picture in a page; twelve of them are about 2 MB."""
_PALETTE: Final = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999", "#7a4eff", "#00c4c4",
)  # fmt: skip
"""Okabe and Ito (2008), which people with any colour vision tell apart, and two more; from the eleventh class on they begin again."""
_NONE: Final = "#9aa7ae"


@dataclass(frozen=True)
class Drawn:
    """One box: x, y, width and height in pixels of the whole picture, its name, colour, and score (None: a person gave the name)."""

    box: tuple[float, float, float, float]
    label: str
    colour: str
    score: float | None


def colours(labels: Sequence[str]) -> dict[str, str]:
    """Return label -> colour (``#rrggbb``), by its place among the classes, so that a class has one colour in every picture."""
    found = {label: _PALETTE[number % len(_PALETTE)] for number, label in enumerate(labels)}
    return {**found, NO_OBJECT: _NONE, "": _NONE}


def draw_boxes(
    pixels: npt.NDArray[np.uint8], boxes: Sequence[Drawn], longest: int = LONGEST_SIDE_PX
) -> bytes:
    """Return the picture as JPEG with its boxes, its longest side at most `longest`; the boxes are drawn after shrinking it.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB.
    boxes
        Drawn last to first, so that the surest lies on top.
    longest
        Pixels.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = min(1.0, longest / max(image.size))
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    for one in reversed(boxes):
        x, y, width, height = (value * scale for value in one.box)
        draw.rectangle((x, y, max(x, x + width - 1), max(y, y + height - 1)), outline=one.colour, width=2)
        _caption(draw, image.size, (x, y), one, font)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def _caption(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    corner: tuple[float, float],
    one: Drawn,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    score = "" if one.score is None else f" {min(one.score, 0.99) if one.score < 1 else 1:.2f}"
    text = f"{one.label[:40] or '?'}{score}"
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 5
    x = min(max(0.0, corner[0]), max(0.0, size[0] - width))
    # Above its box where there is room, else inside.
    y = corner[1] - height if corner[1] >= height else corner[1]
    draw.rectangle((x, y, x + width, y + height), fill=one.colour)
    draw.text((x + 3 - left, y + 2 - top), text, fill=_ink(one.colour), font=font)


def _ink(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"
