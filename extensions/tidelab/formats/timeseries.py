"""Time series of counts as others read them: tidy and wide tables, and CF/ACDD NetCDF.

A row or a cell exists where somebody looked; a count of 0 is an absence that was observed, a missing value is no effort.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

TIDY_COLUMNS: Final = (
    "time", "platform", "camera", "picture", "taxon", "aphia_id", "count", "mean_conf", "model", "conf_thr",
)  # fmt: skip
"""Columns of the tidy table, one row a picture and taxon. ``time`` is ISO 8601 UTC, ``mean_conf`` the mean score of what was counted (empty for a count of
0), ``conf_thr`` the score from which an object of the taxon counted."""


@dataclass(frozen=True)
class Taxon:
    """One class of a series.

    Parameters
    ----------
    name
        In the model.
    scientific_name
        Empty: none.
    aphia_id
        Identifier in the World Register of Marine Species; None: not known.
    aphia_checked
        Day on which a person compared it with the register, ISO 8601; empty: nobody is known to have done so.
    """

    name: str
    scientific_name: str = ""
    aphia_id: int | None = None
    aphia_checked: str = ""

    @property
    def shown(self) -> str:
        """The scientific name, or the class's own where it has none."""
        return self.scientific_name or self.name

    @property
    def lsid(self) -> str:
        """Life science identifier in the World Register of Marine Species, or empty."""
        return f"urn:lsid:marinespecies.org:taxname:{self.aphia_id}" if self.aphia_id else ""


def lsid_words(taxa: Sequence[Taxon]) -> str:
    """Return which taxa have no identifier, and which one that nobody compared with the register; empty where neither is so.

    Examples
    --------
    >>> lsid_words([Taxon("Chromis chromis", "Chromis chromis", 127000), Taxon("fish")])
    'Without an identifier: fish. Not compared with the register by a person: Chromis chromis.'
    """
    without = [one.shown for one in taxa if one.aphia_id is None]
    unchecked = [one.shown for one in taxa if one.aphia_id is not None and not one.aphia_checked]
    parts = (
        ("Without an identifier", without),
        ("Not compared with the register by a person", unchecked),
    )
    return " ".join(f"{words}: {', '.join(names)}." for words, names in parts if names)


@dataclass(frozen=True)
class SeriesAbout:
    """What belongs to a series beside its numbers.

    Parameters
    ----------
    title, summary, licence
        For readers; they become attributes of the NetCDF file.
    platform
        Station, e.g. OBSEA.
    latitude, longitude
        Decimal degrees, WGS84.
    depth_m
        Of the cameras below the surface, positive downwards.
    model
        Name and version of the model.
    thresholds
        Taxon -> score from which an object counts.
    interval
        ISO 8601 duration of an interval, e.g. PT1H.
    version, settings
        Number of the version of the series from 1, and what it was made with (name -> value); with model and thresholds they make the
        identifier of a file.
    history
        Lines, the oldest first: time, version and what was done.
    limits_comment
        What is to be known of the limits of intervals; it stands at both of them in NetCDF.
    creator, institution, project, references
        As ACDD has them; empty where not known.
    """

    title: str
    summary: str
    licence: str
    platform: str
    latitude: float
    longitude: float
    depth_m: float
    model: str
    thresholds: Mapping[str, float]
    interval: str = "PT1H"
    version: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)
    history: tuple[str, ...] = ()
    limits_comment: str = ""
    creator: str = ""
    creator_url: str = ""
    institution: str = ""
    project: str = ""
    references: str = ""
    keywords: tuple[str, ...] = ("fish", "abundance", "underwater imagery", "object detection")
    extra: Mapping[str, str] = field(default_factory=dict)


def tidy(counts: pd.DataFrame, taxa: Sequence[Taxon], about: SeriesAbout) -> pd.DataFrame:
    """Return `TIDY_COLUMNS` of counts per picture.

    Parameters
    ----------
    counts
        Columns ``picture``, ``camera``, ``time`` (UTC), ``taxon`` (name of the class), ``count`` and ``mean_conf``, one row a picture
        and taxon (`tidelab.science.abundance.counts_per_picture`).
    taxa
        What the classes are.
    about
        Platform, model and thresholds.
    """
    known = {one.name: one for one in taxa}
    table = counts.assign(
        time=iso(counts["time"]),
        platform=about.platform,
        aphia_id=pd.array([known[name].aphia_id for name in counts["taxon"]], dtype="Int64"),
        model=about.model,
        conf_thr=[about.thresholds.get(name, np.nan) for name in counts["taxon"]],
        taxon=[known[name].shown for name in counts["taxon"]],
    )
    return table.loc[:, list(TIDY_COLUMNS)]


def wide(counts: pd.DataFrame, taxa: Sequence[Taxon], about: SeriesAbout) -> pd.DataFrame:
    """Return one row a picture: time, platform, camera, picture, one column of counts for each taxon, model."""
    table = counts.pivot(index=["camera", "time", "picture"], columns="taxon", values="count")
    table = table.reindex(columns=[one.name for one in taxa]).rename(
        columns={one.name: one.shown for one in taxa}
    )
    table.columns.name = None
    table = table.reset_index()
    table.insert(0, "time", iso(table.pop("time")))
    table.insert(1, "platform", about.platform)
    return table.assign(model=about.model)


def iso(times: pd.Series) -> pd.Series:
    """Return UTC times as ISO 8601 text with seconds and Z, with the fraction where one is not zero."""
    if getattr(times.dt, "tz", None) is None:
        raise ValueError("times need their zone before they are written")
    utc = times.dt.tz_convert("UTC")
    whole = utc.dt.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = utc.dt.microsecond
    text: pd.Series = whole.where(fraction == 0, whole + "." + fraction.astype(str).str.zfill(6)) + "Z"
    return text


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with fixed decimals; text that a spreadsheet would take for a formula is written with an apostrophe before it."""
    safe = table.copy()
    for name in safe.columns:
        if safe[name].dtype == object or pd.api.types.is_string_dtype(safe[name].dtype):
            safe[name] = safe[name].map(_harmless)
    safe.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
