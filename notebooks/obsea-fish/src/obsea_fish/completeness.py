"""Whether a series is whole: cameras that sent nothing and times in which none came, by name. Neither is an absence of fish."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from obsea_fish.series import Series
from tidelab.reports import numbers
from tidelab.science.outages import Outage, outages

State = Literal["whole", "sparse", "gaps", "silent"]

LEAST_SHARE: Final = 0.9
"""Received of expected pictures below which a camera is said to have sent too few, over the intervals in which it sent any. A choice: a clock that
runs 2 % slow or a lost picture now and then is no reason to warn, one picture an hour instead of sixty is."""
_LENGTHS: Final = {"10min": "10 minutes", "h": "1 hour", "D": "1 day"}

MOST_NAMED: Final = 12
"""Outages named in a text; all are in ``outages.csv``."""
MOST_IN_FILE: Final = 500
"""Outages of a camera that its NetCDF file names."""
_STAMP: Final = "%Y-%m-%d %H:%M"
_NEVER_FISH: Final = "A time without pictures is no absence of fish: it has no counts, only effort 0."


@dataclass(frozen=True)
class Completeness:
    """What came of what was expected.

    Parameters
    ----------
    state
        ``silent``: at least one expected camera sent nothing; ``gaps``: each sent something, and there were times in which none came;
        ``sparse``: there were none, and at least one camera sent fewer than `LEAST_SHARE` of what was expected.
    headline
        One sentence.
    silent
        A sentence for each camera that sent nothing.
    gaps
        Sentences about the times in which the others sent nothing; of a series without any, what could not be seen.
    outages
        All of them (`tidelab.science.outages`).
    sparse
        A sentence for each camera that sent fewer than `LEAST_SHARE` of what was expected while it sent anything.
    """

    state: State
    headline: str
    silent: tuple[str, ...]
    gaps: tuple[str, ...]
    outages: tuple[Outage, ...]
    sparse: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """All sentences, the most important first."""
        return (*self.silent, *self.sparse, *self.gaps)

    @property
    def silent_cameras(self) -> tuple[str, ...]:
        """Cameras that sent nothing, alphabetically."""
        return tuple(dict.fromkeys(one.camera for one in self.outages if one.kind == "silent"))


def completeness(series: Series) -> Completeness:
    """Return whether a series is whole."""
    found = outages(series.effort, series.settings.every)
    totals = series.effort[["pictures_expected", "pictures_received"]].sum()
    expected = int(totals["pictures_expected"])
    silent = tuple(_silent_words(found))
    named = [one for one in found if one.kind == "outage"]
    came = numbers.count(int(totals["pictures_received"]))
    whole = f"{numbers.count(expected)} pictures expected, {came} received."
    sparse = _sparse_words(series, {one.camera for one in found})
    if found:
        gaps = (*_outage_words(named), _NEVER_FISH)
        first = numbers.plural(len(silent), "camera") if silent else numbers.plural(len(named), "gap")
        headline = f"{first} sent nothing. {whole}" if silent else f"The series has {first}. {whole}"
        return Completeness("silent" if silent else "gaps", headline, silent, gaps, tuple(found), sparse)
    unseen = (
        "Nobody said which cameras were expected (`cameras`): one that sent nothing at all cannot be seen.",
    )
    length = _LENGTHS[series.settings.every]
    headline = f"No gap: something came in every interval of {length}. {whole}"
    state: State = "sparse" if sparse else "whole"
    return Completeness(state, headline, (), () if series.settings.cameras else unseen, (), sparse)


def span_words(one: Outage) -> str:
    """Return an outage as ``2024-05-02 09:00 to 2024-05-02 12:00``."""
    return f"{one.start:{_STAMP}} to {one.end:{_STAMP}}"


def span_iso(found: Sequence[Outage]) -> str:
    """Return outages of one camera as ISO 8601 intervals between blanks, at most `MOST_IN_FILE`."""
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    shown = " ".join(f"{one.start:{stamp}}/{one.end:{stamp}}" for one in found[:MOST_IN_FILE])
    return shown if len(found) <= MOST_IN_FILE else f"{shown} and {len(found) - MOST_IN_FILE} more"


def _sparse_words(series: Series, with_outages: set[str]) -> tuple[str, ...]:
    # An outage is told by itself: what is asked here is how much came while anything came.
    came = series.effort[series.effort["pictures_received"] > 0]
    sums = came.groupby("camera", sort=True)[["pictures_expected", "pictures_received"]].sum()
    words = []
    for name, row in sums.iterrows():
        expected, received = int(row["pictures_expected"]), int(row["pictures_received"])
        if received >= LEAST_SHARE * expected:
            continue
        sent = f"{name or 'A camera without a name'} sent {numbers.count(received)} of {numbers.count(expected)} expected pictures"
        rest = (
            " in the intervals in which something came"
            if name in with_outages
            else "; it never fell silent for a whole interval"
        )
        words.append(f"{sent}{rest}. See effort.csv.")
    return tuple(words)


def _silent_words(found: Sequence[Outage]) -> list[str]:
    words = []
    for camera in dict.fromkeys(one.camera for one in found if one.kind == "silent"):
        own = [one for one in found if one.camera == camera]
        expected = numbers.count(sum(one.pictures_expected for one in own))
        words.append(
            f"Camera {camera or 'without a name'} sent nothing that can be used from {own[0].start:{_STAMP}} to {own[-1].end:{_STAMP}} UTC: "
            f"0 of {expected} expected pictures."
        )
    return words


def _outage_words(named: Sequence[Outage]) -> list[str]:
    if not named:
        return []
    # The longest are what a person wants to know of first.
    longest = sorted(named, key=lambda one: -one.pictures_expected)[:MOST_NAMED]
    shown = "; ".join(
        f"{f'{one.camera} ' if one.camera else ''}{span_words(one)} ({numbers.plural(one.pictures_expected, 'picture')})"
        for one in longest
    )
    more = (
        f"; and {len(named) - MOST_NAMED} shorter ones, all in outages.csv" if len(named) > MOST_NAMED else ""
    )
    return [f"Times in which none came (UTC): {shown}{more}."]
