"""When and where a photo was taken and what its numbers mean as colours, as the telephone wrote it into the file (EXIF, ICC profile).

Nothing is guessed: what it did not write stays empty.

References
----------
.. [1] CIPA DC-008-2019 / EXIF 2.32: GPSLatitude (0x0002), GPSLongitude (0x0004) and their references, degrees, minutes, seconds as
   fractions; GPSHPositioningError (0x001F), metres.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tidelab.formats.picture_time import Moment, from_exif
from tidelab.runs.failures import InputError
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection
from tidelab.science.colour_profile import other_space

HEADS: Final = (128 * 2**10, 2 * 2**20)
"""Bytes that are looked at, the second number where the first is not enough: EXIF stands at the beginning."""

COLUMNS: Final = ("taken", "latitude_deg", "longitude_deg", "position_error_m", "colour_space")
"""What is told of each photo. ``taken`` is ISO 8601: with an offset where the telephone wrote one, else local time without; ``colour_space``
is the name of its profile, empty for sRGB and where there is none."""

UNNAMED: Final = "a colour space without a name"
"""Stands for the name of a profile that has none, or one that cannot be read."""

_GPS: Final = 0x8825
_HALVES: Final = {"latitude_deg": (1, 2, ("N", "S"), 90.0), "longitude_deg": (3, 4, ("E", "W"), 180.0)}


def read(given: Sequence[Path], collection: Collection, context: ReaderContext) -> None:
    """Note of each photo of an input what its file says (`COLUMNS`; ``objects.csv`` of the run)."""
    count = len(collection.sources)
    for number, source in enumerate(collection.sources, 1):
        if number % 100 == 0:
            context.stop_if_cancelled()
            context.progress("Reading when and where photos were taken", number, count)
        found: Mapping[str, str | float] = {}
        for size in HEADS:
            try:
                head = source.content(size)
            except InputError:
                break  # said when the photo itself is read
            found = told(head)
            if len(head) < size or any(value != "" for value in found.values()):
                break
        source.measurements = dict(found) or dict.fromkeys(COLUMNS, "")  # type: ignore[attr-defined]


def told(head: bytes) -> dict[str, str | float]:
    """Return `COLUMNS` of the beginning of a photo; what is not there or makes no sense is an empty text.

    Examples
    --------
    >>> told(b"no photo")
    {'taken': '', 'latitude_deg': '', 'longitude_deg': '', 'position_error_m': '', 'colour_space': ''}
    """
    found: dict[str, str | float] = dict.fromkeys(COLUMNS, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged block: Pillow says so to whoever runs it
        moment: Moment | None = from_exif(io.BytesIO(head))
        if moment:
            found["taken"] = moment.time.isoformat(timespec="seconds")
        try:
            with Image.open(io.BytesIO(head), formats=("JPEG", "PNG", "TIFF")) as image:
                # Each by itself: a damaged one takes no other along.
                position = _position(image)
                found["colour_space"] = _space(image)
        except Exception:
            # A damaged block is no reason to refuse a photo; what a decoder may raise for one has no common class.
            return found
    degrees = {name: _degrees(position, *rule) for name, rule in _HALVES.items()}
    # One half of a position is none, and 0, 0 is what a receiver without satellites writes.
    if all(math.isfinite(value) for value in degrees.values()) and any(degrees.values()):
        found |= {name: round(value, 6) for name, value in degrees.items()}
        error = _number(position.get(0x1F))
        if error > 0 and math.isfinite(error):
            found["position_error_m"] = round(error, 1)
    return found


def _position(image: Image.Image) -> dict[int, Any]:
    try:
        return dict(image.getexif().get_ifd(_GPS))
    except Exception:
        return {}


def _space(image: Image.Image) -> str:
    try:
        return other_space(image)
    except Exception:
        # Only its name was left to read: whether it is another space was known by then.
        return UNNAMED


def _degrees(
    position: Mapping[int, Any], reference: int, tag: int, signs: tuple[str, str], limit: float
) -> float:
    sign, parts = position.get(reference), position.get(tag)
    if sign not in signs or not isinstance(parts, tuple) or len(parts) != 3:
        return math.nan
    degrees, minutes, seconds = (_number(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    whole = degrees >= 0 and 0 <= minutes < 60 and 0 <= seconds < 60
    return (-value if sign == signs[1] else value) if whole and value <= limit else math.nan


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan
