"""Views of a run as a series; each is a function from a run to HTML that every face can show."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Final

import pandas as pd
from markupsafe import Markup

from obsea_fish import audits, plots, versions
from obsea_fish.series import Series, of_run
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.source import shown_thumbnail
from tidelab.runs import RunError, RunFolder
from tidelab.science.picture_quality import REASONS

_MOST_DAYS: Final = 62
_MOST_OUTAGES: Final = 20
_EXAMPLES: Final = 6
_DAYS: Final = "The mean of a day is that of the pictures there are: where fish follow the rhythm of the day, an outage at noon biases it, and the interval does not know."
_OUTSIDE: Final = (
    "Received: with a usable time when pictures are expected. Outside: the others with a usable time (outside the stated period, or by night where pictures are "
    "expected by day alone); they are no effort and count nowhere."
)
View = Callable[[RunFolder], Displayable]


def _told(view: Callable[[RunFolder, Series], Displayable]) -> View:
    """Show in words what keeps a view from being made: a parameter, a file a person named, a run without pictures."""

    @wraps(view)
    def shown(run: RunFolder) -> Displayable:
        try:
            series = _series(str(run.path), _state(run))
            if series.effort.empty:
                words = "No picture has a time that can be used, so there is no series. " + " ".join(
                    series.remarks
                )
                return section(note(words, "warn"), words)
            return view(run, series)
        except (ValueError, RunError) as error:
            return section(note(str(error), "warn"), str(error))

    return shown


@lru_cache(maxsize=4)
def _series(path: str, state: int) -> Series:
    from pathlib import Path

    return of_run(RunFolder(Path(path)))


def _state(run: RunFolder) -> int:
    """Return what changes when a person gives an object another name."""
    log = run.path / "validations.jsonl"
    return log.stat().st_size if log.is_file() else 0


@_told
def time_series(run: RunFolder, series: Series) -> Displayable:
    """Return the mean count per picture of each taxon over time, with intervals, MaxN and the effort below."""
    taxa, left_out = _drawn(series)
    if series.counts.empty:
        words = "No good picture by day: there is no effort, hence no count. See the effort below."
        return section(note(words, "warn"), words)
    image = picture(plots.time_series(series, taxa), _alt(series, taxa), "image/png", "tl-plot")
    missing = series.table["detections_per_picture_low"].isna()
    remarks = [f"Counts per {series.settings.interval}, UTC; {_blocks(series)}."]
    if series.settings.interval == "day":
        remarks.append(_DAYS)
    if missing.any():
        share = numbers.share(int(missing.sum()), len(missing))
        remarks.append(
            f"{share} of the intervals are withheld: too few pictures came then, or all of them show the same number, which tells nothing of chance."
        )
    if left_out:
        remarks.append(f"Not drawn, for they were found least: {', '.join(left_out)}.")
    return section(image + note(" ".join(remarks)), f"{_alt(series, taxa)} {' '.join(remarks)}")


@_told
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
    return section(body, "Mean counts per picture by day and hour.")


@_told
def totals(run: RunFolder, series: Series) -> Displayable:
    """Return for each camera and taxon: pictures, pictures with it, mean per picture, MaxN."""
    rows = []
    for (camera, taxon), own in series.counts.groupby(["camera", "taxon"], sort=False):
        counts = own["count"]
        rows.append(
            (
                str(camera) or "–", Markup("<i>{}</i>").format(taxon), numbers.count(len(own)), numbers.count(int((counts > 0).sum())),
                f"{counts.mean():.3f}", numbers.count(int(counts.max())), numbers.count(int(counts.sum())),
            )
        )  # fmt: skip
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
        f"{row[0]} {row[1].striptags()}: mean {row[4]}, MaxN {row[5]} in {row[2]} pictures" for row in rows
    )
    return section(table(head, rows, numeric=(2, 3, 4, 5, 6)) + note(words), text or "No count.")


@_told
def effort(run: RunFolder, series: Series) -> Displayable:
    """Return pictures expected, received, by day, good and outside for each camera and day, the outages, and what is wrong with times."""
    days = series.effort.assign(day=series.effort["interval_start"].dt.floor("D"))
    summed = days.drop(columns="interval_start").groupby(["camera", "day"], sort=True).sum().reset_index()
    names = [name for name in summed.columns if name.startswith("pictures_")]
    rows = [
        (
            str(row.camera) or "–",
            f"{row.day:%Y-%m-%d}",
            *(numbers.count(int(getattr(row, name))) for name in names),
        )
        for row in summed.head(_MOST_DAYS).itertuples()
    ]
    head = (
        "Camera",
        "Day (UTC)",
        *(name.removeprefix("pictures_").replace("_", " ").capitalize() for name in names),
    )
    parts = [table(head, rows, numeric=range(2, len(head)))]
    if len(summed) > _MOST_DAYS:
        parts.append(note(f"The first {_MOST_DAYS} of {len(summed)} rows; all are in effort.csv."))
    out = series.effort[(series.effort["pictures_expected"] > 0) & (series.effort["pictures_received"] == 0)]
    outage = _outages(series, out)
    words = [
        f"Cadence: {series.cadence_words}.",
        f"Good pictures: {series.settings.rules.words()}.",
        outage,
        _OUTSIDE,
        *series.remarks,
    ]
    parts += [note(" ".join(words[:4])), *(note(remark, "warn") for remark in series.remarks)]
    total = series.effort[names].sum()
    text = f"{total['pictures_expected']} pictures expected, {total['pictures_received']} received, {total['pictures_good']} good by day. {' '.join(words)}"
    return section(Markup("").join(parts), text)


@_told
def left_out(run: RunFolder, series: Series) -> Displayable:
    """Return examples of pictures by day that are not good, by reason: the limits are a choice that a person should look at."""
    body, text = Markup(""), []
    for reason, words in REASONS.items():
        rows = series.pictures[series.pictures["daylight"] & (series.pictures["quality"] == reason)]
        if rows.empty:
            continue
        shown = rows.iloc[:: max(1, len(rows) // _EXAMPLES)].head(_EXAMPLES)
        pairs = zip(shown["picture_id"].astype(str), shown["picture"].astype(str), strict=True)
        figures = Markup("").join(
            Markup('<figure>{}<figcaption title="{}">{}</figcaption></figure>').format(
                picture(shown_thumbnail(run, digest), name), name, name
            )
            for digest, name in pairs
        )
        head = Markup("<h4>{}: {} <span class='tl-soft'>{}</span></h4>").format(
            reason, numbers.count(len(rows)), words
        )
        body += head + Markup('<div class="tl-gallery">{}</div>').format(figures)
        text.append(f"{reason}: {len(rows)}")
    if not text:
        return section(
            note("Every picture by day is good by the limits above."), "Every picture by day is good."
        )
    return section(body, f"Pictures by day that are not good: {', '.join(text)}.")


@_told
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


@_told
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
    changed = [name for name in after.settings if before.settings.get(name) != after.settings[name]]
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


def _outages(series: Series, out: pd.DataFrame) -> str:
    if out.empty:
        return "No outage: in every interval in which pictures were expected at least one came."
    first = out.head(_MOST_OUTAGES)
    pairs = zip(
        first["interval_start"].dt.strftime("%Y-%m-%d %H:%M"), first["camera"].astype(str), strict=True
    )
    shown = ", ".join(" ".join(filter(None, pair)) for pair in pairs)
    more = " …" if len(out) > _MOST_OUTAGES else ""
    return f"Outages, without a row of counts: {len(out)} ({shown}{more})."


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
