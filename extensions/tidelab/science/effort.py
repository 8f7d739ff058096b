"""How many pictures were expected, came, were taken by day and are good: per camera and hour.

Of the pictures with a usable time those that come when pictures are expected are *received*: within the stated period, and by day where
pictures are meant to come by day alone. Of these some are taken *by day*, and of these some are *good*: the effort. All others
are counted apart, as *outside*, and are no effort. How many were expected is another matter: it follows from the cadence alone, and a camera
that takes more than it was meant to has received more than was expected.

An hour in which pictures were expected and none came is an outage: it stands in this table with zeros, and nowhere else, because nobody
knows what swam there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.picture_quality import REASONS
from tidelab.science.sun import DAYLIGHT_FROM_DEG, is_daylight

EFFORT_COLUMNS: Final = (
    "camera", "interval_start", "pictures_expected", "pictures_received", "pictures_daylight", "pictures_good",
    *(f"pictures_{reason.replace('-', '_')}" for reason in REASONS), "pictures_outside",
)  # fmt: skip
"""Columns of `effort`: received are pictures with a usable time when pictures are expected; of these by day; of these good (the effort); of those by
day the ones that are not good, by reason. ``pictures_outside`` are none of these: they came outside of the stated period, or by night where
pictures are meant to come by day alone. ``interval_start`` is UTC."""


@dataclass(frozen=True)
class Cadence:
    """How often a camera is meant to take a picture.

    Parameters
    ----------
    every_s
        Seconds between two pictures, above 0.
    daylight_only
        Whether pictures are only meant to come by day.
    start, end
        Of the period in which pictures are expected, UTC, the end exclusive; None: from the first to the last picture of each camera, so
        that an outage at either end is not seen. Pictures outside of it are no effort.
    cameras
        Names of the cameras that are meant to send pictures, so that one that sent nothing has its rows. Where `start` or `end` is not stated, all of
        them are expected from the first or until the last picture of any camera. Empty: the cameras that sent pictures, each in its own time.
    """

    every_s: float = 60.0
    daylight_only: bool = True
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    cameras: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.every_s <= 86_400:
            raise ValueError(f"a camera takes a picture every 0 to 86400 seconds, got {self.every_s}")
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} {moment} needs its zone, e.g. 2024-05-03T10:20:00Z")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"the period ends ({self.end}) before it starts ({self.start})")

    def covers(self, times: pd.Series, daylight: pd.Series) -> pd.Series:
        """Return at which times, of known daylight, a picture may be expected; False where the time is not known."""
        inside = times.notna()
        if self.start is not None:
            inside &= times >= self.start
        if self.end is not None:
            inside &= times < self.end
        return inside & daylight if self.daylight_only else inside


MOST_SLOTS: Final = 5_000_000
"""Pictures that one camera may be expected to take: nine years of one a minute. More is a wrong clock or a wrong period."""


@dataclass(frozen=True)
class Place:
    """Where the cameras are, and from which elevation of the sun it is day there."""

    latitude: float
    longitude: float
    daylight_from_deg: float = DAYLIGHT_FROM_DEG

    def daylight(self, times: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
        """Return which times are day."""
        return is_daylight(times, self.latitude, self.longitude, from_deg=self.daylight_from_deg)


def mark_effort(pictures: pd.DataFrame, place: Place, cadence: Cadence | None = None) -> pd.DataFrame:
    """Return the pictures with the columns ``daylight``, ``is_effort`` and ``outside`` (a usable time, at which none was expected).

    Parameters
    ----------
    pictures
        Columns ``time`` (UTC, NaT where unknown), ``usable`` (`tidelab.science.picture_times`) and ``quality``
        (`tidelab.science.picture_quality`, empty where good).
    place
        Of the cameras.
    cadence
        What was expected: pictures outside of its period are no effort. None: pictures may come at any time.
    """
    daylight = np.zeros(len(pictures), bool)
    known = (pictures["usable"] & pictures["time"].notna()).to_numpy()
    daylight[known] = place.daylight(pd.DatetimeIndex(pictures["time"][known]))
    marked = pictures.assign(
        daylight=daylight, is_effort=daylight & (pictures["quality"] == "").to_numpy(), outside=False
    )
    if cadence is not None:
        marked["outside"] = known & ~cadence.covers(marked["time"], marked["daylight"])
        marked["is_effort"] &= ~marked["outside"]
    return marked


def effort(pictures: pd.DataFrame, cadence: Cadence, place: Place, every: str = "h") -> pd.DataFrame:
    """Count pictures by camera and interval.

    Parameters
    ----------
    pictures
        As `mark_effort` returns them, with the column ``camera``. A camera that is named there has its rows even when none of its pictures
        has a usable time within a period whose start and end are stated.
    cadence
        What was expected, and of which cameras: one that sent nothing at all is known by its name there alone.
    place
        Of the cameras.
    every
        Length of an interval as pandas writes it: ``h`` (default), ``D``, ``10min``.

    Returns
    -------
    pandas.DataFrame
        `EFFORT_COLUMNS`, by camera and time: each interval in which a picture was expected or came, be it outside.

    Raises
    ------
    ValueError
        When a camera would be expected to take more than `MOST_SLOTS` pictures; the text names the period.
    """
    used = pictures[pictures["usable"] & pictures["time"].notna()]
    used = used.assign(
        camera=used["camera"].fillna("").astype(str), interval_start=used["time"].dt.floor(every)
    )
    keys = ["camera", "interval_start"]
    received = cadence.covers(used["time"], used["daylight"])
    by_day = received & used["daylight"]
    columns = {
        "pictures_received": received,
        "pictures_daylight": by_day,
        "pictures_good": received & used["is_effort"],
        "pictures_outside": ~received,
    } | {f"pictures_{reason.replace('-', '_')}": by_day & (used["quality"] == reason) for reason in REASONS}
    counted = used[keys].assign(**columns).groupby(keys, sort=True).sum()
    named = set(pictures["camera"].fillna("").astype(str)) - {""}
    named |= set(cadence.cameras)
    expected = _expected(used, sorted(named | set(used["camera"])), cadence, place, every)
    table = counted.join(expected, how="outer").fillna(0).astype(np.int64).reset_index()
    return table.loc[:, list(EFFORT_COLUMNS)].sort_values(keys, kind="stable", ignore_index=True)


def _expected(
    used: pd.DataFrame, cameras: Sequence[str], cadence: Cadence, place: Place, every: str
) -> pd.Series:
    step = pd.Timedelta(seconds=cadence.every_s)
    parts = []
    for camera in cameras:
        period = _period(camera, used, cadence)
        if period is None:
            continue
        start, end = period
        if (end - start) / step > MOST_SLOTS:
            raise ValueError(
                f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} camera {camera or 'without a name'} would take more than {MOST_SLOTS} pictures, "
                f"one every {cadence.every_s:g} s. Check the clock (the earliest and the latest picture), the period and the cadence"
            )
        slots = pd.date_range(start.tz_convert("UTC"), end.tz_convert("UTC"), freq=step, inclusive="left")
        if cadence.daylight_only:
            slots = slots[place.daylight(slots)]
        counts = pd.Series(1, index=slots.floor(every)).groupby(level=0).sum()
        counts.index = pd.MultiIndex.from_product(
            [[camera], counts.index], names=["camera", "interval_start"]
        )
        parts.append(counts)
    empty = pd.Series(dtype=np.int64, index=pd.MultiIndex.from_tuples([], names=["camera", "interval_start"]))
    return (pd.concat(parts) if parts else empty).rename("pictures_expected")


def _period(camera: str, used: pd.DataFrame, cadence: Cadence) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return from and before which pictures of a camera are expected; None: nothing tells."""
    # Cameras that are said to belong together are compared over one time: who fell silent early is seen.
    own = used if camera in cadence.cameras else used[used["camera"] == camera]
    if own.empty and (cadence.start is None or cadence.end is None):
        return None
    start = cadence.start if cadence.start is not None else own["time"].min()
    # The end is exclusive; the last picture was itself expected.
    end = cadence.end if cadence.end is not None else own["time"].max() + pd.Timedelta(1, "ns")
    return (start, end) if start < end else None
