"""What stands behind the counts: whether the series is whole, the effort, and the pictures that are not good."""

from typing import Final

import pandas as pd
from markupsafe import Markup

from obsea_fish.completeness import Completeness, completeness
from obsea_fish.series import Series
from obsea_fish.telling import series_of, told
from tidelab.domain.verdict import VerdictState
from tidelab.reports import numbers, views
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.source import shown_thumbnail
from tidelab.reports.views.verdict import banner
from tidelab.runs import RunError, RunFolder
from tidelab.science.picture_quality import REASONS

_MOST_DAYS: Final = 62
_EXAMPLES: Final = 6
_OUTSIDE: Final = (
    "Received: with a usable time when pictures are expected. Outside: the others with a usable time (outside the stated period, or by night where pictures are "
    "expected by day alone); they are no effort and count nowhere."
)
_STATES: Final[dict[str, tuple[VerdictState, str]]] = {
    "whole": ("green", "Series whole"),
    "sparse": ("amber", "Pictures missing"),
    "gaps": ("amber", "Series with gaps"),
    "silent": ("amber", "Camera silent"),
}


def verdict(run: RunFolder) -> Displayable:
    """Return whether the model is fit for the pictures, and below it whether the series is whole."""
    said = views.verdict(run)
    try:
        series = series_of(run)
    except (ValueError, RunError):
        return said  # the views of the series say why there is none
    if series.effort.empty:
        return said
    found = completeness(series)
    state, word = _STATES[found.state]
    words = "\n".join([f"{word.upper()}: {found.headline}", *(f"- {one}" for one in found.reasons)])
    below = section(banner(state, word, found.headline, found.reasons), words, "tl-verdict")
    return Displayable(said.html + below.html, f"{said.text}\n{words}")


@told
def effort(run: RunFolder, series: Series) -> Displayable:
    """Return pictures expected, received, by day, good and outside for each camera and day, the outages, and what is wrong with times."""
    found = completeness(series)
    days = series.effort.assign(day=series.effort["interval_start"].dt.floor("D"))
    summed = days.drop(columns="interval_start").groupby(["camera", "day"], sort=True).sum().reset_index()
    # A camera that sent nothing is what a person must not overlook, however long the table.
    order = (~summed["camera"].isin(found.silent_cameras)).to_numpy().argsort(kind="stable")
    summed = summed.iloc[order]
    names = [name for name in summed.columns if name.startswith("pictures_")]
    rows = [
        (
            _camera(str(row.camera), found),
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
    # The table shows the silent cameras; their sentences stand below the verdict.
    told_of = (*found.sparse, *found.gaps)
    gaps = told_of if found.outages else (found.headline, *told_of)
    parts += [note(" ".join(gaps), "info" if found.state == "whole" else "warn")]
    words = [
        f"Cadence: {series.cadence_words}.",
        f"Good pictures: {series.settings.rules.words()}.",
        _OUTSIDE,
    ]
    parts += [note(" ".join(words)), *(note(remark, "warn") for remark in series.remarks)]
    total = series.effort[names].sum()
    text = (
        f"{total['pictures_expected']} pictures expected, {total['pictures_received']} received, {total['pictures_good']} good by day. "
        f"{' '.join([*found.silent, *gaps, *words, *series.remarks])}"
    )
    return section(Markup("").join(parts), text)


@told
def left_out(run: RunFolder, series: Series) -> Displayable:
    """Return examples of pictures by day that are not good, by reason: the limits are a choice that a person should look at."""
    body, text = Markup(""), []
    for reason, words in REASONS.items():
        rows = series.pictures[series.pictures["daylight"] & (series.pictures["quality"] == reason)]
        if rows.empty:
            continue
        head = Markup("<h4>{}: {} <span class='tl-soft'>{}</span></h4>").format(
            reason, numbers.count(len(rows)), words
        )
        body += head + _examples(run, rows)
        text.append(f"{reason}: {len(rows)}")
    if not text:
        return section(
            note("Every picture by day is good by the limits above."), "Every picture by day is good."
        )
    return section(body, f"Pictures by day that are not good: {', '.join(text)}.")


def _examples(run: RunFolder, rows: pd.DataFrame) -> Markup:
    shown = rows.iloc[:: max(1, len(rows) // _EXAMPLES)].head(_EXAMPLES)
    several = rows["camera"].nunique() > 1
    figures = Markup("").join(
        Markup('<figure>{}<figcaption title="{}">{}</figcaption></figure>').format(
            picture(shown_thumbnail(run, str(one.picture_id)), str(one.picture)),
            one.picture,
            f"{one.camera} {one.time:%m-%d %H:%M}" if several else f"{one.time:%Y-%m-%d %H:%M}",
        )
        for one in shown.itertuples()
    )
    return Markup('<div class="tl-gallery">{}</div>').format(figures)


def _camera(name: str, found: Completeness) -> str:
    shown = name or "–"
    return f"{shown}: sent nothing" if name in found.silent_cameras else shown
