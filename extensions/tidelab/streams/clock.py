"""When a video begins, and when each of its frames was taken; where nobody says it, times stay empty."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from tidelab.formats.picture_time import from_name, in_utc, named_zone
from tidelab.streams.errors import StreamError


def iso(moment: datetime.datetime | None, timespec: str = "milliseconds") -> str:
    """Return a moment as ISO 8601 in UTC with ``Z``; empty for None.

    >>> iso(datetime.datetime(2026, 5, 1, 12, 0, 0, 40000, tzinfo=datetime.UTC))
    '2026-05-01T12:00:00.040Z'
    """
    if moment is None:
        return ""
    return moment.astimezone(datetime.UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


@dataclass(frozen=True)
class Start:
    """Time of the first frame.

    Parameters
    ----------
    moment
        In UTC; None: not known.
    source
        ``given``, ``file-name``, ``container`` (its ``creation_time``) or ``unknown``.
    """

    moment: datetime.datetime | None
    source: str

    def at(self, time_s: float) -> datetime.datetime | None:
        """Return the moment `time_s` seconds of video later."""
        return self.moment + datetime.timedelta(seconds=time_s) if self.moment else None


def start_of(path: Path, created: str, *, given: str = "", time_zone: str = "") -> Start:
    """Find out when a video begins.

    Parameters
    ----------
    path
        The file; cameras write the beginning into its name.
    created
        ``creation_time`` of its container. QuickTime says it is UTC and when the file was made; some cameras write local time, or the end.
    given
        What a person says, ISO 8601; goes before all else.
    time_zone
        For times that say no zone: ``UTC``, ``+02:00`` or ``Europe/Madrid``; empty: such times are not used.

    Raises
    ------
    StreamError
        When `given` is no time, or says no zone and `time_zone` is empty; when `time_zone` is none.
    """
    try:
        zone = named_zone(time_zone) if time_zone else None
    except ValueError as error:
        raise StreamError(f"--time-zone {error}.") from None
    if given:
        return Start(_given(given, zone), "given")
    named = from_name(path.name).moment
    moment = in_utc(named, time_zone) if named else None
    if moment:
        return Start(moment, "file-name")
    try:
        written = datetime.datetime.fromisoformat(created)
    except ValueError:
        return Start(None, "unknown")
    # Cameras without a clock write the beginning of the QuickTime or Unix epoch.
    if written.year < 1990:
        return Start(None, "unknown")
    return Start(written.replace(tzinfo=written.tzinfo or datetime.UTC).astimezone(datetime.UTC), "container")


def _given(text: str, zone: datetime.tzinfo | None) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise StreamError(
            f"--start {text[:60]!r} is no time: expected ISO 8601 such as 2026-05-01T12:00:00Z."
        ) from None
    if moment.tzinfo is None and zone is None:
        raise StreamError(
            f"--start {text} says no time zone: write 2026-05-01T12:00:00Z, or add --time-zone UTC."
        )
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(datetime.UTC)
