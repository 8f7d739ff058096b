"""The chart over time: has something been changing slowly, run by run? Its limit is set by the false alarms a year that are allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.drift.settings import DriftSettings
from tidelab.science import monitoring

PLACE: Final = ("site", "camera", "instrument")
"""Columns of the timeline that have a chart for each of their values."""
_DAYS: Final = 365.25
_ENOUGH_RUNS: Final = 8
_ENOUGH_DAYS: Final = 30.0
_SHORTEST: Final = 10.0
"""Runs between two false alarms at least: a limit for fewer would be reached by a single odd sample."""


@dataclass(frozen=True)
class Chart:
    """Cumulative sum of the scores of one use case, model, site, camera and instrument.

    Parameters
    ----------
    place
        Site, camera and instrument; empty where not known.
    runs
        Rows of the timeline that count, oldest first: those with a score.
    sums
        Cumulative sum after each of them.
    limit
        The alarm is on while the sum is above it.
    runs_per_year
        That the limit was computed with, and whether they were `observed`.
    run_length
        Runs between two false alarms.
    """

    place: tuple[str, str, str]
    runs: pd.DataFrame
    sums: npt.NDArray[np.float64]
    limit: float
    runs_per_year: float
    observed: bool
    run_length: float

    @property
    def alarm(self) -> bool:
        """Whether the alarm is on after the last run."""
        return bool(len(self.sums)) and bool(self.sums[-1] > self.limit)

    @property
    def since(self) -> datetime | None:
        """Time of the run that set off the alarm that is on."""
        if not self.alarm:
            return None
        quiet = np.flatnonzero(self.sums <= self.limit)
        first = int(quiet[-1]) + 1 if len(quiet) else 0
        return pd.Timestamp(self.runs["time"].iloc[first]).to_pydatetime()

    @property
    def began(self) -> datetime | None:
        """Time of the run from which on the sum rose to the alarm that is on: when the change began, at a guess (Page 1954)."""
        if not self.alarm:
            return None
        at_rest = np.flatnonzero(self.sums == 0.0)
        first = int(at_rest[-1]) + 1 if len(at_rest) else 0
        return pd.Timestamp(self.runs["time"].iloc[first]).to_pydatetime()

    @property
    def name(self) -> str:
        """Site, camera and instrument in words."""
        return ", ".join(part for part in self.place if part) or "no site, camera or instrument known"


def charts(timeline: pd.DataFrame, settings: DriftSettings) -> Iterator[Chart]:
    """Yield a chart for each site, camera and instrument.

    Parameters
    ----------
    timeline
        Of one use case and one model (`Timeline.read`), without demonstrations, samples and tests. Runs without a score (a grey
        verdict, or one of an older Tidelab) are no observation, and neither is an analysis that repeats one.
    settings
        ``false_alarms_per_year`` and ``runs_per_year``.
    """
    scored = timeline[timeline["score"].notna() & (timeline["known_samples"] >= 3)]
    # The same images analysed again with the same model give the same figures to the last digit: one observation, not two.
    scored = scored.drop_duplicates(["model_digest", "n_images", "score", "mmd", *PLACE])
    places = list(scored[list(PLACE)].fillna("").itertuples(index=False, name=None))
    for place in sorted(set(places)):
        yield make_chart(scored[[one == place for one in places]], settings, place)


def make_chart(
    runs: pd.DataFrame, settings: DriftSettings, place: tuple[str, str, str] = ("", "", "")
) -> Chart:
    """Compute the chart of some runs, oldest first, each with a score and at least 3 known samples."""
    rate, observed = _rate(runs, settings)
    run_length = max(_SHORTEST, rate / settings.false_alarms_per_year)
    scores = runs["score"].to_numpy(dtype=np.float64)
    normal = (
        monitoring.self_starting_scores(scores, int(runs["known_samples"].min())) if len(scores) else scores
    )
    return Chart(
        place, runs, monitoring.cusum(normal), monitoring.cusum_limit(run_length), rate, observed, run_length
    )


def _rate(runs: pd.DataFrame, settings: DriftSettings) -> tuple[float, bool]:
    """Return runs a year: declared, else as observed where there is enough to observe, else one a week."""
    if settings.runs_per_year:
        return settings.runs_per_year, False
    days = (runs["time"].max() - runs["time"].min()).total_seconds() / 86400 if len(runs) > 1 else 0.0
    if len(runs) >= _ENOUGH_RUNS and days >= _ENOUGH_DAYS:
        return (len(runs) - 1) / days * _DAYS, True
    return 52.0, False


def in_words(chart: Chart, settings: DriftSettings) -> str:
    """Return what the chart says, and what to do when the alarm is on."""
    n = len(chart.sums)
    count = f"{n} run{'s' if n != 1 else ''}"
    how = (
        "as observed"
        if chart.observed
        else "as declared"
        if settings.runs_per_year
        else "assumed: one a week"
    )
    limit = (
        f"The limit is {chart.limit:.1f}: {settings.false_alarms_per_year:g} false alarm"
        f"{'s' if settings.false_alarms_per_year != 1 else ''} a year at {chart.runs_per_year:.0f} runs a year ({how})"
    )
    if chart.run_length > chart.runs_per_year / settings.false_alarms_per_year:
        limit += f", and no more than one in {chart.run_length:.0f} runs"
    if chart.alarm and chart.since and chart.began:
        return (
            f"ALARM since {chart.since:%Y-%m-%d} ({chart.name}): over {count} the images became less and less like those the model was "
            f"tested on, from about {chart.began:%Y-%m-%d} on. Look for what changed then (lens, lamp, focus, flow cell, sampling), "
            "clean and check the instrument, look at the images that the verdicts of these runs show; if the sea itself changed, name "
            f"some of the new images and retrain. {limit}."
        )
    return f"No alarm ({chart.name}): after {count} the sum is {chart.sums[-1] if n else 0.0:.1f}. {limit}."
