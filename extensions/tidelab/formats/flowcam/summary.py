"""The summary that VisualSpreadsheet writes of a run (``*_run_summary.txt`` or ``*_summary.csv``): how much fluid was imaged.

Lines ``Key: value`` under headings (text), or ``Key, value`` (CSV); read as other programs of the field read them [1]_ [2]_.
``Calibration Factor`` is "the conversion factor from pixels to microns (units are microns per pixel)" [3]_.

Two things are *not* taken from it: the time, because the instrument's clock gives no time zone and tells when the sample was imaged, not
when it was taken; and the dilution, which VisualSpreadsheet does not know of.

References
----------
.. [1] libflowcam (National Oceanography Centre), ``sample.py``: ``*_summary.csv``.
.. [2] EcoTaxa import scripts for ``*_run_summary.txt`` ("Fluid Volume Imaged", "Calibration Factor", "Start", "Magnification").
.. [3] README of FlowCam raw data of the IGB Berlin, after the VisualSpreadsheet User Guide,
   https://fred.igb-berlin.de/data/file_download/3096:FRED/FlowCam/group_README.txt
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tidelab.formats.flowcam.particles import Fault

T = TypeVar("T")

_LINE = re.compile(r"\s*([A-Za-z][A-Za-z /]{0,60}?)\s*[:,]\s*(.*?)\s*")
_QUANTITY = re.compile(r"([0-9]{1,9}(?:[.,][0-9]{1,12})?)\s*([A-Za-zµμ/%]*)")
_ML: Final = {"ml": 1.0, "l": 1000.0, "ul": 1e-3, "µl": 1e-3, "μl": 1e-3}
_UNKNOWN: Final = {"", "na", "n/a", "none", "unknown"}


@dataclass(frozen=True)
class Summary:
    """What a run summary says; None or empty where it does not say it.

    Parameters
    ----------
    volume_imaged_ml
        ``Fluid Volume Imaged``.
    um_per_px
        ``Calibration Factor``.
    serial_number, software
        Of the instrument.
    start
        When the run began by the instrument's clock, as it stands there: without a time zone.
    particle_count
        Particles that the instrument counted.
    faults
        Values that could not be used.
    """

    volume_imaged_ml: float | None = None
    um_per_px: float | None = None
    serial_number: str = ""
    software: str = ""
    start: str = ""
    particle_count: int | None = None
    faults: tuple[Fault, ...] = ()


def parse_summary(text: str) -> Summary:
    """Read a run summary; what cannot be used is a fault, never a guess.

    Parameters
    ----------
    text
        Content of the file. Any text is accepted: one that says nothing gives an empty summary.
    """
    said: dict[str, list[tuple[int, str]]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        match = _LINE.fullmatch(line[:500])
        if match and match[2].casefold() not in _UNKNOWN:
            said.setdefault(" ".join(match[1].casefold().split()), []).append((number, match[2]))
    faults: list[Fault] = []
    volume = _one(said, ("fluid volume imaged",), _volume, faults)
    scale = _one(said, ("calibration factor",), _positive, faults)
    count = _one(said, ("particle count",), _count, faults)
    return Summary(
        volume_imaged_ml=volume,
        um_per_px=scale,
        serial_number=(_one(said, ("serialno", "serial number", "serial no"), _text, faults) or ""),
        software=(_one(said, ("software",), _text, faults) or ""),
        start=(_one(said, ("start", "start time"), _text, faults) or ""),
        particle_count=count,
        faults=tuple(faults),
    )


def _one(
    said: dict[str, list[tuple[int, str]]],
    keys: tuple[str, ...],
    read: Callable[[str], T],
    faults: list[Fault],
) -> T | None:
    found = [entry for key in keys for entry in said.get(key, [])]
    if not found:
        return None
    line, value = found[0]
    different = next((other for other in found if other[1] != value), None)
    if different:
        # A summary of several runs, or a file somebody edited: which value belongs to this run, it does not say.
        message = (
            f"{keys[0]} is {value[:40]!r} in line {line} and {different[1][:40]!r} here: it stays unknown"
        )
        faults.append(Fault(different[0], message))
        return None
    try:
        return read(value)
    except ValueError as error:
        faults.append(Fault(line, f"{keys[0]} is {value[:40]!r}, {error}: it stays unknown"))
        return None


def _volume(value: str) -> float:
    match = _QUANTITY.fullmatch(value)
    factor = _ML.get(match[2].casefold()) if match else None
    if match is None or factor is None:
        raise ValueError("a volume such as 0.9485 ml was expected")
    return _above_zero(match[1]) * factor


def _positive(value: str) -> float:
    match = _QUANTITY.fullmatch(value)
    if match is None or match[2]:
        raise ValueError("a number was expected")
    return _above_zero(match[1])


def _above_zero(text: str) -> float:
    number = float(text.replace(",", "."))
    if number <= 0:
        raise ValueError("a number above 0 was expected")
    return number


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("a whole number was expected")
    return int(value)


def _text(value: str) -> str:
    return " ".join(value.split())[:100]
