"""What was analysed with which model: the first thing below the verdict."""

from typing import TYPE_CHECKING

from markupsafe import Markup

from tidelab.catalogue.task import NO_OBJECT
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, section
from tidelab.reports.source import nothing_words
from tidelab.reports.views.counts import class_counts, names_in_force
from tidelab.runs import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def summary(run: RunFolder) -> Displayable:
    """Return how many images, classes, unidentified and failed there are, and the model; loud when it is a demo."""
    state, model, names = run.state(), run.request.model, names_in_force(run)
    classes = class_counts(names)
    unidentified = sum(one.images for one in classes if not one.label and not one.unknown)
    looked = sum(one.validated for one in classes)
    failed = len(run.failed_files())
    facts = [
        *_analysed(run, names),
        _fact(
            sum(1 for one in classes if one.label and one.label != NO_OBJECT), "class found", "classes found"
        ),
        *([] if run.finds_objects else [(numbers.count(unidentified), "unidentified")]),
        *([(numbers.count(looked), "looked at by a person")] if looked else []),
        _fact(failed, "file could not be used", "files could not be used"),
    ]
    items = Markup("").join(Markup("<li><b>{}</b>{}</li>").format(value, words) for value, words in facts)
    body = Markup("")
    if model.demo or model.source == "own":
        body += note(Markup("<strong>{}</strong>").format(model.words), "warn")
    body += Markup('<ul class="tl-facts">{}</ul>').format(items)
    if run.finds_objects and not len(names):
        body += note(nothing_words(run))
    version = f", version {model.version}" if model.version else ""
    body += Markup('<p>Model: <b>{}</b>{} <span class="tl-soft">({})</span></p>').format(
        model.name, version, short_digest(model.digest)
    )
    if state.cached and state.cached >= state.done:
        body += Markup(
            '<p class="tl-soft">All results were known from an earlier analysis with the same model.</p>'
        )
    words = "; ".join(f"{value} {word}" for value, word in facts)
    return section(body, f"{model.words}\n{words}\nModel {model.name}{version} {model.digest}", "tl-summary")


def _analysed(run: RunFolder, names: "pd.DataFrame") -> list[tuple[str, str]]:
    if not run.finds_objects:
        return [_fact(len(names), "image analysed", "images analysed")]
    pictures = run.pictures()
    none = int((names["label"] == NO_OBJECT).sum())
    return [
        _fact(len(pictures), "picture searched", "pictures searched"),
        (numbers.count(int((pictures["objects"] > 0).sum())), "of them with objects"),
        _fact(len(names), "object found", "objects found"),
        *([(numbers.count(none), "called no object by a person")] if none else []),
    ]


def short_digest(digest: str) -> str:
    """Return the part of a digest that people compare: ``sha256:1a2b3c4d5e6f``."""
    name, _, value = digest.partition(":")
    return f"{name}:{value[:12]}" if value else digest[:12]


def _fact(number: int, one: str, many: str) -> tuple[str, str]:
    return numbers.count(number), one if number == 1 else many
