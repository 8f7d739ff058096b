"""When and by which camera a picture was taken, as ``pictures.csv`` says it: EXIF first, then the file's name; unknown stays empty."""

from dataclasses import dataclass
from typing import Final

from tidelab.formats.picture_time import Moment, from_exif, from_name, in_utc, named_zone
from tidelab.runs.errors import RunError
from tidelab.runs.inputs.particles import CutPayload
from tidelab.runs.inputs.sample_table import utc_text
from tidelab.runs.inputs.source import Payload

NO_ZONE: Final = "no time zone"
TIME_ZONE: Final = "time_zone"
"""Name of the notebook parameter that says the zone of times that have none."""


@dataclass(frozen=True)
class Taken:
    """What a picture's own file says.

    Parameters
    ----------
    time
        ISO 8601 with ``Z``; empty: not known.
    source
        ``exif``, ``file-name`` or ``reader``; followed by ``: no time zone`` where there is a time that cannot be placed. Empty: no time.
    station, camera
        As the name or a folder says; empty: not known.
    """

    time: str = ""
    source: str = ""
    station: str = ""
    camera: str = ""


def taken(name: str, payload: Payload, time_zone: str = "") -> Taken:
    """Return when and by which camera a picture was taken.

    Of several times the one with a time zone counts; of those the one in the EXIF block, which renaming does not change.

    Parameters
    ----------
    name
        Display name of the file.
    payload
        Its bytes; a picture that is cut out of another has no EXIF of its own.
    time_zone
        Of times that have none, checked by `checked_time_zone`; empty: they stay unknown.
    """
    named = from_name(name.removeprefix("./"))
    exif = None if isinstance(payload, CutPayload) else from_exif(payload.open())
    moments = [one for one in (exif, named.moment) if one is not None]
    moments.sort(key=lambda one: not one.zone_known)
    time, source = _first(moments, time_zone)
    return Taken(time, source, named.station, named.camera)


def checked_time_zone(value: object) -> str:
    """Return the parameter ``time_zone`` of a run; raises `RunError` when it is none."""
    if value in (None, ""):
        return ""
    try:
        named_zone(str(value))
    except ValueError as error:
        raise RunError(f"{TIME_ZONE}: {error}. Correct it, or leave it empty.") from None
    return str(value)


def _first(moments: list[Moment], time_zone: str) -> tuple[str, str]:
    if not moments:
        return "", ""
    time = in_utc(moments[0], time_zone)
    if time is None:
        return "", f"{moments[0].source}: {NO_ZONE}"
    return utc_text(time), moments[0].source
