"""Times of pictures, and what is wrong with them.

A time series is only as good as its clock. A picture whose time is missing, cannot be read or has no zone takes part in nothing that
counts effort; of two pictures of one camera at one instant the first by name counts. A clock that runs backwards is told, not repaired.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

FaultKind = Literal[
    "no-time", "no-zone", "unreadable", "clock-reset", "duplicate-time", "clock-backwards", "no-camera"
]

FAULT_WORDS: Final[dict[FaultKind, str]] = {
    "no-time": "have no time: neither file name nor EXIF nor table gives one; they count for no hour",
    "no-zone": "have a time without a zone, which may be hours off; they count for no hour. Write e.g. 2024-05-03T10:20:00Z",
    "unreadable": "have a time that is none; they count for no hour. Expected ISO 8601 with zone, e.g. 2024-05-03T10:20:00Z",
    "clock-reset": "say a time before 1990, where clocks start after a reset; they count for no hour. Correct the time and analyse again",
    "duplicate-time": "have the time of another picture of their camera; the first by name counts, they do not",
    "clock-backwards": "are earlier than the picture before them by name: check the clock of the camera (summer time, a reset); they count",
    "no-camera": "name no camera while others do; they are counted as a camera without a name",
}
"""What each fault means and does, to be read after a number of pictures."""

EARLIEST_YEAR: Final = 1990
"""No digital camera took pictures under water before."""

_ZONED: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$")
_ZONELESS: Final = re.compile(r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$")
_NUMBER: Final = re.compile(r"(\d+)")


@dataclass(frozen=True)
class TimeFault:
    """One picture and what is wrong with its time."""

    picture: str
    kind: FaultKind
    detail: str = ""


@dataclass(frozen=True, eq=False)
class PictureTimes:
    """What `picture_times` found.

    Parameters
    ----------
    times
        UTC, in the order given; NaT where there is none.
    usable
        Whether the picture may count, in the order given.
    faults
        By picture; a picture may have several.
    """

    times: pd.Series
    usable: pd.Series
    faults: tuple[TimeFault, ...]

    def words(self) -> list[str]:
        """Return one sentence a kind of fault, with the first pictures it befell."""
        sentences = []
        for kind, words in FAULT_WORDS.items():
            found = [fault for fault in self.faults if fault.kind == kind]
            if found:
                shown = ", ".join(
                    f"{one.picture}{f' ({one.detail})' if one.detail else ''}" for one in found[:3]
                )
                more = ", …" if len(found) > 3 else ""
                sentences.append(f"{len(found)} pictures {words}: {shown}{more}.")
        return sentences


def picture_times(pictures: pd.DataFrame) -> PictureTimes:
    """Read the times of pictures strictly and look for clocks that cannot be right.

    Parameters
    ----------
    pictures
        With the columns ``picture`` (name, unique), ``camera`` and ``time`` (ISO 8601 text, empty where not known).

    Raises
    ------
    ValueError
        Where a column is missing or two rows are of one picture.
    """
    for name in ("picture", "camera", "time"):
        if name not in pictures:
            raise ValueError(
                f"a table of pictures needs the column {name}; it has {', '.join(pictures.columns)}"
            )
    twice = pictures["picture"][pictures["picture"].duplicated()]
    if len(twice):
        raise ValueError(f"picture {twice.iloc[0]!r} has two rows; a picture is one row")
    names = pictures["picture"].astype(str)
    cameras = pictures["camera"].fillna("").astype(str)
    texts = pictures["time"].fillna("").astype(str).str.strip()
    times, faults = _parsed(names, texts)
    faults += _repeated(names, cameras, times)
    faults += _backwards(names, cameras, times)
    if (cameras != "").any():
        faults += [TimeFault(name, "no-camera") for name in names[cameras == ""]]
    lost = {fault.picture for fault in faults if fault.kind not in ("clock-backwards", "no-camera")}
    return PictureTimes(
        times, ~names.isin(lost), tuple(sorted(faults, key=lambda one: (one.picture, one.kind)))
    )


def _parsed(names: pd.Series, texts: pd.Series) -> tuple[pd.Series, list[TimeFault]]:
    faults, values = [], []
    for name, text in zip(names, texts, strict=True):
        value, kind = _one_time(text)
        values.append(value)
        if kind:
            faults.append(TimeFault(name, kind, text))
    return pd.Series(pd.DatetimeIndex(values, tz="UTC").as_unit("ns"), index=names.index), faults


def _one_time(text: str) -> tuple[pd.Timestamp | None, FaultKind | None]:
    if not text:
        return None, "no-time"
    if _ZONELESS.match(text):
        return None, "no-zone"
    if not _ZONED.match(text):
        return None, "unreadable"
    try:
        # "ns" refuses years beyond 1678 to 2262, which no camera means.
        moment = pd.Timestamp(text).tz_convert("UTC").as_unit("ns")
    except (ValueError, OverflowError):
        return None, "unreadable"
    return (moment, None) if moment.year >= EARLIEST_YEAR else (None, "clock-reset")


def _repeated(names: pd.Series, cameras: pd.Series, times: pd.Series) -> list[TimeFault]:
    table = pd.DataFrame({"name": names, "camera": cameras, "time": times}).dropna(subset="time")
    later = table.sort_values("name", kind="stable").duplicated(["camera", "time"])
    repeated = later.index[later.to_numpy()]
    return [
        TimeFault(names[row], "duplicate-time", times[row].strftime("%Y-%m-%dT%H:%M:%SZ")) for row in repeated
    ]


def _backwards(names: pd.Series, cameras: pd.Series, times: pd.Series) -> list[TimeFault]:
    name, camera, moment = list(map(str, names)), cameras.tolist(), times.to_numpy("datetime64[ns]")
    known = np.flatnonzero(~np.isnat(moment)).tolist()
    order = sorted(known, key=lambda row: (camera[row], _natural(name[row])))
    faults = []
    for before, row in itertools.pairwise(order):
        if camera[before] == camera[row] and moment[row] < moment[before]:
            back = (moment[before] - moment[row]) / np.timedelta64(1, "s")
            faults.append(TimeFault(name[row], "clock-backwards", f"by {back:g} s"))
    return faults


def _natural(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(name) if part]
