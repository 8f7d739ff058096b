"""Counts per class, as a table and as a plot."""

import base64
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.source import nothing_words, row_noun
from tidelab.runs import RunFolder
from tidelab.runs.meaning import LabelMeaning, Meanings, label_meaning
from tidelab.runs.totals import Total, group_totals

UNIDENTIFIED: Final = "Unidentified (below the threshold)"
UNKNOWN: Final = "Unknown (a person looked and could not tell)"
_WORMS: Final = "https://www.marinespecies.org/aphia.php?p=taxdetails&id="
_MOST_BARS: Final = 30


@dataclass(frozen=True)
class ClassCount:
    """One class of a run, by the names in force.

    Parameters
    ----------
    label
        The name; empty for images without one.
    aphia_id
        Digits, or empty.
    images
        Images that carry the name now: a person's word where there is one, else the model's.
    mean_score
        How sure the model was on average of those that it named so itself; NaN where there are none.
    validated
        Images of these that a person looked at.
    unknown
        Of images without a name: a person looked and could not tell.
    """

    label: str
    aphia_id: str
    images: int
    mean_score: float
    validated: int = 0
    unknown: bool = False

    @property
    def name(self) -> str:
        """The label, or the words for images without one."""
        return self.label or (UNKNOWN if self.unknown else UNIDENTIFIED)


def names_in_force(run: RunFolder) -> pd.DataFrame:
    """Return `RunFolder.determinations` with the column ``aphia_id`` of the name in force (digits, or empty)."""
    names, results = run.determinations(), run.results()
    known = dict(zip(results["label"], map(_aphia_text, results["aphia_id"]), strict=True))
    for label, meaning in label_meaning(run).items():
        known.setdefault(label, "" if meaning.aphia_id is None else str(meaning.aphia_id))
    return names.assign(aphia_id=[known.get(label, "") if label else "" for label in names["label"]])


def class_counts(names: pd.DataFrame) -> list[ClassCount]:
    """Return the classes found, most images first; images without a name come last.

    Parameters
    ----------
    names
        Table with the columns ``label``, ``aphia_id`` and ``score``, as `names_in_force` returns it. Without ``predicted_label`` and
        ``status`` (`RunFolder.results`) nobody has looked, and the names are the model's.
    """
    label = names["label"].fillna("").astype(str)
    status = names["status"] if "predicted_label" in names else pd.Series("predicted", index=names.index)
    table_ = pd.DataFrame(
        {
            "label": label,
            "aphia_id": [_aphia_text(value) for value in names["aphia_id"]],
            "score": names["score"].astype(float),
            "own": names["predicted_label"] == label if "predicted_label" in names else True,
            "looked": status != "predicted",
            "unknown": status == "unknown",
        }
    )
    classes = [
        ClassCount(
            str(name),
            "" if not name else str(group["aphia_id"].iloc[0]),
            len(group),
            float(group.loc[group["own"], "score"].mean()),
            int(group["looked"].sum()),
            bool(unknown),
        )
        for (name, unknown), group in table_.groupby(["label", "unknown"], sort=True)
    ]
    return sorted(classes, key=lambda one: (not one.label, one.unknown, -one.images, one.label))


def counts(run: RunFolder) -> Displayable:
    """Return the table of classes by the names in force: AphiaID with a link to WoRMS, images, share, validated, mean score."""
    classes = class_counts(names_in_force(run))
    total = sum(one.images for one in classes)
    if not total:
        return section(note(nothing_words(run)), nothing_words(run))
    meanings, noun = label_meaning(run), row_noun(run)
    rows = [
        (
            _name(one, meanings),
            _worms(one.aphia_id),
            numbers.count(one.images),
            numbers.share(one.images, total),
            numbers.count(one.validated),
            numbers.score(one.mean_score),
            _what(meanings.of(one.label)),
        )
        for one in classes
    ]
    totals = _totals(classes, meanings)
    headers = [
        "Class",
        "AphiaID (WoRMS)",
        f"{noun.capitalize()}s",
        "Share",
        "Validated",
        "Mean score",
        "What it is",
    ]
    words = "\n".join(
        f"{one.name}: {one.images} ({numbers.share(one.images, total)}), {one.validated} validated"
        for one in classes
    )
    words += "".join(f"\n{one.title}: {one.images} ({numbers.share(one.images, total)})" for one in totals)
    body = table(headers, rows, numeric=(2, 3, 4, 5)) + _totals_list(totals, total, noun)
    return section(body, words, "tl-counts")


def counts_plot(run: RunFolder) -> Displayable:
    """Return the counts as a bar chart (PNG with a text alternative)."""
    classes = class_counts(names_in_force(run))
    if not classes:
        return section(note(nothing_words(run)), nothing_words(run))
    shown = classes[:_MOST_BARS]
    noun = row_noun(run)
    alt = f"Bar chart of {noun}s per class: " + ", ".join(_bar_words(one) for one in shown)
    encoded = base64.b64encode(_draw(shown, f"{noun.capitalize()}s")).decode("ascii")
    body = Markup('<img class="tl-plot" alt="{}" src="data:image/png;base64,{}">').format(alt, encoded)
    if len(classes) > len(shown):
        rest = numbers.plural(len(classes) - len(shown), "smaller class", "smaller classes")
        body += note(f"{rest} not drawn; the table above lists all.")
    return section(body, alt, "tl-counts-plot")


def _draw(classes: list[ClassCount], axis: str = "Images") -> bytes:
    # The object interface with Agg: pyplot would keep figures alive and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 0.9 + 0.34 * len(classes)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    positions = range(len(classes))
    values = [one.images for one in classes]
    colours = ["#13738c" if one.label else "#9aa7ae" for one in classes]
    bars = axes.barh(list(positions), values, color=colours, height=0.72)
    validated = [one.validated for one in classes]
    if any(validated):
        # Hatched, not only coloured: it must read in grey and to everyone.
        looked = axes.barh(
            list(positions), validated, color="none", edgecolor="white", hatch="///", linewidth=0, height=0.72
        )
        axes.legend([looked[validated.index(max(validated))]], ["looked at by a person"], loc="lower right", fontsize=9,
                    facecolor="#13738c", labelcolor="white")  # fmt: skip
    axes.bar_label(bars, labels=[numbers.count(value) for value in values], padding=4, fontsize=9)
    # Labels are data: "$" would otherwise start a formula and an unbalanced one would fail.
    axes.set_yticks(list(positions), [one.name.replace("$", r"\$") for one in classes], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _bar_words(one: ClassCount) -> str:
    return f"{one.name} {one.images}" + (f" ({one.validated} validated)" if one.validated else "")


def _totals(classes: list[ClassCount], meanings: Meanings) -> list[Total]:
    images: Counter[str] = Counter()
    for one in classes:
        images[one.label] += one.images
    return [one for one in group_totals(images, meanings) if one.group != "unidentified"]


def _totals_list(totals: list[Total], images: int, noun: str) -> Markup:
    lines = Markup("").join(
        Markup("<li><strong>{}</strong>: {} ({})</li>").format(
            one.title, numbers.plural(one.images, noun), numbers.share(one.images, images)
        )
        for one in totals
    )
    body = Markup('<ul class="tl-totals">{}</ul>').format(lines)
    undeclared = [name for one in totals if one.group == "unknown-kind" for name in one.classes]
    if undeclared:
        body += note(
            f"Neither the use case nor the model's card says what {', '.join(undeclared)} {'is' if len(undeclared) == 1 else 'are'}: "
            "taxon, life stage, morphotype, non-living or artefact. So they are in no biological total and become no occurrence."
        )
    return body


def _name(one: ClassCount, meanings: Meanings) -> Markup:
    title = meanings.of(one.label).title if one.label else ""
    if title and title != one.label:
        return Markup('{} <span class="tl-soft">{}</span>').format(one.label, title)
    return Markup("{}").format(one.name)


def _what(meaning: LabelMeaning) -> str:
    """Return kind, rank, life stage, and whether a person compared the AphiaID with WoRMS."""
    if not meaning.label:
        return "–"
    kind = meaning.kind or "of unknown kind"
    return ", ".join(part for part in (kind, meaning.rank, meaning.life_stage, meaning.aphia_words) if part)


def _aphia_text(value: Any) -> str:
    """Return the digits of an AphiaID, whatever pandas made of the column (``148947.0``), or nothing."""
    text = "" if pd.isna(value) else str(value).strip().removesuffix(".0")
    return text if text.isdigit() else ""


def _worms(aphia_id: str) -> Markup:
    if not aphia_id:
        return Markup('<span class="tl-soft">–</span>')
    return Markup('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>').format(
        _WORMS + aphia_id, aphia_id
    )
