"""The Forel-Ule scale: 21 colours of natural water, from indigo blue (1) to cola brown (21), told by their hue angle.

The hue angle is measured in the CIE 1931 chromaticity diagram around the point of equal energy (1/3, 1/3), counter-clockwise from the
positive x direction. It falls from 230 degrees (blue) to 20 degrees (brown) as the number grows.

References
----------
.. [1] Novoa, S., Wernand, M. R., van der Woerd, H. J. (2013). The Forel-Ule scale revisited spectrally: preparation protocol,
   transmission measurements and chromaticity. J. Europ. Opt. Soc. Rap. Public. 8, 13057. Table 5: chromaticity of each colour.
.. [2] Novoa, S., Wernand, M., van der Woerd, H. J. (2015). WACODI: A generic algorithm to derive the intrinsic color of natural
   waters from digital images. Limnol. Oceanogr. Methods 13, 697-711.
.. [3] van der Woerd, H. J., Wernand, M. R. (2015). True colour classification of natural waters with medium-spectral resolution
   satellites. Sensors 15, 25663-25680.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

EQUAL_ENERGY: Final = (1 / 3, 1 / 3)
"""Chromaticity x, y around which the hue angle turns."""

CHROMATICITY: Final = (
    (0.191, 0.167), (0.199, 0.200), (0.210, 0.240), (0.227, 0.288), (0.246, 0.335), (0.266, 0.376), (0.291, 0.412),
    (0.315, 0.440), (0.337, 0.462), (0.363, 0.476), (0.386, 0.487), (0.402, 0.481), (0.416, 0.474), (0.431, 0.466),
    (0.446, 0.458), (0.461, 0.449), (0.475, 0.441), (0.489, 0.433), (0.503, 0.425), (0.516, 0.416), (0.528, 0.408),
)  # fmt: skip
"""x, y of the colours 1 to 21 [1]_."""

EDGES_DEG: Final = (
    227.168, 220.977, 209.994, 190.779, 163.084, 132.999, 109.054, 94.037, 83.346, 74.572, 67.957, 62.186, 56.435, 50.665, 45.129,
    39.769, 34.906, 30.439, 26.337, 22.741,
)  # fmt: skip
"""Hue angles between neighbouring colours, 1|2 to 20|21, as the programs around [2]_ and [3]_ use them. They are *edges*, half-way between
the hues of the table in [1]_ (a test holds them to it within 0.3 degrees), and not the hues of the colours: read as such, every colour would
be one too low."""

BLUEST_DEG: Final = 234.55
"""Hue angle above which water is bluer than colour 1 (the same programs)."""

BROWNEST_DEG: Final = 19.0
"""Hue angle below which water is redder than colour 21 (the same programs)."""


def hue_angle_deg(x: float, y: float) -> float:
    """Return the hue angle of a chromaticity, degrees in [0, 360).

    Examples
    --------
    >>> round(hue_angle_deg(0.191, 0.167), 1)
    229.5
    """
    return float(np.degrees(np.arctan2(y - EQUAL_ENERGY[1], x - EQUAL_ENERGY[0])) % 360.0)


def hue_angle_sd_deg(x: float, y: float, covariance: npt.NDArray[np.float64]) -> float:
    """Return the standard deviation of a hue angle, degrees, from the covariance ``(2, 2)`` of its chromaticity, to first order.

    The square root matters: ``J C J'`` is the *variance* in radians squared.
    """
    dx, dy = x - EQUAL_ENERGY[0], y - EQUAL_ENERGY[1]
    squared = dx * dx + dy * dy
    if squared == 0.0:
        return 180.0
    jacobian = np.array([-dy, dx]) / squared
    variance = float(jacobian @ covariance @ jacobian)
    return min(180.0, float(np.degrees(np.sqrt(max(variance, 0.0)))))


def forel_ule(hue_deg: float) -> int:
    """Return the Forel-Ule colour, 1 to 21, of a hue angle, or 0 when no natural water has that hue.

    An angle on an edge belongs to the browner colour.

    Examples
    --------
    >>> forel_ule(229.45), forel_ule(88.37), forel_ule(21.0), forel_ule(300.0)
    (1, 9, 21, 0)
    """
    if not BROWNEST_DEG <= hue_deg <= BLUEST_DEG:
        return 0
    return 1 + sum(hue_deg <= edge for edge in EDGES_DEG)


def forel_ule_range(hue_deg: float, sd_deg: float) -> tuple[int, int]:
    """Return the lowest and highest Forel-Ule colour within one standard deviation of a hue angle; ``(0, 0)`` when there is none.

    Ends that reach beyond the scale are cut to it.
    """
    if forel_ule(hue_deg) == 0:
        return 0, 0
    bluest, brownest = min(hue_deg + sd_deg, BLUEST_DEG), max(hue_deg - sd_deg, BROWNEST_DEG)
    return forel_ule(bluest), forel_ule(brownest)
