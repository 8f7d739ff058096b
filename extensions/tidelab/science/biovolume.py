"""Size and biovolume of a particle from its outline.

A picture shows two dimensions; the third is a model: the sphere of the same area, or the prolate spheroid (an ellipse turned about its long
axis) of the same axes, two of the shapes of Hillebrand et al. [1]_. Neither fits horns, chains or flat cells; the distance-map method
[2]_ does better there and is not implemented.

References
----------
.. [1] Hillebrand, H. et al. (1999). Biovolume calculation for pelagic and benthic microalgae. J. Phycol. 35, 403-424.
.. [2] Moberg, E. A. and Sosik, H. M. (2012). Distance maps to estimate cell volume from two-dimensional plankton images.
   Limnol. Oceanogr. Methods 10, 278-288.
"""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def equivalent_diameter_um(area_px: npt.ArrayLike, um_per_px: float) -> Values:
    """Return the diameter of the circle of the same area, micrometres: ``2 sqrt(area / pi) um_per_px``.

    Flow imaging calls it the area-based diameter; as the diameter of a sphere it is the equivalent spherical diameter (ESD).

    Parameters
    ----------
    area_px
        Areas, pixels, at least 0.
    um_per_px
        Side of a pixel, micrometres.

    Raises
    ------
    ValueError
        For a negative area, or a side that is not a number above 0.

    Examples
    --------
    >>> float(equivalent_diameter_um(np.pi * 100, 0.5))
    10.0
    """
    area = _at_least_zero(area_px, "an area")
    _check_scale(um_per_px)
    diameters: Values = 2 * np.sqrt(area / np.pi) * um_per_px
    return diameters


def sphere_um3(diameter_um: npt.ArrayLike) -> Values:
    """Return the volume of a sphere, cubic micrometres: ``pi / 6 d^3`` [1]_.

    >>> round(float(sphere_um3(10.0)), 3)
    523.599
    """
    volumes: Values = np.pi / 6 * _at_least_zero(diameter_um, "a diameter") ** 3
    return volumes


def prolate_spheroid_um3(
    major_axis_px: npt.ArrayLike, minor_axis_px: npt.ArrayLike, um_per_px: float
) -> Values:
    """Return the volume of a prolate spheroid, cubic micrometres: ``pi / 6 major minor^2`` [1]_.

    Parameters
    ----------
    major_axis_px, minor_axis_px
        Full axes of the ellipse, pixels.
    um_per_px
        Side of a pixel, micrometres.

    Raises
    ------
    ValueError
        For negative axes, or a side that is not a number above 0.

    Examples
    --------
    >>> round(float(prolate_spheroid_um3(40, 20, 0.5)), 3)
    1047.198
    """
    major, minor = _at_least_zero(major_axis_px, "an axis"), _at_least_zero(minor_axis_px, "an axis")
    _check_scale(um_per_px)
    volumes: Values = np.pi / 6 * major * minor**2 * um_per_px**3
    return volumes


def _at_least_zero(values: npt.ArrayLike, what: str) -> Values:
    numbers = np.asarray(values, np.float64)
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise ValueError(f"{what} is a number of at least 0")
    return numbers


def _check_scale(um_per_px: float) -> None:
    if not (np.isfinite(um_per_px) and um_per_px > 0):
        raise ValueError(f"the side of a pixel is above 0 µm, got {um_per_px}")
