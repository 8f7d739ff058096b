"""The gallery: images of each class, the surest and the least sure first to be looked at."""

from typing import Final

import pandas as pd
from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section
from tidelab.reports.source import nothing_words, shown_thumbnail
from tidelab.reports.views.counts import ClassCount, class_counts, names_in_force
from tidelab.runs import RunFolder

_PER_CLASS: Final = 12
_MOST_IMAGES: Final = 360
"""Bound of the whole gallery: about 1.5 MB of pictures, which a browser and a mail program still take."""


def gallery(run: RunFolder, per_class: int = _PER_CLASS) -> Displayable:
    """Return the images by the names in force with their scores: half the surest, half the least sure. A tick says a person looked.

    Parameters
    ----------
    run
        A finished run.
    per_class
        Images shown of each class; fewer when there are so many classes that the gallery would hold over 360.
    """
    names = names_in_force(run)
    classes = class_counts(names)
    if not classes:
        return section(note(nothing_words(run)), nothing_words(run))
    each = max(2, min(per_class, _MOST_IMAGES // len(classes)))
    parts = [
        _group(run, one, names[(names["label"] == one.label) & ((names["status"] == "unknown") == one.unknown)], each)
        for one in classes
    ]  # fmt: skip
    return section(
        Markup("").join(parts),
        f"Gallery of {numbers.plural(len(classes), 'class', 'classes')}.",
        "tl-gallery-view",
    )


def _group(run: RunFolder, one: ClassCount, rows: pd.DataFrame, each: int) -> Markup:
    rows = rows.sort_values(["score", "image"], ascending=[False, True], kind="stable")
    body: Markup
    if len(rows) <= each:
        body = _figures(run, one, rows)
    else:
        top = (each + 1) // 2
        body = (
            Markup('<p class="tl-soft">Surest</p>')
            + _figures(run, one, rows.head(top))
            + Markup('<p class="tl-soft">Least sure</p>')
            + _figures(run, one, rows.tail(each - top).iloc[::-1])
            + Markup('<p class="tl-soft">{} more in results.csv</p>').format(numbers.count(len(rows) - each))
        )
    return Markup("<h3>{} <span class='tl-soft'>{}</span></h3>{}").format(
        one.name, numbers.count(len(rows)), body
    )


def _figures(run: RunFolder, one: ClassCount, rows: pd.DataFrame) -> Markup:
    columns = (rows[name].tolist() for name in ("image", "image_id", "score", "status", "validated_by"))
    figures = Markup("").join(
        Markup('<figure>{}<figcaption title="{}">{}<b>{}</b> {}</figcaption></figure>').format(
            picture(shown_thumbnail(run, image_id), f"{one.name}: {image}"),
            image,
            _mark(status, person),
            numbers.score(score),
            image.rsplit("/", 1)[-1],
        )
        for image, image_id, score, status, person in zip(*columns, strict=True)
    )
    return Markup('<div class="tl-gallery">{}</div>').format(figures)


def _mark(status: str, person: str) -> Markup:
    if status == "predicted":
        return Markup("")
    sign, words = ("✓", "validated by") if status == "validated" else ("?", "unknown to")
    return Markup(
        '<span class="tl-looked" role="img" aria-label="{0} {1}" title="{0} {1}">{2}</span> '
    ).format(words, person, sign)
