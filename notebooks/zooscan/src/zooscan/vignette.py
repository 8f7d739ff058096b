"""The picture of one object that people and EcoTaxa see: white around it, a scale bar below."""

from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from tidelab.science.imagej.filters import Grey
from zooscan.objects import ProcessedScan, ScanObject
from zooscan.settings import MM_PER_INCH, ProcessSettings

FOOTER_PX: Final = 31
"""Height of the strip with the scale bar; a classifier cuts it off."""
MARGIN: Final = 1.4
"""A vignette is this many times as wide and high as its object."""
BAR_GREY: Final = 85
_BAR_MARGIN_PX: Final = 20
_BAR_HEIGHT_PX: Final = 3
_WHITE: Final = 255


def vignette(processed: ProcessedScan, found: ScanObject, settings: ProcessSettings | None = None) -> Grey:
    """Return the vignette of an object.

    The object lies in the middle of a white sheet 1.4 times its size; what belongs to neighbours is white, and so are pixels above
    the threshold. Below is a bar of `scale_bar_mm` with its length.

    Returns
    -------
    Grey
        Shape (height * 1.4 + 31, max(width * 1.4, bar + 20)).
    """
    settings = settings or processed.settings
    return vignette_of(found.crop(processed.picture()), found.mask(), settings)


def vignette_of(
    grey: Grey, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], settings: ProcessSettings
) -> Grey:
    """Return the vignette of a crop: its pixels where `mask` is True, white elsewhere."""
    height, width = mask.shape
    bar = settings.scale_bar_mm * settings.dpi / MM_PER_INCH
    sheet_width = int(max(width * MARGIN, bar + _BAR_MARGIN_PX))
    sheet_height = int(height * MARGIN)
    sheet = np.full((sheet_height + FOOTER_PX, sheet_width), _WHITE, np.uint8)
    top, left = (sheet_height - height) // 2, (sheet_width - width) // 2
    sheet[top : top + height, left : left + width] = np.where(mask, grey, _WHITE)
    bar_top = sheet_height + FOOTER_PX - 10
    sheet[bar_top : bar_top + _BAR_HEIGHT_PX, 10 : 10 + round(bar)] = BAR_GREY
    return _with_text(sheet, f"{settings.scale_bar_mm:g} mm", (10, sheet_height + 4))


def _with_text(sheet: Grey, text: str, place: tuple[int, int]) -> Grey:
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"  # no grey fringes: the same file wherever it is drawn
    draw.text(place, text, fill=BAR_GREY)
    return np.array(image)


def file_name(prefix: str, x_px: int, y_px: int, width_px: int, height_px: int) -> str:
    """Return a vignette's file name, its box in hexadecimal: ``prefix_xAy14w1Eh28.png`` for 10, 20, 30, 40.

    Raises
    ------
    ValueError
        When a number is negative, or the prefix is no plain file name.
    """
    numbers = {"x": x_px, "y": y_px, "w": width_px, "h": height_px}
    if any(number < 0 for number in numbers.values()):
        raise ValueError(f"The box {tuple(numbers.values())} has a negative side.")
    if not prefix or prefix.startswith(".") or any(sign in prefix for sign in "/\\:\0"):
        raise ValueError(f"{prefix!r} is no plain file name.")
    return f"{prefix}_" + "".join(f"{letter}{number:X}" for letter, number in numbers.items()) + ".png"
