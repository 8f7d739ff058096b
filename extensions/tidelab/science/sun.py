"""Where the sun stands, and whether that is day: the NREL solar position algorithm [1]_ as pvlib computes it.

References
----------
.. [1] Reda, I. and Andreas, A. (2004). Solar position algorithm for solar radiation applications. Solar Energy 76, 577-589.
   https://doi.org/10.1016/j.solener.2003.12.003
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

DAYLIGHT_FROM_DEG: Final = -0.833
"""Elevation of the sun's centre from which it is day, degrees above the horizon, refraction left out.

The conventional sunrise and sunset: the upper limb touches the horizon (0.267 degrees of half diameter, 0.567 of refraction). It says that the sun is
up and nothing of the light at the camera's depth: whether a picture can be used is asked of the picture
(`tidelab.science.picture_quality`).
"""

DELTA_T_S: Final = 69.0
"""Terrestrial time minus UT1, seconds, that of the 2020s; ten seconds more or less move the sun by about 0.0001 degrees."""


def solar_elevation(
    times: pd.DatetimeIndex, latitude: float, longitude: float, *, altitude_m: float = 0.0
) -> npt.NDArray[np.float64]:
    """Return the elevation of the sun's centre above the horizon, degrees, without refraction.

    Parameters
    ----------
    times
        With a time zone; a time without one is refused, for it may be hours off.
    latitude, longitude
        Decimal degrees north and east, WGS84.
    altitude_m
        Of the observer above the sea; moves the result by less than 0.001 degrees at sea.

    Raises
    ------
    ValueError
        Where a time is missing or has no zone, or the place is none.

    Examples
    --------
    >>> round(float(solar_elevation(pd.DatetimeIndex(["2003-10-17T19:30:30Z"]), 39.742476, -105.1786, altitude_m=1830.14)[0]), 3)
    39.872
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError(
            f"latitude {latitude} and longitude {longitude} are no place; expected -90 to 90 degrees north and -180 to 180 east"
        )
    if times.tz is None:
        raise ValueError(
            "times need their zone, e.g. 2024-05-03T10:20:00Z: without it the sun may be hours off"
        )
    missing = int(np.count_nonzero(times.isna()))
    if missing:
        raise ValueError(f"{missing} of {len(times)} times are missing")
    if not len(times):
        return np.empty(0)
    # pvlib imports much of scipy; whoever asks nothing of the sun does not wait for it.
    from pvlib.solarposition import spa_python

    # Positions of repeated times would be joined by the index, so each is asked once.
    unique = times.tz_convert("UTC").unique()
    found = spa_python(unique, latitude, longitude, altitude=altitude_m, delta_t=DELTA_T_S)["elevation"]
    return np.asarray(found.reindex(times.tz_convert("UTC")), np.float64)


def is_daylight(
    times: pd.DatetimeIndex, latitude: float, longitude: float, *, from_deg: float = DAYLIGHT_FROM_DEG
) -> npt.NDArray[np.bool_]:
    """Return which times are day: the sun's centre stands at `from_deg` or higher.

    Parameters
    ----------
    times, latitude, longitude
        As in `solar_elevation`.
    from_deg
        Degrees above the horizon, -90 to 90.
    """
    if not -90 <= from_deg <= 90:
        raise ValueError(f"an elevation lies between -90 and 90 degrees, got {from_deg}")
    return solar_elevation(times, latitude, longitude) >= from_deg
