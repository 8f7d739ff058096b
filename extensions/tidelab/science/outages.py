"""When nothing came although pictures were expected: outages, and cameras that sent nothing at all.

An outage is no observation: it has expected pictures and no effort, and says nothing of what swam there.
"""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

Kind = Literal["outage", "silent"]

OUTAGE_COLUMNS: Final = ("camera", "kind", "outage_start", "outage_end", "pictures_expected")
"""Columns of `outage_table`: ``silent`` is a camera of which no picture is in the effort at all, ``outage`` a time in which none came; from the beginning
of the first interval to the end of the last, UTC; pictures that were expected in it."""


@dataclass(frozen=True)
class Outage:
    """Intervals in a row in which pictures of one camera were expected and none came.

    Parameters
    ----------
    camera
        Its name; empty: pictures that name none.
    kind
        ``silent`` where nothing of the camera came in any interval, be it outside of the times at which pictures are expected.
    start, end
        Beginning of the first interval and end of the last, UTC. Between them may lie intervals in which none was expected, such as nights.
    pictures_expected
        In all of them.
    """

    camera: str
    kind: Kind
    start: pd.Timestamp
    end: pd.Timestamp
    pictures_expected: int


def outages(effort: pd.DataFrame, every: str = "h") -> list[Outage]:
    """Return the outages of each camera, cameras in alphabetical order, then by time.

    Parameters
    ----------
    effort
        Columns ``camera, interval_start, pictures_expected, pictures_received, pictures_outside`` of `tidelab.science.effort.effort`.
    every
        Length of an interval as pandas writes it.

    Returns
    -------
    list of Outage
        An interval of which a single picture came is none, and ends one. Nights between two intervals without pictures do not.
    """
    length = pd.tseries.frequencies.to_offset(every)
    found = []
    for camera, rows in effort.groupby("camera", sort=True):
        own = rows[rows["pictures_expected"] > 0].sort_values("interval_start", kind="stable")
        missing = own["pictures_received"] == 0
        came = int(rows["pictures_received"].sum() + rows["pictures_outside"].sum())
        kind: Kind = "outage" if came else "silent"
        for _, span in own[missing].groupby((~missing).cumsum()[missing], sort=True):
            times = span["interval_start"]
            expected = int(span["pictures_expected"].sum())
            found.append(Outage(str(camera), kind, times.iloc[0], times.iloc[-1] + length, expected))
    return found


def outage_table(found: list[Outage]) -> pd.DataFrame:
    """Return `OUTAGE_COLUMNS`, a row an outage."""
    rows = [(one.camera, one.kind, one.start, one.end, one.pictures_expected) for one in found]
    table = pd.DataFrame(rows, columns=list(OUTAGE_COLUMNS))
    for name in ("outage_start", "outage_end"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table
