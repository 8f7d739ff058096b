"""What a person may set about a series, as the notebook's parameters name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from tidelab.science.abundance_intervals import Bootstrap
from tidelab.science.effort import Place
from tidelab.science.picture_quality import QualityRules

INTERVALS: Final = {"10 minutes": ("10min", "PT10M"), "hour": ("h", "PT1H"), "day": ("D", "P1D")}
"""Word of the form -> length as pandas writes it, and as ISO 8601 does."""

MOST_CAMERAS: Final = 100
"""Cameras that may be named as expected."""


class SettingError(ValueError):
    """A parameter that cannot be used, in words."""


@dataclass(frozen=True)
class Settings:
    """Everything that a series depends on beside pictures and model.

    Parameters
    ----------
    platform, latitude, longitude, depth_m
        Of the cameras; degrees WGS84, metres below the surface.
    every_minutes
        Minutes between two pictures of a camera; None: as the pictures themselves show it (the median gap).
    daylight_only
        Whether pictures are only expected by day.
    daylight_from_deg
        Elevation of the sun from which it is day, degrees.
    start, end
        Of the period in which pictures are expected; None: from the first to the last picture of each camera.
    cameras
        Names of the cameras that are meant to send pictures; empty: those that did.
    interval
        One of `INTERVALS`.
    rules, bootstrap
        Of good pictures, and of the intervals.
    previous, hand_counts
        Path of an earlier run of the series, and of pictures counted by hand; empty: none.
    """

    platform: str
    latitude: float
    longitude: float
    depth_m: float
    every_minutes: float | None
    daylight_only: bool
    daylight_from_deg: float
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    cameras: tuple[str, ...]
    interval: str
    rules: QualityRules
    bootstrap: Bootstrap
    previous: str = ""
    hand_counts: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Settings":
        """Return the settings of a run; raises `SettingError` naming parameter, value and what was expected."""
        block = parameters["block_pictures"]
        return cls(
            platform=str(parameters["station_name"] or "").strip(),
            latitude=_known(parameters, "station_latitude"),
            longitude=_known(parameters, "station_longitude"),
            depth_m=_known(parameters, "station_depth_m"),
            every_minutes=parameters["every_minutes"],
            daylight_only=bool(parameters["daylight_only"]),
            daylight_from_deg=float(parameters["daylight_from_deg"]),
            start=_moment(parameters, "period_start"),
            end=_moment(parameters, "period_end"),
            cameras=_names(parameters, "cameras"),
            interval=str(parameters["interval"]),
            rules=QualityRules(
                parameters["least_brightness"] or None,
                parameters["least_contrast"] or None,
                parameters["least_sharpness"] or None,
                bool(parameters["drop_frozen"]),
            ),
            bootstrap=Bootstrap(int(block) if block else None, int(parameters["seed"])),
            previous=str(parameters["previous"] or "").strip(),
            hand_counts=str(parameters["hand_counts"] or "").strip(),
        )

    @property
    def every(self) -> str:
        """Length of an interval as pandas writes it."""
        return INTERVALS[self.interval][0]

    @property
    def interval_iso(self) -> str:
        """Length of an interval, ISO 8601."""
        return INTERVALS[self.interval][1]

    @property
    def place(self) -> Place:
        """Where the cameras are."""
        return Place(self.latitude, self.longitude, self.daylight_from_deg)


def _known(parameters: Mapping[str, Any], name: str) -> float:
    value = parameters[name]
    if value is None:
        raise SettingError(
            f"{name} is not known, and without it nobody can tell day from night. Give it in the form."
        )
    return float(value)


def _names(parameters: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return names between commas, each once, in the order given; none for a run from before there was this parameter."""
    found = tuple(
        dict.fromkeys(part.strip() for part in str(parameters.get(name) or "").split(",") if part.strip())
    )
    if len(found) > MOST_CAMERAS:
        raise SettingError(
            f"{name} names {len(found)} cameras; expected at most {MOST_CAMERAS}, with a comma between two"
        )
    odd = next((one for one in found if len(one) > 200 or not one.isprintable()), None)
    if odd is not None:
        raise SettingError(
            f"{name} holds {odd[:40]!r}; expected names of cameras as the files or folders have them, with a comma between two"
        )
    return found


def _moment(parameters: Mapping[str, Any], name: str) -> pd.Timestamp | None:
    text = str(parameters[name] or "").strip()
    if not text:
        return None
    moment: Any = pd.to_datetime(text, errors="coerce", format="ISO8601")
    if pd.isna(moment) or moment.tzinfo is None:
        raise SettingError(
            f"{name} is {text[:40]!r}; expected a time with its zone, e.g. 2024-05-03T00:00:00Z, or nothing"
        )
    found: pd.Timestamp = moment.tz_convert("UTC").as_unit("ns")
    return found
