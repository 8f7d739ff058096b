"""Counts of objects per picture over time: zeros kept where somebody looked, no rows where nobody did.

What is counted is *detections in pictures*. The same fish may be in the next picture again, so a sum over pictures is no number of
individuals, and no column here is called so. Two figures of an interval are in use:

- the mean count per picture (MeanCount [1]_), which follows density while the camera sees the same water,
- MaxN [2]_, here the most detections of one taxon in any one picture. It is a lower limit of the individuals that were there only if all
  detections of that picture are right: one false or double box raises it, and more pictures are more chances for one. It grows with
  the number of pictures, so it is comparable between intervals of equal effort only.

Overlapping boxes are suppressed within a class, not across classes (`tidelab.models.detector`), so one fish can count in two taxa.

References
----------
.. [1] Schobernd, Z. H., Bacheler, N. M. and Conn, P. B. (2014). Examining the utility of alternative video monitoring metrics for indexing reef
   fish abundance. Canadian Journal of Fisheries and Aquatic Sciences 71, 464-471. https://doi.org/10.1139/cjfas-2013-0086
.. [2] Cappo, M., Harvey, E. and Shortis, M. (2006). Counting and measuring fish with baited video techniques: an overview. Proceedings of
   the Australian Society for Fish Biology workshop, 101-114.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

PICTURE_COLUMNS: Final = ("picture_id", "picture", "camera", "time", "taxon", "count", "mean_conf")
"""Columns of `counts_per_picture`. ``count``: detections of the taxon in the picture; ``mean_conf``: their mean score, missing where there is
none."""

ABUNDANCE_COLUMNS: Final = (
    "camera", "interval_start", "taxon", "n_pictures", "pictures_with", "detections", "detections_per_picture_mean",
    "detections_per_picture_sd", "max_n",
)  # fmt: skip
"""Columns of `abundance`. ``n_pictures`` is the effort; ``detections`` is the sum over pictures and no number of individuals;
``max_n`` the most detections in one picture; the standard deviation is that of the pictures (missing for a single one)."""


def counts_per_picture(pictures: pd.DataFrame, objects: pd.DataFrame, taxa: Sequence[str]) -> pd.DataFrame:
    """Return one row for each picture that is effort and each taxon, zeros included.

    Parameters
    ----------
    pictures
        Columns ``picture_id``, ``picture`` (unique), ``camera``, ``time`` (UTC) and ``is_effort``
        (`tidelab.science.effort.mark_effort`).
    objects
        The objects that count (at or above the threshold of their class): columns ``picture``, ``label`` and ``score``. Objects of
        pictures that are no effort are left out.
    taxa
        The classes that are counted, in the order of the result. Every class of `objects` has to be among them.

    Returns
    -------
    pandas.DataFrame
        `PICTURE_COLUMNS`, by camera, time, picture, then in the order of `taxa`; independent of the order of the rows given.

    Raises
    ------
    ValueError
        For a class that is not among `taxa`, or an object of a picture that is not among `pictures`: neither is dropped unheard.
    """
    if len(set(taxa)) != len(taxa):
        raise ValueError(f"taxa are named once each, got {', '.join(taxa)}")
    for column, known in (("label", set(taxa)), ("picture", set(pictures["picture"]))):
        stray = sorted(set(objects[column]) - known)
        if stray:
            where = "the taxa to count" if column == "label" else "the table of pictures"
            raise ValueError(f"{column} {stray[0]!r} of an object is not among {where}")
    looked = pictures[pictures["is_effort"]].assign(
        camera=lambda table: table["camera"].fillna("").astype(str)
    )
    looked = looked.sort_values(["camera", "time", "picture"], kind="stable", ignore_index=True)
    groups = objects.groupby(["picture", "label"])["score"]
    found = pd.DataFrame({"count": groups.size(), "mean_conf": groups.mean()})
    rows = looked.loc[looked.index.repeat(len(taxa)), ["picture_id", "picture", "camera", "time"]]
    table = rows.assign(taxon=np.tile(np.array(taxa, dtype=object), len(looked))).reset_index(drop=True)
    at = pd.MultiIndex.from_arrays([table["picture"], table["taxon"]])
    counted = found.reindex(at)
    table["count"] = counted["count"].fillna(0).to_numpy().astype(np.int64)
    table["mean_conf"] = counted["mean_conf"].to_numpy(dtype=np.float64)
    return table.loc[:, list(PICTURE_COLUMNS)]


def abundance(counts: pd.DataFrame, every: str = "h") -> pd.DataFrame:
    """Return counts by camera, interval and taxon.

    Parameters
    ----------
    counts
        As `counts_per_picture` returns them; frames of a video are pictures with a time.
    every
        Length of an interval as pandas writes it: ``h``, ``D``, ``10min``; intervals begin at whole multiples since midnight UTC.

    Returns
    -------
    pandas.DataFrame
        `ABUNDANCE_COLUMNS`, by camera, time, then in the order of the taxa. An interval without a picture has no row.
    """
    keys = ["camera", "interval_start", "taxon"]
    order = {name: place for place, name in enumerate(dict.fromkeys(counts["taxon"]))}
    table = counts.assign(interval_start=counts["time"].dt.floor(every), seen=counts["count"] > 0)
    groups = table.groupby(keys, sort=True)
    result = pd.DataFrame(
        {
            "n_pictures": groups.size(),
            "pictures_with": groups["seen"].sum(),
            "detections": groups["count"].sum(),
            "detections_per_picture_mean": groups["count"].mean(),
            "detections_per_picture_sd": groups["count"].std(ddof=1),
            "max_n": groups["count"].max(),
        }
    ).reset_index()
    result = result.sort_values(
        keys, key=lambda column: column.map(order) if column.name == "taxon" else column, ignore_index=True
    )
    return result.loc[:, list(ABUNDANCE_COLUMNS)]
