"""The best fitting ellipse of a region: equal second moments, then scaled to equal area (ImageJ's ``EllipseFitter``)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse.

    Attributes
    ----------
    x_px, y_px : float
        Centre; a pixel's centre is at .5.
    major_px, minor_px : float
        Whole axes, not half ones.
    angle_deg : float
        From the x axis to the major axis, counter-clockwise as seen, 0 to 180.
    """

    x_px: float
    y_px: float
    major_px: float
    minor_px: float
    angle_deg: float


def fit_ellipse(mask: npt.NDArray[np.bool_]) -> Ellipse:
    """Return the ellipse of a region.

    Each pixel counts as a square of side 1, which adds 1/12 to the second moments, so that a single pixel has an ellipse too.

    Raises
    ------
    ValueError
        When the region is empty.
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        raise ValueError("An empty region has no ellipse.")
    x, y = float(columns.mean()), float(rows.mean())
    xx = float(np.mean((columns - x) ** 2)) + 1 / 12
    yy = float(np.mean((rows - y) ** 2)) + 1 / 12
    xy = float(np.mean((columns - x) * (rows - y)))
    half_difference = math.hypot((xx - yy) / 2, xy)
    large, small = (xx + yy) / 2 + half_difference, (xx + yy) / 2 - half_difference
    small = max(small, 1e-12)
    scale = 2 * math.sqrt(rows.size / (math.pi * math.sqrt(large * small)))
    # Rows count downwards, so that the sign of the mixed moment turns for an angle as it is seen.
    angle = math.degrees(0.5 * math.atan2(-2 * xy, xx - yy)) % 180
    return Ellipse(x + 0.5, y + 0.5, scale * math.sqrt(large), scale * math.sqrt(small), angle)
