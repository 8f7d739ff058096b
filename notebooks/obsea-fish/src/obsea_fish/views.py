"""Views of a run as a series; each is a function from a run to HTML that every face can show."""

import math
from collections.abc import Sequence
from typing import Final

import pandas as pd
from markupsafe import Markup

from obsea_fish import audits, plots, versions
from obsea_fish.completeness import completeness
from obsea_fish.effort_views import effort, left_out, verdict
from obsea_fish.series import Series
from obsea_fish.telling import told
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.runs import RunFolder
from tidelab.science.abundance_intervals import remark_words

__all__ = ["changes", "corrected", "day_by_hour", "effort", "left_out", "time_series", "totals", "verdict"]

_DAYS: Final = "The mean of a day is that of the pictures there are: where fish follow the rhythm of the day, an outage at noon biases it, and the interval does not know."


@told
def time_series(run: RunFolder, series: Series) -> Displayable:
    """Return the mean count per picture of each taxon over time, with intervals, MaxN and the effort below."""
    taxa, undrawn = _drawn(series)
    if series.counts.empty:
        words = "No good picture by day: there is no effort, hence no count. See the effort below."
        return section(note(words, "warn"), words)
    image = picture(plots.time_series(series, taxa), _alt(series, taxa), "image/png", "tl-plot")
    remarks = [f"Counts per {series.settings.interval}, UTC; {_blocks(series)}."]
    if series.settings.interval == "day":
        remarks.append(_DAYS)
    remarks += remark_words(series.table)
    beyond = [one for one in series.counts["camera"].unique() if one not in plots.drawn_cameras(series)]
    if beyond:
        remarks.append(f"Cameras that are not drawn, for the plot has no room: {', '.join(beyond)}.")
    if undrawn:
        remarks.append(f"Not drawn, for they were found least: {', '.join(undrawn)}.")
    return section(image + note(" ".join(remarks)), f"{_alt(series, taxa)} {' '.join(remarks)}")


@told
def day_by_hour(run: RunFolder, series: Series) -> Displayable:
    """Return mean counts by day and hour of each camera, hatched where nobody looked."""
    taxa, _ = _drawn(series)
    looked = [camera for camera in series.cameras if (series.counts["camera"] == camera).any()]
    if not looked:
        return section(note("No good picture by day, hence no count."), "No count.")
    body = Markup("")
    for camera in looked:
        alt = f"Mean count per picture by day and hour{f', camera {camera}' if camera else ''}."
        body += _heading(camera) + picture(
            plots.day_by_hour(series, taxa, camera), alt, "image/png", "tl-plot"
        )
    unseen = [camera for camera in series.cameras if camera not in looked]
    if unseen:
        words = f"Not drawn, for no good picture by day came of them: {', '.join(one or 'a camera without a name' for one in unseen)}. Nobody looked."
        body += note(words, "warn")
    return section(body, "Mean counts per picture by day and hour.")


@told
def totals(run: RunFolder, series: Series) -> Displayable:
    """Return for each camera and taxon: pictures, pictures with it, mean per picture, MaxN."""
    rows: list[tuple[str | Markup, ...]] = []
    for (camera, taxon), own in series.counts.groupby(["camera", "taxon"], sort=False):
        counts = own["count"]
        rows.append(
            (
                str(camera) or "–", Markup("<i>{}</i>").format(taxon), numbers.count(len(own)), numbers.count(int((counts > 0).sum())),
                f"{counts.mean():.3f}", numbers.count(int(counts.max())), numbers.count(int(counts.sum())),
            )
        )  # fmt: skip
    counted = set(series.counts["camera"])
    silent = completeness(series).silent_cameras
    rows += [
        (
            camera or "–",
            "sent nothing: nobody looked" if camera in silent else "no good picture by day: nobody looked",
            "0",
            *["–"] * 4,
        )
        for camera in series.cameras
        if camera not in counted
    ]
    head = (
        "Camera",
        "Taxon",
        "Good pictures by day",
        "Of these with it",
        "Mean per picture",
        "MaxN",
        "Detections",
    )
    words = (
        "Detections are counted in pictures, and the same fish may be in many: their sum is no number of individuals. MaxN is the most "
        "detections in one picture: a lower limit of the number that was there only if all of them are right, for one false or double box raises it. It grows with "
        "the number of pictures. Boxes that overlap are sorted out within a class, so one fish can count in two taxa."
    )
    text = "; ".join(
        f"{row[0]} {row[1].striptags()}: mean {row[4]}, MaxN {row[5]} in {row[2]} pictures"
        if isinstance(row[1], Markup)
        else f"{row[0]}: {row[1]}"
        for row in rows
    )
    return section(table(head, rows, numeric=(2, 3, 4, 5, 6)) + note(words), text or "No count.")


@told
def corrected(run: RunFolder, series: Series) -> Displayable:
    """Return mean counts corrected by pictures counted by hand and by the random audit of detections, and what each cannot tell."""
    body, text = Markup(""), []
    if series.settings.hand_counts:
        found = audits.of_pictures(run, series)
        body += _frame(found, "Corrected by pictures counted by hand") + note(
            "Holds for all good pictures by day together, not for single hours. A false and a missed fish in one picture cancel out, so false and missed "
            "are at least so many. What is corrected are the model's counts, not names that persons gave since. The interval covers the choice of pictures, not "
            "errors of the person, and is never narrower than an error that so few pictures may have missed."
        )
        text.append(f"Corrected by {found['pictures_counted_by_hand'].iloc[0]} pictures counted by hand.")
    else:
        words = (
            "No pictures were counted by hand. Fill in pictures_to_count.csv (below, pictures drawn at random) from the top and give its path as "
            "hand_counts: only that tells how many fish are missed."
        )
        body += note(words)
        text.append(words)
    named = audits.of_objects(run, series)
    if named is not None:
        body += _frame(named, "Detections confirmed in the random audit") + note(
            "An audit of detections tells which of them are wrong. A fish that was not detected cannot be drawn, so missed fish are not in these numbers. "
            "The interval covers which detections were drawn; with every detection checked the numbers are exact for these pictures. A dash: none of the class's "
            "detections was checked, so nothing is known of them, and none of them is counted as another taxon."
        )
        text.append("Detections were checked in a random audit.")
    return section(body, " ".join(text))


@told
def changes(run: RunFolder, series: Series) -> Displayable:
    """Return what changed since the earlier version that the run names, and the history of the series."""
    before = versions.earlier(series.settings.previous)
    version = versions.this_version(run, series, before)
    history = Markup("<ol>{}</ol>").format(
        Markup("").join(Markup("<li>{}</li>").format(line) for line in version.history)
    )
    if before is None:
        words = "This is version 1. To analyse the series again, give the folder of this run as `previous`: the next run is then its next version."
        return section(note(words) + history, words)
    from tidelab.science.series_versions import by_taxon

    table_ = versions.changes(series, version, before)
    moved = by_taxon(table_)
    rows = [
        (
            Markup("<i>{}</i>").format(one.taxon), f"{one.changed} of {one.intervals}", f"{one.mean_before:.3f}", f"{one.mean_after:.3f}",
            f"{one.largest:+.3f}" if one.changed else "–", f"{one.largest_at:%Y-%m-%d %H:%M}" if one.largest_at is not None else "–",
        )
        for one in moved
    ]  # fmt: skip
    head = (
        "Taxon",
        f"{series.settings.interval.capitalize()}s that changed",
        "Mean before",
        "Mean now",
        "Largest change",
        "At (UTC)",
    )
    kinds = table_["change"].value_counts()
    words = (
        f"Version {before.version.number}: {before.version.model}. Version {version.number}: {version.model}. "
        + ", ".join(f"{numbers.count(int(count))} cells {name}" for name, count in kinds.items())
    )
    shown = [one.taxon for one in moved][: plots.MOST_TAXA]
    drawn = plots.changes(table_, shown, f"version {before.version.number}", f"version {version.number}")
    body = (
        note(f"{words}.")
        + table(head, rows, numeric=(1, 2, 3, 4))
        + picture(drawn, words, "image/png", "tl-plot")
        + history
    )
    return section(body, f"{words}. {_settings_words(before.version, version)}")


def _settings_words(before: versions.Version, after: versions.Version) -> str:
    changed = [name for name in after.settings if before.settings.get(name, "") != after.settings[name]]
    return f"Settings that differ: {', '.join(changed) or 'none'}."


def _drawn(series: Series) -> tuple[list[str], list[str]]:
    total = series.counts.groupby("taxon", sort=False)["count"].sum()
    names = [one.name for one in series.taxa]
    kept = sorted(names, key=lambda name: -int(total.get(name, 0)))[: plots.MOST_TAXA]
    return [name for name in names if name in kept], [name for name in names if name not in kept]


def _blocks(series: Series) -> str:
    lengths = series.table.groupby("camera")["block_pictures"].max()
    minutes = sorted({float(one) * series.cadence.every_s / 60 for one in lengths})
    shown = " and ".join(f"{one:g}" for one in minutes)
    return f"95 % intervals by a block bootstrap with blocks of {shown} min" if minutes else "no interval"


def _alt(series: Series, taxa: Sequence[str]) -> str:
    spans = series.effort["interval_start"]
    return (
        f"Mean detections per picture of {', '.join(taxa)} from {spans.min():%Y-%m-%d %H:%M} to {spans.max():%Y-%m-%d %H:%M} UTC, "
        f"{numbers.count(int(series.effort['pictures_good'].sum()))} good pictures by day."
    )


def _frame(rows: pd.DataFrame, caption: str) -> Markup:
    head = [name.replace("_", " ") for name in rows.columns]
    cells = [[_cell(value) for value in row] for row in rows.to_dict("split")["data"]]
    numeric = [place for place, name in enumerate(rows.columns) if name not in ("taxon", "remark")]
    return table(head, cells, numeric=numeric, caption=caption)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def _heading(camera: str) -> Markup:
    return Markup("<h4>{}</h4>").format(camera) if camera else Markup("")
