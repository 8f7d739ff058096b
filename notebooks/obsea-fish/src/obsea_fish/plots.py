"""Drawings of a series; PNG bytes. Where nobody looked nothing is drawn: a line ends before an outage and begins after it."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from obsea_fish.series import Series

_COLOURS: Final = ("#13738c", "#b26a00", "#6a4c93", "#1d7f4e")
_MARKERS: Final = ("o", "^", "s", "D")
_GREY: Final = "#9aa7ae"
_INK: Final = "#4d5d68"
_EFFORT: Final = (
    ("pictures_expected", "expected", "#e3e9ec"),
    ("pictures_received", "received", "#b9c6cd"),
    ("pictures_daylight", "by day", "#7fa8b5"),
    ("pictures_good", "good: the effort", "#13738c"),
)
MOST_TAXA: Final = 8
"""Taxa drawn at most, those with the most detections."""
MOST_STRIPS: Final = 12
"""Cameras whose effort is drawn at most."""


def drawn_cameras(series: Series) -> list[str]:
    """Return the cameras whose counts are drawn: the first that have any, as many as there are colours."""
    looked = set(series.counts["camera"])
    return [camera for camera in series.cameras if camera in looked][: len(_COLOURS)]


def time_series(series: Series, taxa: Sequence[str]) -> bytes:
    """Draw the mean count per picture of each taxon with its interval and MaxN, and the effort below; cameras by colour and marker."""
    cameras, below = drawn_cameras(series), series.cameras[:MOST_STRIPS]
    heights = [2.0] * len(taxa) + [0.45 + 0.5 * len(below)]
    figure, axes = _figure(9.2, sum(heights) + 0.7, len(heights), 1, heights)
    for place, taxon in zip(axes, taxa, strict=False):
        for number, camera in enumerate(cameras):
            _one_taxon(place, _regular(series, camera, taxon), _COLOURS[number], _MARKERS[number])
        place.set_title(_plain(taxon), loc="left", fontsize=10, fontstyle="italic")
        place.set_ylim(bottom=0)
        place.set_ylabel("per picture", fontsize=8)
        place.tick_params(labelsize=8, labelbottom=False)
    _effort_strip(axes[-1], series, below)
    low, high = series.effort["interval_start"].min(), _end(series)
    for place in axes:
        place.set_xlim(_naive(low), _naive(high))
    _dates(axes[-1])
    _legend(figure, cameras)
    return _png(figure)


def day_by_hour(series: Series, taxa: Sequence[str], camera: str) -> bytes:
    """Draw the mean count per picture by day and hour (UTC) of one camera; hatched: nobody looked."""
    from matplotlib.colors import LinearSegmentedColormap

    counts = series.counts[series.counts["camera"] == camera]
    days = pd.date_range(counts["time"].min().floor("D"), counts["time"].max().floor("D"), freq="D")
    figure, axes = _figure(9.2, 0.7 + len(taxa) * (0.75 + 0.2 * min(len(days), 40)), len(taxa), 1, None)
    colours = LinearSegmentedColormap.from_list("tl", ["#f4f8f9", "#13738c", "#0b2f3a"])
    for place, taxon in zip(axes, taxa, strict=True):
        rows = counts[counts["taxon"] == taxon]
        table = rows.pivot_table(
            index=rows["time"].dt.floor("D"), columns=rows["time"].dt.hour, values="count", aggfunc="mean"
        )
        values = table.reindex(index=days, columns=range(24)).to_numpy(float)
        place.patch.set(hatch="////", edgecolor="#c9d2d7", facecolor="white")
        shown = place.pcolormesh(
            np.arange(25), np.arange(len(days) + 1), values, cmap=colours, vmin=0, vmax=max(float(np.nanmax(values)), 1e-9), edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        place.invert_yaxis()
        step = max(1, len(days) // 12)
        place.set_yticks(
            np.arange(0, len(days), step) + 0.5, [f"{day:%Y-%m-%d}" for day in days[::step]], fontsize=8
        )
        place.set_xticks(range(0, 25, 3))
        place.tick_params(labelsize=8)
        place.set_title(_plain(taxon), loc="left", fontsize=10, fontstyle="italic")
        figure.colorbar(shown, ax=place, pad=0.01).set_label("per picture", fontsize=8)
    axes[-1].set_xlabel("hour of the day (UTC)", fontsize=9)
    return _png(figure)


def changes(table: pd.DataFrame, taxa: Sequence[str], before: str, after: str) -> bytes:
    """Draw the mean count of each taxon before and after, where both versions looked."""
    figure, axes = _figure(9.2, 0.6 + 1.9 * len(taxa), len(taxa), 1, None)
    for place, taxon in zip(axes, taxa, strict=True):
        rows = table[(table["taxon"] == taxon)].sort_values("interval_start")
        for camera, own in rows.groupby("camera", sort=True):
            times = [_naive(one) for one in own["interval_start"]]
            same = camera == rows["camera"].iloc[0]
            place.vlines(
                times,
                own["mean_before"].astype(float),
                own["mean_after"].astype(float),
                color=_GREY,
                linewidth=1,
            )
            place.plot(
                times,
                own["mean_before"].astype(float),
                "o",
                mfc="white",
                color=_INK,
                ms=5,
                label=before if same else None,
            )
            place.plot(
                times,
                own["mean_after"].astype(float),
                "D",
                color=_COLOURS[0],
                ms=4,
                label=after if same else None,
            )
        place.set_title(_plain(taxon), loc="left", fontsize=10, fontstyle="italic")
        place.set_ylim(bottom=0)
        place.tick_params(labelsize=8)
        place.set_ylabel("per picture", fontsize=8)
        _dates(place)
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")
    return _png(figure)


def _one_taxon(place: Any, rows: pd.DataFrame, colour: str, marker: str) -> None:
    times = [_naive(one) for one in rows.index]
    place.fill_between(
        times,
        rows["detections_per_picture_low"],
        rows["detections_per_picture_high"],
        color=colour,
        alpha=0.18,
        linewidth=0,
    )
    place.errorbar(
        times, rows["detections_per_picture_mean"],
        yerr=np.clip([rows["detections_per_picture_mean"] - rows["detections_per_picture_low"],
                      rows["detections_per_picture_high"] - rows["detections_per_picture_mean"]], 0, None),
        fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.6,
    )  # fmt: skip
    place.plot(times, rows["detections_per_picture_mean"], color=colour, marker=marker, ms=4, linewidth=1.3)
    place.plot(times, rows["max_n"], linestyle="none", marker="_", ms=8, color=colour, alpha=0.8)


def _regular(series: Series, camera: str, taxon: str) -> pd.DataFrame:
    """Return the rows of one taxon on all intervals from first to last, missing where nobody looked, so that lines break there."""
    rows = series.table[(series.table["camera"] == camera) & (series.table["taxon"] == taxon)].set_index(
        "interval_start"
    )
    own = series.effort[series.effort["camera"] == camera]["interval_start"]
    every = pd.date_range(own.min(), own.max(), freq=series.settings.every)
    columns = [
        "detections_per_picture_mean",
        "detections_per_picture_low",
        "detections_per_picture_high",
        "max_n",
    ]
    found = rows[columns].reindex(every).astype(float)
    # In the middle of the interval, above its bar of effort.
    return found.set_axis(found.index + (_end(series) - series.effort["interval_start"].max()) / 2)


def _effort_strip(place: Any, series: Series, cameras: Sequence[str]) -> None:
    width = pd.Timedelta(_end(series) - series.effort["interval_start"].max())
    most = max(int(series.effort[[name for name, _, _ in _EFFORT]].to_numpy().max()), 1)
    for row, camera in enumerate(cameras):
        own = series.effort[series.effort["camera"] == camera]
        for name, _, colour in _EFFORT:
            place.bar(
                [_naive(one) for one in own["interval_start"]],
                0.85 * own[name] / most,
                bottom=row,
                width=width,
                align="edge",
                color=colour,
            )
    place.set_yticks(
        [row + 0.4 for row in range(len(cameras))],
        [_strip_name(one, series) for one in cameras],
        fontsize=8,
    )
    place.set_ylim(0, len(cameras))
    place.set_title(f"pictures (tallest bar: {most})", loc="left", fontsize=9)
    place.tick_params(labelsize=8)


def _strip_name(camera: str, series: Series) -> str:
    own = series.effort[series.effort["camera"] == camera]
    nothing = not own[["pictures_received", "pictures_outside"]].to_numpy().any()
    return (_plain(camera) or "camera") + ("\nsent nothing" if nothing else "")


def _legend(figure: Any, cameras: Sequence[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=_COLOURS[k], marker=_MARKERS[k], ms=4, label=f"mean {one}".strip())
        for k, one in enumerate(map(_plain, cameras))
    ]
    handles += [
        Patch(color=_COLOURS[0], alpha=0.18, label="95 % interval"),
        Line2D([], [], color=_INK, marker="_", linestyle="none", label="MaxN"),
    ]
    handles += [Patch(color=colour, label=f"pictures {words}") for _, words, colour in _EFFORT]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False, fontsize=8)


def _end(series: Series) -> pd.Timestamp:
    end: pd.Timestamp = series.effort["interval_start"].max() + pd.tseries.frequencies.to_offset(
        series.settings.every
    )
    return end


def _naive(moment: pd.Timestamp) -> Any:
    """Return UTC without its zone: matplotlib would otherwise write the zone of the machine."""
    return moment.tz_convert("UTC").tz_localize(None).to_pydatetime()


def _dates(place: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]  # matplotlib's stubs
    place.xaxis.set_major_locator(locator)
    place.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _figure(
    width: float, height: float, rows: int, columns: int, heights: list[float] | None
) -> tuple[Any, list[Any]]:
    # The object interface with Agg: pyplot would keep figures alive and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, min(height, 30)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(rows, columns, height_ratios=heights)).ravel())
    for place in axes:
        place.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _plain(text: str) -> str:
    """Return text that matplotlib draws as it is: a ``$`` in a label would start a formula."""
    return text.replace("$", r"\$")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
