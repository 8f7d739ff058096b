"""Counts per class, as a table and as a plot."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section, table
from tidelab.reports.source import label_titles
from tidelab.runs import RunFolder

UNIDENTIFIED: Final = "Unidentified (below the threshold)"
_WORMS: Final = "https://www.marinespecies.org/aphia.php?p=taxdetails&id="
_MOST_BARS: Final = 30


@dataclass(frozen=True)
class ClassCount:
    """One class of a run: its images, and how sure the model was of them on average."""

    label: str
    aphia_id: str
    images: int
    mean_score: float

    @property
    def name(self) -> str:
        """The label, or the words for images without one."""
        return self.label or UNIDENTIFIED


def class_counts(results: pd.DataFrame) -> list[ClassCount]:
    """Return the classes found, most images first; images without a label come last.

    Parameters
    ----------
    results
        Table with the columns ``label``, ``aphia_id`` and ``score`` (``RunFolder.results()``).
    """
    table_ = pd.DataFrame(
        {
            "label": results["label"].fillna("").astype(str),
            "aphia_id": [_aphia_text(value) for value in results["aphia_id"]],
            "score": results["score"].astype(float),
        }
    )
    classes = [
        ClassCount(
            str(label),
            "" if not label else str(group["aphia_id"].iloc[0]),
            len(group),
            float(group["score"].mean()),
        )
        for label, group in table_.groupby("label", sort=True)
    ]
    return sorted(classes, key=lambda one: (not one.label, -one.images, one.label))


def counts(run: RunFolder) -> Displayable:
    """Return the table of classes: name, AphiaID with a link to WoRMS, images, share, mean score."""
    classes = class_counts(run.results())
    total = sum(one.images for one in classes)
    if not total:
        return section(note("No image could be analysed, so there is nothing to count."), "Nothing to count.")
    titles = label_titles(run)
    rows = [
        (
            _name(one, titles),
            _worms(one.aphia_id),
            numbers.count(one.images),
            numbers.share(one.images, total),
            numbers.score(one.mean_score),
        )
        for one in classes
    ]
    headers = ["Class", "AphiaID (WoRMS)", "Images", "Share", "Mean score"]
    words = "\n".join(f"{one.name}: {one.images} ({numbers.share(one.images, total)})" for one in classes)
    return section(table(headers, rows, numeric=(2, 3, 4)), words, "tl-counts")


def counts_plot(run: RunFolder) -> Displayable:
    """Return the counts as a bar chart (PNG with a text alternative)."""
    classes = class_counts(run.results())
    if not classes:
        return section(note("No image could be analysed, so there is nothing to plot."), "Nothing to plot.")
    shown = classes[:_MOST_BARS]
    alt = "Bar chart of images per class: " + ", ".join(f"{one.name} {one.images}" for one in shown)
    encoded = base64.b64encode(_draw(shown)).decode("ascii")
    body = Markup('<img class="tl-plot" alt="{}" src="data:image/png;base64,{}">').format(alt, encoded)
    if len(classes) > len(shown):
        rest = numbers.plural(len(classes) - len(shown), "smaller class", "smaller classes")
        body += note(f"{rest} not drawn; the table above lists all.")
    return section(body, alt, "tl-counts-plot")


def _draw(classes: list[ClassCount]) -> bytes:
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
    axes.bar_label(bars, labels=[numbers.count(value) for value in values], padding=4, fontsize=9)
    # Labels are data: "$" would otherwise start a formula and an unbalanced one would fail.
    axes.set_yticks(list(positions), [one.name.replace("$", r"\$") for one in classes], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("Images")
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _name(one: ClassCount, titles: Mapping[str, str]) -> Markup:
    title = titles.get(one.label, "")
    if title and title != one.label:
        return Markup('{} <span class="tl-soft">{}</span>').format(one.label, title)
    return Markup("{}").format(one.name)


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
