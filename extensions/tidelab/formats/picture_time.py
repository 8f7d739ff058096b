"""When a picture was taken, and by which camera, as its file says it: EXIF, or the name that a camera gave it.

Nothing is guessed. A time without a time zone stays without one (`Moment.zone_known`); whoever knows the zone applies it with
:func:`in_utc`. Sources: EXIF 2.32 (CIPA DC-008-2019), tags DateTimeOriginal (0x9003), SubSecTimeOriginal (0x9291) and OffsetTimeOriginal
(0x9011); names of the form ``<station>_<camera>_YYYY-MM-DD-HH-MM`` are those of coastal camera stations, whose clock is UTC (the data set BWILD,
https://doi.org/10.5281/zenodo.12698763).
"""

import datetime
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from PIL import Image

_EXIF_IFD: Final = 0x8769
_DATE_TIME_ORIGINAL: Final = 0x9003
_OFFSET_ORIGINAL: Final = 0x9011
_SUBSECONDS_ORIGINAL: Final = 0x9291
_EXIF_TIME: Final = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}):(\d{2}):(\d{2})")
_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(\d{2}):?(\d{2})")
_DAY: Final = r"(?<!\d)(\d{4})([-_]?)(\d{2})\2(\d{2})"
_ISO: Final = re.compile(
    _DAY + r"[T_ -](\d{2})[-_:.]?(\d{2})(?:[-_:.]?(\d{2})(?:[.,](\d{1,6}))?)?(Z|[+-]\d{2}:?\d{2})?(?![0-9])"
)
_STATION: Final = re.compile(
    r"(?P<station>[A-Za-z][A-Za-z0-9-]*)_(?P<camera>[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*?)_(\d{4})-(\d{2})-(\d{2})-(\d{2})-(\d{2})(?:-(\d{2}))?"
)
_PREFIX: Final = re.compile(
    r"(?P<station>[A-Za-z][A-Za-z0-9-]*)_(?P<camera>[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*?)[_-]$"
)
_CAMERA_FOLDER: Final = re.compile(r"(?:cam|camera)[-_ ]?[A-Za-z0-9]+", re.IGNORECASE)
_YEARS: Final = range(1900, 2101)


@dataclass(frozen=True)
class Moment:
    """A time as a file says it.

    Parameters
    ----------
    time
        Without `tzinfo` where the file does not say the time zone.
    source
        ``exif`` or ``file-name``.
    """

    time: datetime.datetime
    source: str

    @property
    def zone_known(self) -> bool:
        """Whether the file says the time zone."""
        return self.time.tzinfo is not None


@dataclass(frozen=True)
class Named:
    """What the name of a picture says: time, station and camera; empty and None where it does not."""

    moment: Moment | None = None
    station: str = ""
    camera: str = ""


def from_name(name: str) -> Named:
    """Return what a picture's path says.

    Parameters
    ----------
    name
        Path with ``/``; folders may name the camera (``cam1/``, ``camera_north/``).

    Examples
    --------
    >>> from_name("clm_s_01_2011-11-27-12-00.jpg").moment.time.isoformat(), from_name("clm_s_01_2011-11-27-12-00.jpg").camera
    ('2011-11-27T12:00:00+00:00', 's_01')
    >>> from_name("2024-05-01T12-00-00Z.png").moment.time.isoformat()
    '2024-05-01T12:00:00+00:00'
    >>> from_name("cam2/20240501_120000.jpg").moment.zone_known, from_name("cam2/20240501_120000.jpg").camera
    (False, 'cam2')
    """
    path = PurePosixPath(name)
    stem = path.stem if len(path.suffix) <= 5 else path.name
    folder = next((part for part in reversed(path.parts[:-1]) if _CAMERA_FOLDER.fullmatch(part)), "")
    whole = _STATION.fullmatch(stem)
    if whole:
        year, month, day, hour, minute, second = whole.groups()[2:8]
        time = _time(year, month, day, hour, minute, second, zone=datetime.UTC)
        if time:
            return Named(Moment(time, "file-name"), whole["station"], whole["camera"])
    for found in _ISO.finditer(stem):
        year, _, month, day, hour, minute, second, fraction, zone = found.groups()
        time = _time(year, month, day, hour, minute, second, fraction, zone=_zone(zone))
        if time:
            station, camera = _told(stem[: found.start()])
            return Named(Moment(time, "file-name"), station, camera or folder)
    return Named(camera=folder)


def from_exif(stream: BinaryIO) -> Moment | None:
    """Return the time of the EXIF block of a picture, None where there is none that can be read; never raises for bad bytes."""
    try:
        with Image.open(stream, formats=("JPEG", "PNG", "TIFF")) as image:
            block = image.getexif().get_ifd(_EXIF_IFD)
    except Exception:
        # A damaged EXIF block is no reason to refuse a picture; what a decoder may raise for one has no common class.
        return None
    written = _EXIF_TIME.fullmatch(_text(block.get(_DATE_TIME_ORIGINAL)))
    if not written:
        return None
    year, month, day, hour, minute, second = written.groups()
    fraction = _text(block.get(_SUBSECONDS_ORIGINAL))
    part = fraction if fraction.isdigit() else None
    zone = _zone(_text(block.get(_OFFSET_ORIGINAL)) or None)
    time = _time(year, month, day, hour, minute, second, part, zone=zone)
    return Moment(time, "exif") if time else None


def in_utc(moment: Moment, time_zone: str = "") -> datetime.datetime | None:
    """Return a moment in UTC; None where neither the file nor `time_zone` says the zone.

    Parameters
    ----------
    moment
        Of the picture.
    time_zone
        For moments without one: ``UTC``, an offset (``+02:00``) or an IANA name (``Europe/Madrid``); empty: not known.

    Raises
    ------
    ValueError
        When `time_zone` is none of these; the text says so.
    """
    time = moment.time
    if time.tzinfo is None:
        if not time_zone:
            return None
        time = time.replace(tzinfo=named_zone(time_zone))
    return time.astimezone(datetime.UTC)


def named_zone(text: str) -> datetime.tzinfo:
    """Return the time zone of ``UTC``, ``+02:00`` or ``Europe/Madrid``; raises `ValueError` saying what was expected."""
    if text.upper() in ("UTC", "Z"):
        return datetime.UTC
    offset = _zone(text)
    if offset is not None:
        return offset
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{text[:60]!r} is no time zone: expected UTC, an offset such as +02:00, or a name such as Europe/Madrid"
        ) from None


def _told(before: str) -> tuple[str, str]:
    """Return station and camera of what stands before the time: ``obs_cam1_``, ``cam1_``; anything else is neither."""
    prefix = _PREFIX.fullmatch(before)
    if prefix:
        return prefix["station"], prefix["camera"]
    alone = before.rstrip("_-")
    return "", alone if _CAMERA_FOLDER.fullmatch(alone) else ""


def _text(value: object) -> str:
    text = (
        value.decode("ascii", "replace")
        if isinstance(value, bytes)
        else value
        if isinstance(value, str)
        else ""
    )
    return text.strip("\x00 ")


def _zone(text: str | None) -> datetime.tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "z"):
        return datetime.UTC
    found = _OFFSET.fullmatch(text)
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    # From -12:00 to +14:00 there are time zones; anything else is no offset.
    if minutes > 14 * 60 or int(found[3]) > 59:
        return None
    return datetime.timezone(datetime.timedelta(minutes=minutes if found[1] == "+" else -minutes))


def _time(
    year: str,
    month: str,
    day: str,
    hour: str,
    minute: str,
    second: str | None = None,
    fraction: str | None = None,
    *,
    zone: datetime.tzinfo | None = None,
) -> datetime.datetime | None:
    if int(year) not in _YEARS:
        return None
    microseconds = int((fraction or "")[:6].ljust(6, "0"))
    try:
        time = datetime.datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microseconds
        )
    except ValueError:
        return None
    return time.replace(tzinfo=zone)
