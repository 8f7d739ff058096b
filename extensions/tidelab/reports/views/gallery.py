"""The gallery: images of each class, the surest and the least sure first to be looked at."""

from typing import Final

import pandas as pd
from markupsafe import Markup

from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section
from tidelab.reports.views.counts import UNIDENTIFIED, class_counts
from tidelab.runs import RunFolder

_PER_CLASS: Final = 12
_MOST_IMAGES: Final = 360
"""Bound of the whole gallery: about 1.5 MB of pictures, which a browser and a mail program still take."""


def gallery(run: RunFolder, per_class: int = _PER_CLASS) -> Displayable:
    """Return the images by class with their scores: half the surest, half the least sure.

    Parameters
    ----------
    run
        A finished run.
    per_class
        Images shown of each class; fewer when there are so many classes that the gallery would hold over 360.
    """
    results = run.results()
    classes = class_counts(results)
    if not classes:
        return section(note("No image could be analysed, so there is nothing to show."), "No images.")
    each = max(2, min(per_class, _MOST_IMAGES // len(classes)))
    labels = results["label"].fillna("").astype(str)
    parts = [_group(run, one.name, results[labels == one.label], each) for one in classes]
    return section(
        Markup("").join(parts),
        f"Gallery of {numbers.plural(len(classes), 'class', 'classes')}.",
        "tl-gallery-view",
    )


def _group(run: RunFolder, name: str, rows: pd.DataFrame, each: int) -> Markup:
    rows = rows.sort_values(["score", "image"], ascending=[False, True], kind="stable")
    body: Markup
    if len(rows) <= each:
        body = _figures(run, rows)
    else:
        top = (each + 1) // 2
        body = (
            Markup('<p class="tl-soft">Surest</p>')
            + _figures(run, rows.head(top))
            + Markup('<p class="tl-soft">Least sure</p>')
            + _figures(run, rows.tail(each - top).iloc[::-1])
            + Markup('<p class="tl-soft">{} more in results.csv</p>').format(numbers.count(len(rows) - each))
        )
    return Markup("<h3>{} <span class='tl-soft'>{}</span></h3>{}").format(
        name, numbers.count(len(rows)), body
    )


def _figures(run: RunFolder, rows: pd.DataFrame) -> Markup:
    columns = (rows[name].tolist() for name in ("image", "image_id", "score", "label"))
    figures = Markup("").join(
        Markup('<figure>{}<figcaption title="{}"><b>{}</b> {}</figcaption></figure>').format(
            picture(run.thumbnail(image_id), f"{label or UNIDENTIFIED}: {image}"),
            image,
            numbers.score(score),
            image.rsplit("/", 1)[-1],
        )
        for image, image_id, score, label in zip(*columns, strict=True)
    )
    return Markup('<div class="tl-gallery">{}</div>').format(figures)
