"""What changed between two versions of a series of counts: which hours, which taxa, by how much.

A series that is analysed again, with another model or other thresholds, is another version of it. The earlier one is kept; what a reader
needs is the difference. Means are compared as what they are, detections over pictures, so that digits lost in a file are no change.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

KEYS: Final = ("camera", "interval_start", "taxon")
DIFFERENCE_COLUMNS: Final = (
    *KEYS, "change", "mean_before", "mean_after", "mean_difference", "max_n_before", "max_n_after", "n_pictures_before", "n_pictures_after",
)  # fmt: skip
"""``change`` is one of `CHANGES`; figures are missing where a version has no row."""

Change = Literal["same", "counts", "effort", "counts and effort", "added", "removed"]
CHANGES: Final[dict[Change, str]] = {
    "same": "nothing changed",
    "counts": "counts changed at equal effort",
    "effort": "effort changed, the mean did not",
    "counts and effort": "counts and effort changed",
    "added": "only in the new version",
    "removed": "only in the earlier version",
}


@dataclass(frozen=True)
class TaxonChange:
    """How one taxon changed.

    Parameters
    ----------
    taxon
        Its name.
    intervals, changed
        Intervals that both versions have, and those of them whose mean changed.
    mean_before, mean_after
        Means per picture over those intervals, weighted by pictures.
    largest
        Largest change of the mean of an interval, with its sign.
    largest_at
        Start of that interval; None where nothing changed.
    """

    taxon: str
    intervals: int
    changed: int
    mean_before: float
    mean_after: float
    largest: float
    largest_at: pd.Timestamp | None


def difference(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare two tables of `tidelab.science.abundance.abundance` cell by cell.

    Parameters
    ----------
    before, after
        Columns ``camera``, ``interval_start`` (UTC), ``taxon``, ``n_pictures`` (above 0), ``detections`` and ``max_n``; one row a cell.

    Returns
    -------
    pandas.DataFrame
        `DIFFERENCE_COLUMNS`, by camera, time and taxon; every cell of either version.

    Raises
    ------
    ValueError
        When a table has two rows of one cell.
    """
    parts = []
    for name, table in (("before", before), ("after", after)):
        if table.duplicated(list(KEYS)).any():
            raise ValueError(f"the version {name} has two rows of one camera, interval and taxon")
        chosen = table.loc[:, [*KEYS, "max_n", "n_pictures"]].rename(
            columns={"max_n": f"max_n_{name}", "n_pictures": f"n_pictures_{name}"}
        )
        # A quotient of whole numbers is rounded in one way only: equal means are equal to the last bit.
        chosen[f"mean_{name}"] = table["detections"].astype(float) / table["n_pictures"].astype(float)
        parts.append(chosen)
    both = parts[0].merge(parts[1], on=list(KEYS), how="outer", sort=True)
    both["mean_difference"] = both["mean_after"] - both["mean_before"]
    counts = (both["mean_difference"] != 0) | (both["max_n_after"] != both["max_n_before"])
    looks = both["n_pictures_after"] != both["n_pictures_before"]
    both["change"] = np.select(
        [both["mean_before"].isna(), both["mean_after"].isna(), counts & looks, counts, looks],
        ["added", "removed", "counts and effort", "counts", "effort"],
        "same",
    )
    for name in ("max_n_before", "max_n_after", "n_pictures_before", "n_pictures_after"):
        both[name] = both[name].astype("Int64")
    return both.loc[:, list(DIFFERENCE_COLUMNS)]


def by_taxon(changes: pd.DataFrame) -> list[TaxonChange]:
    """Sum up a `difference` for each taxon, alphabetically; a taxon that only one version has comes with 0 intervals."""
    found = []
    for taxon, rows in changes.groupby("taxon", sort=True):
        both = rows[~rows["change"].isin(["added", "removed"])]
        moved = both[both["mean_difference"] != 0]
        sizes = moved["mean_difference"].abs().to_numpy(dtype=np.float64)
        largest = moved.iloc[int(sizes.argmax())] if len(moved) else None
        found.append(
            TaxonChange(
                str(taxon), len(both), len(moved), _pooled(both, "before"), _pooled(both, "after"),
                0.0 if largest is None else float(largest["mean_difference"]),
                None if largest is None else pd.Timestamp(largest["interval_start"]),
            )
        )  # fmt: skip
    return found


def _pooled(rows: pd.DataFrame, version: str) -> float:
    pictures = rows[f"n_pictures_{version}"].astype(float)
    total = pictures.sum()
    return float((rows[f"mean_{version}"] * pictures).sum() / total) if total else float("nan")
