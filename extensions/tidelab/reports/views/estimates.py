"""Corrected counts beside the raw ones, with their intervals, or the reason why they are withheld."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from tidelab.domain.estimate import ClassEstimate, EstimateMethod, Estimates, Range
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.source import label_titles
from tidelab.runs import RunFolder
from tidelab.runs.meaning import use_case_of

UNIDENTIFIED: Final = "Unidentified"
_MOST_BARS: Final = 30
_MOST_SAMPLES: Final = 50
_METHODS: Final[dict[EstimateMethod, str]] = {
    "PACC": "PACC",
    "EMQ": "EMQ",
    "audit-stratified": "audit, stratified",
    "audit-ppi": "audit, prediction-powered",
    "validated": "all images seen",
    "": "–",
}
_HEADERS: Final = [
    "Class",
    "Named",
    "Validated",
    "Corrected (95 % interval)",
    "How",
]
_CONCENTRATION: Final = "Per mL of sea water (95 % interval)"


def estimates(run: RunFolder) -> Displayable:
    """Return raw, validated and corrected counts of each class with intervals, a plot, and what the intervals do not cover."""
    found = run.estimates()
    whole = [one for one in found.classes if not one.sample_id]
    shown = [one for one in whole if _worth_a_line(one)]
    if not shown:
        return section(note("No image could be analysed, so there is nothing to count."), "Nothing to count.")
    titles = label_titles(run)
    body = Markup("").join(note(words, "warn") for words in found.notes)
    if found.withheld:
        body += _withheld(found.withheld)
    of_water = _of_water(run, found)
    several = len({one.sample_id for one in found.classes if one.sample_id}) > 1
    body += _table(
        [_row(one, titles, bool(found.withheld)) for one in shown],
        of_water,
        "All samples together: their images over their water" if several else "",
    )
    body += _plot(shown, "Objects in pictures" if run.finds_objects else "Images")
    body += _samples(found, titles, of_water) + _method(found)
    body += Markup('<p class="tl-soft tl-not-covered">{}</p>').format(found.not_covered)
    text = "\n".join(
        [*found.notes, *_withheld_text(found), *(_line(one) for one in shown), found.not_covered]
    )
    return section(body, text, "tl-estimates")


def _of_water(run: RunFolder, found: Estimates) -> bool:
    """Whether the images of a run stand for a volume of water, known or not: else nobody is shown an empty column of concentrations."""
    use_case = use_case_of(run)
    asked = use_case is not None and "volume_imaged_ml" in use_case.samples.effort_fields
    return asked or any(one.concentration_per_ml is not None for one in found.classes)


def _table(rows: Sequence[list[str | Markup]], of_water: bool, caption: str) -> Markup:
    if of_water:
        return table(
            [*_HEADERS[:-1], _CONCENTRATION, _HEADERS[-1]], rows, numeric=(1, 2, 3, 4), caption=caption
        )
    return table(_HEADERS, [[*row[:-2], row[-1]] for row in rows], numeric=(1, 2, 3), caption=caption)


def _worth_a_line(one: ClassEstimate) -> bool:
    """Whether a class was named, or may be there: a model of ninety-five classes would fill pages with zeros."""
    return one.raw > 0 or (one.corrected is not None and one.corrected.value >= 0.5)


def _withheld(reasons: Sequence[str]) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(reason) for reason in reasons)
    return note(Markup("<b>Corrected counts are withheld.</b><ul>{}</ul>").format(items), "warn")


def _withheld_text(found: Estimates) -> list[str]:
    return [f"Corrected counts are withheld: {reason}" for reason in found.withheld]


def _row(one: ClassEstimate, titles: Mapping[str, str], all_withheld: bool) -> list[str | Markup]:
    if one.corrected is not None:
        corrected: str | Markup = _range(one.corrected)
    else:
        corrected = Markup('<span class="tl-soft">withheld</span>')
    why = "" if all_withheld else one.withheld
    how = _METHODS[one.method] if one.corrected is not None else why or "see above"
    per_ml = _concentration(one)
    return [_name(one, titles), numbers.count(one.raw), numbers.count(one.validated), corrected, per_ml, how]


def _concentration(one: ClassEstimate) -> str | Markup:
    if one.concentration_per_ml is None:
        return Markup('<span class="tl-soft">–</span>')
    words = _range(one.concentration_per_ml)
    if one.concentration_of == "raw":
        return Markup('{} <span class="tl-soft">of the names</span>').format(words)
    return words


def _name(one: ClassEstimate, titles: Mapping[str, str]) -> Markup:
    if not one.label:
        return Markup("{}").format(UNIDENTIFIED)
    title = titles.get(one.label, "")
    if title and title != one.label:
        return Markup('{} <span class="tl-soft">{}</span>').format(one.label, title)
    return Markup("{}").format(one.label)


def _line(one: ClassEstimate) -> str:
    corrected = _range(one.corrected) if one.corrected else f"withheld ({one.withheld})"
    return f"{one.label or UNIDENTIFIED}: named {one.raw}, corrected {corrected}"


def _range(value: Range) -> str:
    return f"{_number(value.value)} ({_number(value.low)} – {_number(value.high)})"


def _number(value: float) -> str:
    """Return a count or concentration with three significant digits, whole from 100 on.

    >>> _number(1234.4), _number(12.34), _number(0.012), _number(0.0)
    ('1,234', '12.3', '0.012', '0')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _method(found: Estimates) -> Markup:
    if not found.method_words:
        return Markup("")
    return Markup("<details><summary>How this was computed</summary><p>{}</p></details>").format(
        found.method_words
    )


def _samples(found: Estimates, titles: Mapping[str, str], of_water: bool) -> Markup:
    ids = list(dict.fromkeys(one.sample_id for one in found.classes if one.sample_id))
    if len(ids) < 2:
        return Markup("")
    parts = []
    for sample_id in ids[:_MOST_SAMPLES]:
        shown = [one for one in found.classes if one.sample_id == sample_id and _worth_a_line(one)]
        reasons = {one.withheld for one in shown}
        same = len(reasons) == 1 and "" not in reasons
        new = same and reasons != {" ".join(found.withheld)}
        words = note(f"Withheld for this sample: {reasons.pop()}", "warn") if new else Markup("")
        rows = [_row(one, titles, same) for one in shown]
        parts.append(words + _table(rows, of_water, f"Sample {sample_id}"))
    more = numbers.plural(len(ids) - _MOST_SAMPLES, "further sample")
    rest = note(f"{more} in estimates.json of the package.") if len(ids) > _MOST_SAMPLES else Markup("")
    return Markup("<details><summary>By sample ({})</summary>{}{}</details>").format(
        len(ids), Markup("").join(parts), rest
    )


def _plot(shown: Sequence[ClassEstimate], what: str) -> Markup:
    drawn = shown[:_MOST_BARS]
    alt = "Raw and corrected counts per class: " + "; ".join(_line(one) for one in drawn)
    encoded = base64.b64encode(draw(drawn, what)).decode("ascii")
    picture = Markup('<img class="tl-plot" alt="{}" src="data:image/png;base64,{}">').format(alt, encoded)
    if len(shown) > len(drawn):
        picture += note(
            f"{numbers.plural(len(shown) - len(drawn), 'smaller class', 'smaller classes')} not drawn; the table lists all."
        )
    return picture


def draw(classes: Sequence[ClassEstimate], what: str = "Images") -> bytes:
    """Draw raw counts of `what` as open squares and corrected ones as filled dots with their interval as a line; PNG bytes."""
    # The object interface with Agg: pyplot would keep figures alive and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 1.3 + 0.36 * len(classes)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = range(len(classes))
    axes.plot(
        [one.raw for one in classes], places, "s", markerfacecolor="none", markeredgecolor="#4d5d68", markersize=9, label="named (open square)"
    )  # fmt: skip
    held = [(place, one.corrected) for place, one in enumerate(classes) if one.corrected is not None]
    if held:
        at = [place for place, _ in held]
        values = [one.value for _, one in held]
        ends = [[one.value - one.low for _, one in held], [one.high - one.value for _, one in held]]
        axes.errorbar(
            values, at, xerr=ends, fmt="o", color="#13738c", capsize=4, markersize=6, label="corrected (dot), 95 % interval (line)"
        )  # fmt: skip
    # Labels are data: "$" would otherwise start a formula and an unbalanced one would fail.
    axes.set_yticks(
        list(places), [(one.label or UNIDENTIFIED).replace("$", r"\$") for one in classes], fontsize=9
    )
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", frameon=False, fontsize=9, ncols=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
