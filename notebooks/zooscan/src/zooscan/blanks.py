"""The blank scans of a project: taken in pairs, and found again by when, where on the glass and how large they were scanned."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zooscan.header import moment
from zooscan.legacy_text import Fault, TextError, first, key_values, read_text
from zooscan.tiff import TiffError, size_of

SAME_SHAPE: Final = 0.05
"""A blank is scanned at half the resolution or less and cropped; beyond this share its sides differ too much from the scan's."""

_BLANK = re.compile(r"(?P<date>\d{8}_\d{4})_back_(?P<area>[a-z]+)_raw_(?P<number>[12])\.tiff?", re.IGNORECASE)


@dataclass(frozen=True)
class BlankPair:
    """The two blanks of one preparation.

    Parameters
    ----------
    taken
        When, as their names say (UTC is assumed, as for the scans).
    area
        ``large`` or ``narrow``.
    first, second
        The raw blanks.
    size
        Width and height as stored, pixels, equal for both.
    """

    taken: datetime.datetime
    area: str
    first: Path
    second: Path
    size: tuple[int, int]


def find_blanks(folder: Path | None, root: Path) -> tuple[list[BlankPair], list[Fault]]:
    """Return the complete pairs of a folder, oldest first, and what is wrong with the others."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    faults: list[Fault] = []
    try:
        names = (
            sorted(path.name for path in folder.iterdir() if not path.is_symlink())
            if folder is not None
            else []
        )
    except OSError as error:
        return [], [Fault(str(folder), 0, "", f"it cannot be read ({error.strerror})")]
    for name in names:
        match = _BLANK.fullmatch(name)
        if match and folder is not None:
            found.setdefault((match["date"], match["area"].lower()), {})[match["number"]] = folder / name
    pairs = []
    for (date, area), files in sorted(found.items()):
        shown = next(iter(files.values())).relative_to(root).as_posix()
        taken = moment(date)
        if taken is None:
            faults.append(Fault(shown, 0, "name", f"{date} is no date and time (YYYYMMDD_HHMM)"))
        elif len(files) < 2:
            words = f"the other one of the pair (_raw_{'2' if '1' in files else '1'}.tif) is missing; ZooProcess needs two blanks"
            faults.append(Fault(shown, 0, "", words))
        else:
            try:
                sizes = size_of(files["1"]), size_of(files["2"])
            except TiffError as error:
                faults.append(Fault(shown, 0, "", f"the pair cannot be used: {error}"))
                continue
            if sizes[0] != sizes[1]:
                words = f"the two blanks differ in size ({_px(sizes[0])} and {_px(sizes[1])}); the pair is not used"
                faults.append(Fault(shown, 0, "", words))
                continue
            faults += _log_faults(files["1"], area, root)
            pairs.append(BlankPair(taken, area, files["1"], files["2"], sizes[0]))
    return sorted(pairs, key=lambda pair: pair.taken), faults


def pair_for(
    pairs: Sequence[BlankPair], scanned: str, area: str, size: tuple[int, int] | None
) -> tuple[BlankPair | None, str]:
    """Return the latest pair taken before a scan on the same area and of the same shape, or None and why there is none.

    Parameters
    ----------
    pairs
        See :func:`find_blanks`.
    scanned
        ``Scanning_date`` of the scan's log.
    area
        ``Scanning_area`` of the log, lower case; empty: not known, then any area fits whose shape does.
    size
        Of the scan, pixels.
    """
    taken = moment(scanned)
    if taken is None:
        return (
            None,
            f"Scanning_date in its log is {scanned[:40]!r}, expected YYYYMMDD_HHMM; without it no blanks can be chosen.",
        )
    before = [pair for pair in pairs if pair.taken <= taken]
    if not before:
        when = f"{taken:%Y-%m-%d %H:%M}"
        later = f"; the first one was scanned on {pairs[0].taken:%Y-%m-%d %H:%M}" if pairs else ""
        return None, f"There are no two blanks scanned before it ({when}){later}. Put them into Zooscan_back."
    here = [pair for pair in before if not area or pair.area == area]
    if not here:
        return (
            None,
            f"No blanks of the scanning area {area!r} were scanned before it; there are {', '.join(sorted({p.area for p in before}))}.",
        )
    fitting = [pair for pair in here if size is None or _same_shape(pair.size, size)]
    if not fitting:
        shown = _px(size) if size else ""
        return (
            None,
            f"The blanks scanned before it do not have the shape of the scan ({shown} against {_px(here[-1].size)}).",
        )
    return fitting[-1], ""


def _same_shape(blank: tuple[int, int], scan: tuple[int, int]) -> bool:
    across, along = scan[0] / blank[0], scan[1] / blank[1]
    return abs(across / along - 1) <= SAME_SHAPE


def _log_faults(blank: Path, area: str, root: Path) -> list[Fault]:
    """Return what the log of a blank contradicts; a missing log contradicts nothing."""
    stem = blank.name[: re.search("_raw_", blank.name, re.IGNORECASE).start()]  # type: ignore[union-attr]  # matched by _BLANK
    path = blank.with_name(f"{stem}_manual_log.txt")
    if not path.exists():
        return []
    shown = path.relative_to(root).as_posix()
    try:
        values = key_values(read_text(path))
    except TextError as error:
        return [Fault(shown, 0, "", str(error))]
    said = first(
        {key: value for part in values.values() for key, value in part.items()}, "vuescan_config_file"
    ).lower()
    if said and area not in said:
        return [
            Fault(
                shown,
                0,
                "Vuescan_Config_File",
                f"{said[:80]!r} is not of the area {area!r} in the file's name",
            )
        ]
    return []


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"
