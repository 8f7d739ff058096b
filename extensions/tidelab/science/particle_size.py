"""Area and axes of the particle in a crop, pixels: what sizes and biovolumes are made of.

The particle is the mask of `tidelab.science.region_features`: the largest connected part that differs from the background, holes filled.
Its axes are those of the ellipse with the same second moments (the "Legendre ellipse" of flow imaging), with the second moment of a
square pixel, 1/12, added, so that a line of one pixel has a width [1]_.

References
----------
.. [1] Haralick, R. M. and Shapiro, L. G. (1992). Computer and Robot Vision, vol. 1, appendix A. Addison-Wesley.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.science.region_features import LONGEST_SIDE_PX, grey, particle_mask

MEASURE: Final = "tidelab.science.particle_size:1"
"""Name and version: kept results carry it. It, or another mask, gets a new number when the same crop would give other values."""

NAMES: Final = ("area_px", "major_axis_px", "minor_axis_px")


def particle_size(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Measure the particle in one crop.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB. Longer sides than 512 px are averaged down first; values are in pixels of the crop.

    Returns
    -------
    dict
        ``area_px`` (pixels, holes filled), ``major_axis_px`` and ``minor_axis_px``; all 0 where no particle was found.
    """
    height, width = pixels.shape[:2]
    shrink = max(1.0, max(height, width) / LONGEST_SIDE_PX)
    if shrink > 1:
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        shrink = float(np.sqrt(height * width / (size[0] * size[1])))
    area, major, minor = axes_of(particle_mask(grey(pixels)))
    return {"area_px": area * shrink**2, "major_axis_px": major * shrink, "minor_axis_px": minor * shrink}


def axes_of(mask: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return area, major and minor axis of a mask, pixels; zeros for an empty one.

    >>> axes_of(np.ones((1, 1), bool))[0]
    1.0
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return 0.0, 0.0, 0.0
    spread = np.cov(np.stack([rows, columns]).astype(np.float64), bias=True) + np.eye(2) / 12
    smaller, larger = np.sqrt(np.maximum(np.linalg.eigvalsh(spread), 0.0))
    return float(rows.size), float(4 * larger), float(4 * smaller)
