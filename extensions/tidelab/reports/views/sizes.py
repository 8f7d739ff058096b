"""Concentration, equivalent spherical diameter and biovolume per class and sample, or why they are not computed."""

from typing import Final

from markupsafe import Markup

from tidelab.domain.estimate import Range
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.numbers import significant
from tidelab.reports.views.counts import UNIDENTIFIED
from tidelab.reports.views.samples import NO_SAMPLE
from tidelab.runs import RunError, RunFolder
from tidelab.runs.sizes import ClassSize, Quartiles, class_sizes

NOT_COMPUTED: Final = "not computed"
_MOST_ROWS: Final = 300
_HEADERS: Final = (
    "Sample", "Class", "Images", "Images per mL of sea water (95 %)", "ESD [µm], median (quartiles)",
    "Biovolume, spheres [µm³/mL]", "Biovolume, prolate spheroids [µm³/mL]",
)  # fmt: skip
METHOD: Final = (
    "Images per mL: raw, with the exact Poisson interval of counting (Garwood 1936), which does not cover wrong names. ESD: diameter of the "
    "circle of the same area, holes filled: nearer to VisualSpreadsheet's Diameter (ABD), which leaves holes out, than to its Diameter "
    "(ESD), the mean of 36 Feret diameters. Biovolume after Hillebrand et al. (1999), without an interval: π/6 d³ of that diameter, and "
    "π/6 length width² of the ellipse of the same second moments. Outlines are those of Tidelab, not of the instrument's software; horns, "
    "chains and flat cells are not well described by either body."
)


def sizes(run: RunFolder) -> Displayable:
    """Return the table of sizes of a run; what cannot be computed is said, with the reason."""
    try:
        rows = class_sizes(run)
    except RunError as error:
        return section(note(str(error)), str(error), "tl-sizes")
    if not rows:
        return section(note("No image could be analysed, so nothing was measured."), "Nothing was measured.")
    shown = rows[:_MOST_ROWS]
    body = table(_HEADERS, [_row(one) for one in shown], numeric=(2, 3, 4, 5, 6))
    if len(rows) > len(shown):
        body += Markup('<p class="tl-soft">{} more rows in classes.csv of the package.</p>').format(
            numbers.count(len(rows) - len(shown))
        )
    reasons = _reasons(rows)
    if reasons:
        body += Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(one) for one in reasons)
        )
    totals = _totals(rows)
    body += Markup("").join(Markup("<p>{}</p>").format(one) for one in totals)
    body += Markup('<p class="tl-soft">{}</p>').format(METHOD)
    words = [", ".join(str(cell) for cell in _row(one)) for one in shown]
    return section(body, "\n".join([*words, *reasons, *totals, METHOD]), "tl-sizes")


def _row(one: ClassSize) -> tuple[str, ...]:
    return (
        one.sample_id or NO_SAMPLE,
        one.label or UNIDENTIFIED,
        numbers.count(one.images),
        _range(one.per_ml),
        _quartiles(one.esd_um),
        _number(one.sphere_um3_per_ml),
        _number(one.spheroid_um3_per_ml),
    )


def _reasons(rows: list[ClassSize]) -> list[str]:
    """Return each reason once, with the samples it concerns."""
    found: dict[str, list[str]] = {}
    for one in rows:
        for reason in one.missing:
            samples = found.setdefault(reason, [])
            if one.sample_id not in samples:
                samples.append(one.sample_id)
    return [
        f"{', '.join(name or NO_SAMPLE for name in samples[:5])}{' and others' if len(samples) > 5 else ''}: {reason}."
        for reason, samples in found.items()
    ]


def _totals(rows: list[ClassSize]) -> list[str]:
    """Return the biovolume of all that lives, one sentence a sample; non-living and undeclared classes stay out of it."""
    totals: dict[str, float] = {}
    for one in rows:
        if one.is_biological and one.sphere_um3_per_ml is not None:
            totals[one.sample_id] = totals.get(one.sample_id, 0.0) + one.sphere_um3_per_ml
    return [
        f"{sample_id or NO_SAMPLE}: {_number(total)} µm³/mL in all classes that live (spheres)."
        for sample_id, total in totals.items()
    ]


def _range(value: Range | None) -> str:
    return (
        NOT_COMPUTED
        if value is None
        else f"{significant(value.value)} ({significant(value.low)} to {significant(value.high)})"
    )


def _quartiles(value: Quartiles | None) -> str:
    return (
        NOT_COMPUTED
        if value is None
        else f"{significant(value.median)} ({significant(value.low)} to {significant(value.high)})"
    )


def _number(value: float | None) -> str:
    return NOT_COMPUTED if value is None else significant(value)
