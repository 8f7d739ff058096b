"""Which scans of a project a person wants: names and patterns, checked against those that are there."""

import difflib
import fnmatch
import re
from collections.abc import Sequence
from typing import Final

from tidelab.runs.errors import RunError
from tidelab.runs.names import display_name
from zooscan.project import Scan

PARAMETER: Final = "which_scans"
TITLE: Final = "Which scans"
"""What the form calls it."""

_BETWEEN: Final = re.compile(r"[,;\s]+")
_RAW: Final = re.compile(r"_raw_(\d+)(\.tiff?)?$", re.IGNORECASE)
_NEAREST: Final = 3
_MOST_COMPARED: Final = 2000


def choose(text: str, scans: Sequence[Scan]) -> frozenset[str] | None:
    """Return the names of the scans that are wanted; None: all of them.

    Parameters
    ----------
    text
        Names of scans or samples, between them commas, semicolons, spaces or new lines; ``*`` and ``?`` stand for any letters and for one. The
        name of a raw scan's file (``st1_d1_raw_1.tif``) is taken as that of its scan. Capitals make no difference. Empty: all.
    scans
        Those of all projects of the input.

    Raises
    ------
    RunError
        When nothing is called so; the text names it, and the nearest names that exist.
    """
    wanted: set[str] = set()
    unknown = []
    for pattern in filter(None, _BETWEEN.split(text)):
        matches = re.compile(_expression(pattern)).match
        named = {
            one.scan_id
            for one in scans
            if matches(one.scan_id.lower()) or matches(one.header.sample_id.lower())
        }
        wanted |= named
        if not named:
            unknown.append(pattern)
    if unknown:
        raise RunError(_words(unknown, scans))
    return frozenset(wanted) if wanted else None


def _expression(pattern: str) -> str:
    # A bracket is a letter like any other: only * and ? are said to be patterns.
    return fnmatch.translate(_RAW.sub(r"_\1", pattern).lower().replace("[", "[[]"))


def _words(unknown: Sequence[str], scans: Sequence[Scan]) -> str:
    names = sorted({one.scan_id for one in scans})[:_MOST_COMPARED]
    if not names:
        return (
            "The project holds no raw scans, so none can be chosen. Look into its folder Zooscan_scan/_raw."
        )
    told = []
    for pattern in unknown[:_NEAREST]:
        bare = _RAW.sub(r"_\1", pattern).replace("*", "").replace("?", "").lower()
        by_lower = {name.lower(): name for name in names}
        near = [by_lower[name] for name in difflib.get_close_matches(bare, by_lower, _NEAREST, cutoff=0.4)]
        shown = ", ".join(display_name(name) for name in near or names[:_NEAREST])
        like = "the nearest names are" if near else "there are, for example,"
        told.append(f"No scan or sample is called {display_name(pattern)}: {like} {shown}.")
    more = len(unknown) - len(told)
    if more:
        told.append(f"{more} more names were not found.")
    return (
        f"{' '.join(told)} Nothing was processed. Correct '{TITLE}' ({PARAMETER}): names of scans or samples with commas between them, * for any "
        f"letters; leave it empty for all {len(scans):,} scans."
    )
