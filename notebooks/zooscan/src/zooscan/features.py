"""The measurements of one object, with the names, order and rules of the legacy software's table.

What is measured is the object with its holes (ImageJ's "include"), on the grey levels as they are, holes too; columns called
``_exc`` leave the holes out. Lengths are pixels. See docs/explanation/zooscan-measurements.md for each formula.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from tidelab.science.imagej.ellipse import fit_ellipse
from tidelab.science.imagej.fractal import fractal_dimension
from tidelab.science.imagej.histogram import grey_statistics
from tidelab.science.imagej.outline import drawn_hull, feret_diameter, outer_outline, traced_perimeter
from zooscan.feature_table import FEATURES as FEATURES
from zooscan.feature_table import MEASURED
from zooscan.inner_shape import contrast, histogram, parts_at, slope, turned, turned_at
from zooscan.objects import Grey, Mask
from zooscan.settings import MM_PER_INCH

VERSION: Final = "3"
"""Changes when a number may change: it enters the keys of what is kept."""

DPI: Final = 2400
"""Resolution of ZooScan scans, where a caller says none."""

Value = float | int


def measure(
    grey: Grey, mask: Mask, *, x_px: int = 0, y_px: int = 0, pixel_mm: float = MM_PER_INCH / DPI
) -> dict[str, Value]:
    """Measure one object.

    Parameters
    ----------
    grey : Grey
        The object's box cut from the processed picture, white background.
    mask : Mask
        True at the object's pixels, without its holes, same shape; the object fills the box.
    x_px, y_px : int
        Where the box lies in the picture.
    pixel_mm : float
        Side of a pixel, which says at how many places the thickness is measured.

    Returns
    -------
    dict
        A value for each of `FEATURES`, in that order; NaN for what is not measured.

    Raises
    ------
    ValueError
        When the shapes differ, or the object is empty or does not fill its box.
    """
    if grey.shape != mask.shape or grey.ndim != 2:
        raise ValueError(
            f"The picture has the shape {grey.shape}, the mask {mask.shape}; expected the same, two sides."
        )
    if not (mask.any() and mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()):
        raise ValueError("The mask is empty or leaves a side of its box free; expected the object's own box.")
    filled: Mask = ndimage.binary_fill_holes(mask)
    values = (
        _grey(grey, filled)
        | _place(grey, filled, x_px, y_px)
        | _shape(filled)
        | _without_holes(grey, mask, filled)
        | _inner(grey, mask, pixel_mm)
    )
    measured = {feature.name: values.get(feature.name, math.nan) for feature in MEASURED}
    measured |= {feature.name: 0 for feature in MEASURED if feature.reached == "constant"}
    measured["Tag"] = 1
    return measured | derived(measured)


def derived(measured: Mapping[str, Value]) -> dict[str, Value]:
    """Return what the legacy EcoTaxa table computes from the measurements.

    The legacy software computes them from whole numbers: perimeter, Feret diameter, axes, centres and standard deviation are
    rounded to whole first, the mean to two decimals. Where a divisor is 0, the value is NaN.
    """
    mean = round(measured["Mean"], 2)
    low, high, exc = measured["Min"], measured["Max"], measured["Area_exc"]
    whole = {
        name: _rounded(measured[name])
        for name in ("Perim.", "Feret", "Major", "Minor", "StdDev", "X", "Y", "XM", "YM")
    }
    apart = math.hypot(whole["XM"] - whole["X"], whole["YM"] - whole["Y"])
    return {
        "esd": 2 * math.sqrt(measured["Area"] / math.pi),
        "elongation": _ratio(whole["Major"], whole["Minor"]),
        "range": high - low,
        "meanpos": _ratio(mean - high, mean - low),
        "centroids": apart,
        "cv": _ratio(100 * whole["StdDev"], mean),
        "sr": _ratio(100 * whole["StdDev"], high - low),
        "perimareaexc": _ratio(whole["Perim."], math.sqrt(exc)),
        "feretareaexc": _ratio(whole["Feret"], math.sqrt(exc)),
        "perimferet": _ratio(whole["Perim."], whole["Feret"]),
        "perimmajor": _ratio(whole["Perim."], whole["Major"]),
        "circex": _ratio(4 * math.pi * exc, whole["Perim."] ** 2),
        "cdexc": _ratio(apart**2, exc),
    }


def measured(crop: Grey, mask: Mask, x_px: int, y_px: int, pixel_mm: float) -> dict[str, float | None]:
    """Return the feature table's row of one object; None for what is not measured."""
    values = measure(crop, mask, x_px=x_px, y_px=y_px, pixel_mm=pixel_mm)
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _rounded(value: float) -> float:
    return value if math.isnan(value) else math.floor(value + 0.5)


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan


def _grey(grey: Grey, filled: Mask) -> dict[str, Value]:
    levels = grey_statistics(np.bincount(grey[filled], minlength=256))
    return {
        "Area": levels.count, "Mean": levels.mean, "StdDev": levels.standard_deviation, "Mode": levels.mode,
        "Min": levels.minimum, "Max": levels.maximum, "IntDen": levels.integrated_density, "Median": levels.median,
        "Skew": levels.skewness, "Kurt": levels.kurtosis,
    }  # fmt: skip


def _place(grey: Grey, filled: Mask, x_px: int, y_px: int) -> dict[str, Value]:
    rows, columns = np.nonzero(filled)
    light = grey[filled].astype(np.float64)
    total = float(light.sum())
    height, width = filled.shape
    return {
        "X": float(columns.mean()) + 0.5, "Y": float(rows.mean()) + 0.5,
        "XM": float(np.dot(columns, light)) / total + 0.5 if total else math.nan,
        "YM": float(np.dot(rows, light)) / total + 0.5 if total else math.nan,
        "BX": x_px, "BY": y_px, "Width": width, "Height": height,
        "XStart": x_px + int(columns[0]), "YStart": y_px + int(rows[0]),
    }  # fmt: skip


def _shape(filled: Mask) -> dict[str, Value]:
    corners = outer_outline(filled)
    perimeter = traced_perimeter(corners)
    ellipse = fit_ellipse(filled)
    hull = drawn_hull(filled)
    return {
        "Perim.": perimeter, "Circ.": min(1.0, 4 * math.pi * int(filled.sum()) / perimeter**2),
        "Major": ellipse.major_px, "Minor": ellipse.minor_px, "Angle": ellipse.angle_deg, "Feret": feret_diameter(corners),
        "Convperim": hull.perimeter_px, "Convarea": hull.area_px,
    }  # fmt: skip


def _without_holes(grey: Grey, mask: Mask, filled: Mask) -> dict[str, Value]:
    area_exc = int(mask.sum())
    quartiles = _quartiles(grey, mask)
    return {
        "Fractal": fractal_dimension(mask), "Area_exc": area_exc, "%Area": 100 - 100 * area_exc / int(filled.sum()),
        "Skelarea": int(skeletonize(np.pad(mask, 1)).sum()),
        "Histcum1": quartiles[0], "Histcum2": quartiles[1], "Histcum3": quartiles[2],
    }  # fmt: skip


def _quartiles(grey: Grey, mask: Mask) -> tuple[int, int, int]:
    """Return the last level before each share of the pixels is reached: one below the quartile."""
    cumulative = 4 * np.cumsum(np.bincount(grey[mask], minlength=256))
    pixels = int(mask.sum())
    first, second, third = (int(np.searchsorted(cumulative, share * pixels)) - 1 for share in (1, 2, 3))
    return first, second, third


def _inner(grey: Grey, mask: Mask, pixel_mm: float) -> dict[str, Value]:
    counts, quartiles = histogram(grey, mask), _quartiles(grey, mask)
    whole, light = turned(mask), turned_at(grey, mask, counts, quartiles[2])
    return {
        "Slope": slope(counts), "Fcons": contrast(grey, mask, counts, quartiles),
        "Nb1": parts_at(grey, mask, quartiles[0]), "Nb2": parts_at(grey, mask, quartiles[1]),
        "Symetrieh": whole.horizontal() if whole else math.nan, "Symetriev": whole.vertical() if whole else math.nan,
        "Symetriehc": light.horizontal() if light else math.nan, "Symetrievc": light.vertical() if light else math.nan,
        "ThickR": whole.thickness_ratio(pixel_mm) if whole else math.nan,
    }  # fmt: skip
