"""What the notebook shows of a run: each photo with its verdict, and the colours on the Forel-Ule scale. The names in force count."""

from collections import Counter
from typing import Final

import pandas as pd
from markupsafe import Markup

from eyeonwater.forel_ule import CHROMATICITY
from eyeonwater.judging import Judgement
from eyeonwater.products import coloured, judged, measured, number, with_told
from eyeonwater.synthetic import encoded, light_of
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.source import shown_thumbnail
from tidelab.reports.views.counts import names_in_force
from tidelab.runs import RunFolder

_MOST_PHOTOS: Final = 200
_WORDS: Final = {
    "accepted": "✓\u00a0accepted",
    "rejected": "✗\u00a0rejected",
    "undecided": "?\u00a0undecided",
}


def photos(run: RunFolder) -> Displayable:
    """Return a table of the photos: picture, verdict with reason, colour of the water with the range of one standard deviation."""
    found = _judged(run)
    if not found:
        return section(note("No photo could be analysed, so there is nothing to judge."), "Nothing to judge.")
    tally = Counter(judgement.verdict for _, judgement in found)
    words = ", ".join(
        f"{numbers.count(tally[name])} {name}"
        for name in ("accepted", "rejected", "undecided")
        if tally[name]
    )
    # What a person has to look at first stands first.
    order = {"undecided": 0, "rejected": 1, "accepted": 2}
    shown = sorted(found, key=lambda pair: (order[pair[1].verdict], str(pair[0]["image"])))[:_MOST_PHOTOS]
    rows = [_row(run, row, judgement) for row, judgement in shown]
    body = Markup("<p><b>{}</b></p>").format(words) + table(
        ("Photo", "File", "Verdict", "Why", "Forel-Ule", "Hue angle"), rows, numeric=(5,)
    )
    if len(found) > len(shown):
        body += note(f"{numbers.count(len(found) - len(shown))} more in accept_reject.csv.")
    return section(body, f"Photos: {words}.", "tl-eyeonwater")


def scale(run: RunFolder) -> Displayable:
    """Return how many accepted photos have each colour of the Forel-Ule scale."""
    accepted = [(row, judgement) for row, judgement in _judged(run) if judgement.verdict == "accepted"]
    found = [row for row, judgement in accepted if coloured(row, judgement)]
    colours = Counter(int(number(row["forel_ule"])) for row in found)
    unmeasured = sum(not measured(row) for row, _ in accepted)
    without = len(accepted) - len(found) - unmeasured
    if not colours:
        words = (
            "No accepted photo has a colour of natural water."
            if accepted
            else "No photo was accepted, so there is no colour to show."
        )
        return section(note(words) + _not_measured(unmeasured), words)
    most = max(colours.values())
    bars = Markup("").join(_bar(colour, colours[colour], most) for colour in range(1, len(CHROMATICITY) + 1))
    style = "display:flex;align-items:flex-end;gap:2px;max-width:46rem"
    body = Markup('<div style="{}" role="img" aria-label="Photos per Forel-Ule colour">{}</div>').format(
        style, bars
    )
    body += Markup(
        '<p class="tl-soft">1 is indigo blue, 21 is cola brown. The number above a bar is how many accepted photos have that colour.</p>'
    )
    if without:
        body += note(
            f"{numbers.plural(without, 'accepted photo has', 'accepted photos have')} no colour that natural water has.",
            "warn",
        )
    body += _not_measured(unmeasured)
    text = ", ".join(f"{colour}: {colours[colour]}" for colour in sorted(colours))
    return section(body, f"Accepted photos per Forel-Ule colour: {text}.", "tl-eyeonwater")


def _not_measured(photos: int) -> Markup:
    if not photos:
        return Markup("")
    words = numbers.plural(photos, "accepted photo was", "accepted photos were")
    return note(f"The colour of {words} not measured.", "warn")


def colour_css(colour: int) -> str:
    """Return a Forel-Ule colour as a CSS colour, at a luminance where all 21 can be shown."""
    red, green, blue = (int(value) for value in encoded(light_of(colour, 0.12)))
    return f"rgb({red},{green},{blue})"


def _judged(run: RunFolder) -> list[tuple[dict[str, object], Judgement]]:
    names, statistics = names_in_force(run), run.statistics()
    # A person's "unknown" is a word too, and an empty label for the judgement.
    return list(judged(with_told(_in_order(names, run), run.objects()), statistics))


def _in_order(names: pd.DataFrame, run: RunFolder) -> pd.DataFrame:
    order = {name: position for position, name in enumerate(run.results()["image"].tolist())}
    return (
        names.assign(_order=names["image"].map(order))
        .sort_values("_order", kind="stable")
        .drop(columns="_order")
    )


def _row(run: RunFolder, row: dict[str, object], judgement: Judgement) -> tuple[str | Markup, ...]:
    name, patch, hue = str(row["image"]), Markup(""), ""
    if coloured(row, judgement):
        colour, low, high = (
            int(number(row[key])) for key in ("forel_ule", "forel_ule_low", "forel_ule_high")
        )
        patch = Markup(
            '<span style="display:inline-block;width:1.6em;height:1.1em;background:{};vertical-align:middle"></span> <b>{}</b>{}'
        ).format(colour_css(colour), colour, f" ({low}\u00a0to\u00a0{high})" if low != high else "")
        hue = f"{number(row['hue_angle_deg']):.0f} ± {number(row['hue_angle_sd_deg']):.0f}°"
    return (
        picture(shown_thumbnail(run, str(row["image_id"])), name),
        _file(name, str(row.get("taken") or "")),
        _WORDS[judgement.verdict],
        Markup('<div style="min-width:11rem">{}</div>').format(judgement.reason),
        patch,
        hue,
    )


def _file(name: str, taken: str) -> Markup:
    """Return the name of a photo, and below it when it was taken where the telephone wrote that; long names break, so that reasons have room."""
    when = Markup('<br><span class="tl-soft">{}</span>').format(taken.replace("T", " ")) if taken else ""
    return Markup('<div style="min-width:6.5rem;max-width:9rem;overflow-wrap:anywhere">{}{}</div>').format(
        name.rsplit("/", 1)[-1], when
    )


def _bar(colour: int, count: int, most: int) -> Markup:
    height = round(90 * count / most) if count else 0
    return Markup(
        '<div style="flex:1;text-align:center;font-size:.8em"><div>{}</div><div style="height:{}px;background:{};min-height:3px"></div><div>{}</div></div>'
    ).format(numbers.count(count) if count else "", height, colour_css(colour), colour)
