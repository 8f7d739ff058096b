"""Pieces that the views of a training share."""

import io
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup
from PIL import Image

from tidelab.reports import numbers
from tidelab.reports.display import picture
from tidelab.training.evaluation import LEAST_IMAGES


def figure(png: bytes, alt: str) -> Markup:
    """Return a figure drawn at 110 dots per inch at its natural width, 96 px an inch."""
    width = Image.open(io.BytesIO(png)).width / 110 * 96
    return Markup('<div style="max-width:{}px">{}</div>').format(
        round(width), picture(png, alt, "image/png", "tl-plot")
    )


def strip(pictures: Iterable[tuple[bytes, str]]) -> Markup:
    """Return small pictures side by side."""
    small = Markup("").join(
        Markup('<span style="flex:0 0 64px">{}</span>').format(picture(data, alt)) for data, alt in pictures
    )
    return Markup('<span style="display:flex;flex-wrap:wrap;gap:4px">{}</span>').format(small)


def figure_or_na(value: float, n: int) -> str:
    """Return a figure with two decimals, or why there is none."""
    return f"n/a ({numbers.plural(n, 'image')})" if n < LEAST_IMAGES else two(value)


def two(value: float) -> str:
    """Return a figure with two decimals, a dash when there is none."""
    return "–" if np.isnan(value) else f"{value:.2f}"
