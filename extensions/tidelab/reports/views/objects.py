"""What a detector found, picture by picture: counts with their effort, and pictures with their boxes drawn."""

import base64
import io
from typing import Final

import pandas as pd
from markupsafe import Markup

from tidelab.catalogue.task import NO_OBJECT
from tidelab.domain.results import BOX_COLUMNS
from tidelab.reports import numbers
from tidelab.reports.display import Displayable, note, picture, section, table
from tidelab.reports.source import label_titles, nothing_words, shown_thumbnail
from tidelab.reports.views._boxes import Drawn, colours, draw_boxes
from tidelab.runs import RunError, RunFolder
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.decode import decode
from tidelab.runs.inputs.source import Payload
from tidelab.runs.limits import Limits
from tidelab.runs.originals import Original, originals
from tidelab.runs.per_picture import ClassPerPicture, counts_per_picture, per_class
from tidelab.runs.policy import may_show_pictures

_MOST_PICTURES: Final = 12
_NOT_A_DETECTOR: Final = "This model names images and looks for no objects in them."
_UNNAMED: Final = "Without a name (a person could not tell)"


def objects_per_picture(run: RunFolder) -> Displayable:
    """Return objects per picture of each class, zeros included, as a table and as bars, with the number of pictures behind them."""
    if not run.finds_objects:
        return section(note(_NOT_A_DETECTOR), _NOT_A_DETECTOR)
    counted = counts_per_picture(run)
    if counted.empty and not len(counted):
        return section(note(nothing_words(run)), nothing_words(run))
    classes, n = per_class(counted), len(counted)
    titles = label_titles(run)
    rows = [
        (
            titles.get(one.label, one.label) or _UNNAMED,
            numbers.count(one.objects),
            f"{one.mean:.3f}",
            f"{numbers.count(one.pictures_with)} ({numbers.share(one.pictures_with, n)})",
            numbers.count(one.most),
        )
        for one in classes
    ]
    headers = ["Class", "Objects", "Mean per picture", "Pictures with it", "Most in one picture"]
    said = f"Counts in {numbers.plural(n, 'picture')}, those without an object included."
    body = table(headers, rows, numeric=(1, 2, 3, 4), caption=said)
    found = [one for one in classes if one.objects]
    if found:
        alt = f"Bar chart of the mean count per picture ({n} pictures): " + ", ".join(
            f"{titles.get(one.label, one.label) or _UNNAMED} {one.mean:.3f}" for one in found
        )
        encoded = base64.b64encode(_bars(found, titles, n)).decode("ascii")
        body += Markup('<img class="tl-plot" alt="{}" src="data:image/png;base64,{}">').format(alt, encoded)
    else:
        body = note(nothing_words(run)) + body
    body += note(
        "An animal that stays in view is counted in every picture it is in: these are objects in pictures, not individuals."
    )
    words = "\n".join(
        [said, *(f"{row[0]}: {row[1]} objects, {row[2]} per picture, at most {row[4]}" for row in rows)]
    )
    return section(body, words, "tl-objects-per-picture")


def pictures(run: RunFolder, most: int = _MOST_PICTURES) -> Displayable:
    """Return pictures with their boxes drawn: those with most objects, those with the least sure ones, some without any.

    Pictures are read again from where they were; one that is gone or was changed is shown small and without boxes, with the reason.

    Parameters
    ----------
    run
        A finished run of a detector.
    most
        Pictures shown, at most.
    """
    if not run.finds_objects:
        return section(note(_NOT_A_DETECTOR), _NOT_A_DETECTOR)
    if not may_show_pictures(run.path):
        words = (
            "The data policy of this use case lets no picture into what is saved here. The app shows them."
        )
        return section(note(words), words)
    table_, rows = run.pictures(), _rows(run)
    if table_.empty:
        return section(note(nothing_words(run)), nothing_words(run))
    groups = chosen(table_, rows, most)
    wanted = {picture_id for ids in groups.values() for picture_id in ids}
    read = {one.image_id: one for one in originals(run, wanted)}
    parts: list[Markup] = []
    said: list[str] = []
    for title, ids in groups.items():
        if ids:
            figures = Markup("").join(_figure(run, table_, rows, read, picture_id) for picture_id in ids)
            parts.append(Markup('<h3>{}</h3><div class="tl-pictures">{}</div>').format(title, figures))
            said.append(f"{title}: {numbers.plural(len(ids), 'picture')}")
    legend = _legend(run, rows)
    return section(legend + Markup("").join(parts), "\n".join(said), "tl-pictures-view")


def chosen(pictures: pd.DataFrame, rows: pd.DataFrame, most: int) -> dict[str, list[str]]:
    """Return title -> picture_ids: most objects first, then those with the least sure object, then some in which nothing was found.

    Parameters
    ----------
    pictures
        ``pictures.csv``.
    rows
        Objects with ``picture_id`` and ``score``.
    most
        Pictures in all; half of them those with most objects, at least a quarter without any where there are such.
    """
    ids = list(dict.fromkeys(pictures["picture_id"]))
    counted = rows.groupby("picture_id", sort=False).size()
    weakest = rows.groupby("picture_id", sort=False)["score"].min()
    place = {picture_id: number for number, picture_id in enumerate(ids)}
    full = sorted(
        (one for one in ids if one in counted.index), key=lambda one: (-int(counted[one]), place[one])
    )
    none = [one for one in ids if one not in counted.index]
    empty = none[: max(most // 4, most - len(full)) if full else most]
    crowded = full[: max(1, (most - len(empty) + 1) // 2)] if full else []
    rest = sorted(
        (one for one in full if one not in crowded), key=lambda one: (float(weakest[one]), place[one])
    )
    unsure = rest[: max(0, most - len(empty) - len(crowded))]
    return {"Most objects": crowded, "Least sure": unsure, "Nothing found": empty}


def _rows(run: RunFolder) -> pd.DataFrame:
    """Return the objects with their boxes and the names in force."""
    results = run.results()
    names = run.determinations()
    return results.assign(name=names["label"].to_numpy(), looked=names["status"].to_numpy())


def _figure(
    run: RunFolder, pictures: pd.DataFrame, rows: pd.DataFrame, read: dict[str, Original], picture_id: str
) -> Markup:
    about = pictures[pictures["picture_id"] == picture_id].iloc[0]
    inside = rows[rows["picture_id"] == picture_id]
    # Two files with the same bytes have the same objects twice in the table.
    inside = inside[inside["image"].str.rpartition("@")[0] == about["picture"]] if len(inside) else inside
    name = str(about["picture"])
    words = f"{name}: {numbers.plural(len(inside), 'object')}"
    jpeg, problem = _drawn(read.get(picture_id), inside, colours(_labels(run, rows)))
    if not jpeg:
        jpeg = shown_thumbnail(run, picture_id)
    reason = Markup(' <span class="tl-soft">{}</span>').format(problem) if problem else Markup("")
    time = Markup(" · {}").format(about["time"]) if about["time"] else Markup("")
    return Markup("<figure>{}<figcaption>{}: {}{}{}</figcaption></figure>").format(
        picture(jpeg, words, css="tl-picture"), name, numbers.plural(len(inside), "object"), time, reason
    )


def _drawn(original: Original | None, inside: pd.DataFrame, by_label: dict[str, str]) -> tuple[bytes, str]:
    if original is None or original.problem:
        return (
            b"",
            f"Shown small and without boxes: {original.problem if original else 'it cannot be read again.'}",
        )
    content = Payload(original.content, "", len(original.content), original.picture)
    try:
        pixels = decode(content, original.page, Limits())
    except InputError as error:
        return b"", f"Shown small and without boxes: {error}"
    columns = (inside[name].tolist() for name in (*BOX_COLUMNS, "name", "score", "looked"))
    boxes = [
        Drawn(
            (x, y, width, height),
            name,
            by_label.get(name, by_label[""]),
            score if looked == "predicted" else None,
        )
        for x, y, width, height, name, score, looked in zip(*columns, strict=True)
    ]
    return draw_boxes(pixels, boxes), ""


def _labels(run: RunFolder, rows: pd.DataFrame) -> list[str]:
    from tidelab.runs.meaning import label_meaning

    try:
        known = list(label_meaning(run).model_labels)
    except RunError:
        known = []
    return [*known, *sorted(set(rows["name"]) - {"", NO_OBJECT, *known})]


def _legend(run: RunFolder, rows: pd.DataFrame) -> Markup:
    shown = [label for label in _labels(run, rows) if label in set(rows["name"])]
    by_label, titles = colours(_labels(run, rows)), label_titles(run)
    items = Markup("").join(
        Markup('<span class="tl-key"><i style="background:{}"></i>{}</span>').format(
            by_label[label], titles.get(label, label)
        )
        for label in shown
    )
    return Markup('<p class="tl-legend">{}</p>').format(items) if shown else Markup("")


def _bars(classes: list[ClassPerPicture], titles: object, n: int) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = classes[:30]
    named: dict[str, str] = dict(titles)  # type: ignore[call-overload]
    figure = Figure(figsize=(8, 0.9 + 0.34 * len(shown)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    places = list(range(len(shown)))
    bars = axes.barh(places, [one.mean for one in shown], color="#13738c", height=0.72)
    axes.bar_label(bars, labels=[f"{one.mean:.2f}" for one in shown], padding=4, fontsize=9)
    # Labels are data: "$" would otherwise start a formula.
    shown_names = [(named.get(one.label, one.label) or _UNNAMED).replace("$", r"\$") for one in shown]
    axes.set_yticks(places, shown_names, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel(f"Mean count per picture ({numbers.plural(n, 'picture')}, zeros included)")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
