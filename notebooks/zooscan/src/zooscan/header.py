"""What a ZooProcess header says of a sample and of one scan of it, in today's units.

Positions are written ``DD.MMMM``: whole degrees, then minutes times 100 as four decimals, and **west is positive**. The tables and EcoTaxa rows of
the APERO cruise show it: 47.5076 / 15.2622 there is 47.846 N / 15.437 W (object_lat 47.846, object_lon -15.437) in EcoTaxa.
"""

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from zooscan.legacy_text import Fault

UNKNOWN: Final = (9999.0, 99999.0, 999999.0)
"""What ZooProcess writes where nothing is known."""

_DATE = re.compile(r"(\d{8})[-_](\d{2})(\d{2})")
_NUMBER = re.compile(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})([eE][+-]?\d{1,2})?")


@dataclass(frozen=True)
class ScanHeader:
    """One scan and its sample.

    Parameters
    ----------
    scan_id
        Name of the scan (``<sample>_<fraction>_1``).
    sample_id
        Name of the sample.
    values
        Lower-case ZooProcess key -> text as it was written, of the sample and of the scan.
    source
        File that says it.
    line
        Its line in a header table, 0 for a ``_meta.txt``.
    faults
        What cannot be used; the value is then not known.
    """

    scan_id: str
    sample_id: str
    values: Mapping[str, str]
    source: str
    line: int = 0
    faults: tuple[Fault, ...] = field(default=())

    @property
    def fraction(self) -> str:
        """Name of the fraction (``d1``, ``d2_1_sur_4``, ``tot``); empty where not known."""
        return self.values.get("fracid", "")

    @property
    def volume_m3(self) -> float | None:
        """Volume of sea water that the net filtered for this sample, m3; None where not known."""
        return self._positive("vol")

    @property
    def sub_part(self) -> float | None:
        """Factor (``Fracnb``) that scales the objects of all scans of this fraction together up to the whole sample; None where not known.

        1: all of it was scanned. A fraction that was split into 8, of which 2 parts were scanned, has 8 / 2 = 4 in the header of both scans.
        """
        value = self._positive("fracnb")
        return value if value is not None and value >= 1 else None

    def number(self, key: str) -> float | None:
        """Return a number; None where it is missing, none, or one of `UNKNOWN`."""
        text = self.values.get(key, "")
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text)
        return None if not math.isfinite(value) or value in UNKNOWN else value

    def _positive(self, key: str) -> float | None:
        value = self.number(key)
        return value if value is not None and value > 0 else None


def decimal_degrees(text: str) -> float | None:
    """Return degrees of ``DD.MMMM``; None where the minutes are 60 or more, or it is no number.

    >>> decimal_degrees("47.5076")
    47.846
    >>> decimal_degrees("-0.3000")
    -0.5
    >>> decimal_degrees("47.9500") is None
    True
    """
    match = re.fullmatch(r"([+-]?)(\d{1,3})(?:\.(\d{1,10}))?", text.strip())
    if match is None:
        return None
    minutes = float(f"0.{match[3] or '0'}") * 100
    if minutes >= 60:
        return None
    value = round(int(match[2]) + minutes / 60, 9)
    return -value if match[1] == "-" else value


def moment(text: str) -> datetime.datetime | None:
    """Return the time of ``YYYYMMDD-HHMM`` (or with ``_``), which ZooProcess and EcoTaxa take for UTC; None where it is none."""
    match = _DATE.match(text.strip())
    if match is None:
        return None
    try:
        return datetime.datetime.strptime("".join(match.groups()), "%Y%m%d%H%M").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def sample_facts(header: ScanHeader) -> tuple[dict[str, object], list[Fault]]:
    """Return fields of `tidelab.domain.sample.Sample` that a header gives, and what cannot be taken.

    Depths are those of the net (``Zmin``, ``Zmax``), metres.
    """
    facts: dict[str, object] = {"instrument": "ZooScan"}
    faults: list[Fault] = []

    def refuse(key: str, rule: str) -> None:
        text = header.values.get(key, "")
        faults.append(Fault(header.source, header.line, key, f"{text[:40]!r} is not taken: {rule}"))

    for name, key in (("station", "stationid"), ("platform", "ship")):
        if header.values.get(key):
            facts[name] = header.values[key][:255]
    for name, key, sign, most in (("latitude", "latitude", 1, 90), ("longitude", "longitude", -1, 180)):
        text = header.values.get(key, "")
        if not text or (header.number(key) is None and _NUMBER.fullmatch(text)):
            continue
        degrees = decimal_degrees(text)
        if degrees is None or abs(degrees) > most:
            refuse(key, f"expected degrees and minutes as DD.MMMM, minutes below 60, degrees up to {most}")
        else:
            facts[name] = sign * degrees + 0.0
    if header.values.get("date"):
        time = moment(header.values["date"])
        if time is None:
            refuse("date", "expected YYYYMMDD-HHMM")
        else:
            facts["time"] = time
    top, bottom = header.number("zmin"), header.number("zmax")
    if top is not None and bottom is not None and bottom < top:
        refuse("zmax", f"it is above Zmin ({top:g} m); neither depth is taken")
    else:
        facts |= {
            name: value
            for name, value in (("depth_min_m", top), ("depth_max_m", bottom))
            if value is not None
        }
    return facts, faults
