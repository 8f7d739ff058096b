"""What EcoTaxa accepts in a table, as its own code says.

Source: ``py/BO/TSVFile.py`` (``validate_structure``, ``validate_content``, ``validate_line``), ``py/BO/Mappings.py``,
``py/BO/helpers/TSVHelpers.py``, ``py/BO/Image.py`` and ``py/DB/{Object,Sample,Acquisition,Process}.py`` of
https://github.com/ecotaxa/ecotaxa_back, read in 2026. Written anew from those rules.
"""

import datetime
import math
import re
from typing import Final

TEXT, NUMBER = "[t]", "[f]"
TYPES: Final = (TEXT, NUMBER)

PREDEFINED: Final[dict[str, str]] = {
    "object_id": "text", "object_lat": "latitude", "object_lon": "longitude", "object_date": "date", "object_time": "time",
    "object_link": "text", "object_depth_min": "number", "object_depth_max": "number", "complement_info": "long-text",
    "object_annotation_category": "text", "object_annotation_category_id": "category-id", "object_annotation_date": "date",
    "object_annotation_time": "time", "object_annotation_person_name": "text", "object_annotation_person_email": "text",
    "object_annotation_status": "status", "img_file_name": "text", "img_rank": "rank",
    "sample_id": "text", "sample_dataportal_descriptor": "long-text", "acq_id": "text", "acq_instrument": "text", "process_id": "text",
}  # fmt: skip
"""Columns that EcoTaxa has a place for, with the kind of their values; the type in line 2 does not matter for them."""

PREFIXES: Final = ("object", "sample", "acq", "process")
"""What the name of a column of one's own begins with, before the first ``_``."""

FREE_COLUMNS: Final = {
    ("object", NUMBER): 500, ("object", TEXT): 20, ("sample", TEXT): 60, ("acq", TEXT): 30, ("process", TEXT): 30,
}  # fmt: skip
"""Columns of one's own that one project can hold."""

MAX_FREE_TEXT: Final = 250
MAX_TEXT: Final = 255
STATUSES: Final = ("predicted", "validated", "dubious", "discarded")
NO_STATUS: Final = "noid"
EMPTY_NUMBERS: Final = ("nan", "na")
PICTURES: Final = ("PNG", "JPEG", "GIF")
MAX_SIDE_PX: Final = 20_000
LARGEST_CATEGORY: Final = 9_999_999
"""EcoTaxa numbers its categories one after the other; those seen up to 2026 have five digits, so far above this none exists."""

_DEGREES: Final = re.compile(r"(-?\d+)°(\d+) (\d+)")


def number(text: str) -> float | None:
    """Return a number as EcoTaxa reads it, None where it is none. ``-inf`` is none, for EcoTaxa as for us."""
    try:
        value = float(text)
    except ValueError:
        return None
    return None if value == -math.inf else value


def degrees(text: str) -> float | None:
    """Return decimal degrees of ``-12.5`` or ``12°30 00`` (degrees, minutes, seconds); None where it is neither.

    As in EcoTaxa minutes are always added, so ``-12°30 00`` is -11.5: see `is_misread`.
    """
    match = _DEGREES.search(text)
    if not match:
        return number(text)
    whole, minutes, seconds = (float(part) for part in match.groups())
    return whole + (minutes + seconds / 60) / 60


def is_misread(text: str) -> bool:
    """Return whether EcoTaxa moves a position: minutes of a negative degree are added instead of subtracted."""
    match = _DEGREES.search(text)
    return match is not None and match[1].startswith("-") and any(float(part) for part in match.groups()[1:])


def date(text: str) -> datetime.date | None:
    """Return the day of ``YYYYMMDD`` or ``YYYY-MM-DD``, None where it is none."""
    digits = text if "-" not in text else re.sub(r"^(\d{4})-(\d\d)-(\d\d)$", r"\1\2\3", text)
    if not re.fullmatch(r"\d{8}", digits, re.ASCII):
        return None
    try:
        return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def time(text: str) -> datetime.time | None:
    """Return the time of ``HH:MM:SS`` (fractions of a second are dropped), ``HHMMSS`` or ``HHMM``, None where it is none.

    Fewer than four digits have lost zeros at their beginning in a spreadsheet: 420 is 04:20. Five digits are refused: EcoTaxa takes
    12345 for 12:34:50, where a spreadsheet made it of 01:23:45.
    """
    digits = re.sub(r"^(\d\d):(\d\d):(\d\d)(\.\d+)?$", r"\1\2\3", text)
    if not re.fullmatch(r"\d{1,4}|\d{6}", digits, re.ASCII):
        return None
    digits = digits.zfill(4).ljust(6, "0")
    try:
        return datetime.time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None


def is_numeric(kind: str) -> bool:
    """Return whether ``nan`` and ``na`` mean empty for a kind of value."""
    return kind in ("number", "latitude", "longitude", "category-id", "rank")
