"""Drawings behind the verdict; PNG bytes. Shapes and words tell states apart, colour only helps."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from tidelab.domain.verdict import ShareChange, StatisticTest, VerdictState
from tidelab.drift import DriftSettings, Reference
from tidelab.drift.alarm import Chart
from tidelab.drift.words import STATE_WORDS

_KNOWN: Final = "#9aa7ae"
_YOURS: Final = "#13738c"
_BINS: Final = 24
_MOST_CHARTS: Final = 6
_MARKERS: Final[dict[VerdictState, tuple[str, str]]] = {
    "green": ("o", "#1d7f4e"),
    "amber": ("^", "#b26a00"),
    "red": ("X", "#b3261e"),
    "grey": ("s", "#6b7780"),
}


def histograms(statistics: pd.DataFrame, reference: Reference, tests: Sequence[StatisticTest]) -> bytes:
    """Draw each image statistic of the images over that of the reference, in the order of `tests`."""
    drawn = [test for test in tests if test.name in statistics and test.name in reference.statistic_names]
    columns = 3
    rows = max(1, -(-len(drawn) // columns))
    figure, axes = _figure(9.2, 0.6 + 2.0 * rows, rows, columns)
    for place, test in zip(axes, drawn, strict=False):
        here, there = statistics[test.name].to_numpy(dtype=float), reference.statistic(test.name)
        edges = _edges(here, there)
        for values, colour, filled in ((there, _KNOWN, True), (here, _YOURS, False)):
            weights = np.full(len(values), 100 / len(values))
            clipped = np.clip(values, edges[0], edges[-1])
            style = (
                {"histtype": "stepfilled", "alpha": 0.55}
                if filled
                else {"histtype": "step", "linewidth": 1.8}
            )
            place.hist(clipped, bins=edges, weights=weights, color=colour, **style)
        place.set_title(
            f"{_plain(test.title)}{'  – different' if test.differs else ''}", fontsize=10, loc="left"
        )
        place.tick_params(labelsize=8)
    for place in axes[len(drawn) :]:
        place.set_visible(False)
    for place in axes[::columns]:
        place.set_ylabel("% of images", fontsize=9)
    _legend(figure, ("known images (filled)", "your images (line)"))
    return _png(figure)


def shares(changes: Sequence[ShareChange]) -> bytes:
    """Draw two marks for each class: a bar's end for the known images, a dot for these."""
    figure, (axes,) = _figure(8.0, 0.9 + 0.34 * len(changes), 1, 1)
    places = np.arange(len(changes))
    axes.barh(places, [100 * one.reference_share for one in changes], height=0.66, color=_KNOWN, alpha=0.55)
    axes.plot([100 * one.share for one in changes], places, "D", color=_YOURS, markersize=7)
    axes.set_yticks(places, [_plain(one.label) for one in changes], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("% of images")
    _legend(figure, ("known images (bar)", "your images (diamond)"), marker="D")
    return _png(figure)


def timeline(frame: pd.DataFrame, settings: DriftSettings) -> bytes:
    """Draw the share of images unlike the reference at each run, with the limits of amber and red."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    figure, (axes,) = _figure(9.0, 3.4, 1, 1)
    share = 100 * frame["unlike_share"].astype(float).fillna(0.0)
    axes.plot(frame["time"], share, color=_KNOWN, linewidth=1, zorder=1)
    for state, (marker, colour) in _MARKERS.items():
        chosen = (frame["state"] == state).to_numpy()
        if chosen.any():
            axes.scatter(
                frame["time"][chosen], share[chosen], marker=marker, s=90, color=colour, edgecolor="white", zorder=3,
                label=STATE_WORDS[state],
            )  # fmt: skip
    for limit, words in (
        (settings.amber_share, STATE_WORDS["amber"]),
        (settings.red_share, STATE_WORDS["red"]),
    ):
        axes.axhline(100 * limit, color="#4d5d68", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            f"{words.lower()} from {limit:.0%}", (1, 100 * limit), xycoords=("axes fraction", "data"),
            xytext=(-4, 3), textcoords="offset points", ha="right", fontsize=8, color="#4d5d68",
        )  # fmt: skip
    axes.set_ylim(bottom=-2, top=max(35.0, float(share.max()) * 1.15))
    axes.margins(x=0.06)
    locator = AutoDateLocator(minticks=2, maxticks=8)  # type: ignore[no-untyped-call]  # matplotlib's stubs
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylabel("% of images unlike the known ones", fontsize=9)
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return _png(figure)


def cusum(charts: Sequence[Chart]) -> bytes:
    """Draw the cumulative sum of each site, camera and instrument with its limit; a cross marks a run above it."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    shown = sorted(charts, key=lambda chart: (not chart.alarm, -len(chart.sums)))[:_MOST_CHARTS]
    figure, axes = _figure(9.0, 0.5 + 2.1 * len(shown), len(shown), 1)
    for place, chart in zip(axes, shown, strict=True):
        times, above = chart.runs["time"], chart.sums > chart.limit
        place.plot(times, chart.sums, color=_KNOWN, linewidth=1, zorder=1)
        place.scatter(
            times[~above], chart.sums[~above], marker="o", s=45, color=_YOURS, edgecolor="white", zorder=3
        )
        place.scatter(
            times[above],
            chart.sums[above],
            marker="X",
            s=90,
            color=_MARKERS["red"][1],
            edgecolor="white",
            zorder=3,
        )
        place.axhline(chart.limit, color="#4d5d68", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        place.annotate(
            f"alarm above {chart.limit:.1f}", (1, chart.limit), xycoords=("axes fraction", "data"),
            xytext=(-4, 3), textcoords="offset points", ha="right", fontsize=8, color="#4d5d68",
        )  # fmt: skip
        place.set_title(f"{_plain(chart.name)}{'  – ALARM' if chart.alarm else ''}", fontsize=10, loc="left")
        place.set_ylim(bottom=-0.2, top=max(1.25 * chart.limit, 1.1 * float(chart.sums.max())))
        place.margins(x=0.06)
        locator = AutoDateLocator(minticks=2, maxticks=8)  # type: ignore[no-untyped-call]  # matplotlib's stubs
        place.xaxis.set_major_locator(locator)
        place.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        place.set_ylabel("cumulative sum", fontsize=9)
    return _png(figure)


def _figure(width: float, height: float, rows: int, columns: int) -> tuple[Any, list[Any]]:
    # The object interface with Agg: pyplot would keep figures alive and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(rows, columns)).ravel())
    for place in axes:
        place.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: Any, names: tuple[str, str], marker: str = "") -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    yours = Line2D(
        [], [], color=_YOURS, linewidth=0 if marker else 1.8, marker=marker or None, label=names[1]
    )
    handles = [Patch(color=_KNOWN, alpha=0.55, label=names[0]), yours]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=9)


def _edges(here: Any, there: Any) -> Any:
    low, high = np.percentile(np.concatenate([here, there]), [0.5, 99.5])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1)


def _plain(text: str) -> str:
    """Return text that matplotlib draws as it is: a ``$`` in a label would start a formula."""
    return text.replace("$", r"\$")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
