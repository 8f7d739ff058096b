"""The pictures of a run with what is on each: one name for a whole image, or the boxes that a detector found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidelab.catalogue.task import NO_OBJECT
from tidelab.domain.results import BOX_COLUMNS
from tidelab.exports.facts import Facts
from tidelab.exports.registry import ExportError
from tidelab.runs.objects import picture_of

Box = tuple[float, float, float, float]
OBJECT_NOTE = "Each box is an object that reaches the threshold of its class, under the name in force; pictures without one are listed too."


@dataclass(frozen=True)
class Marked:
    """One row of the determinations, and its box (x, y, width, height in pixels of the picture) where it has one."""

    row: Mapping[str, Any]
    box: Box | None = None


@dataclass(frozen=True)
class Picture:
    """One picture of a run.

    Parameters
    ----------
    image, image_id, sample_id
        Display name, digest, sample.
    width, height
        Pixels.
    time
        When its file says that it was taken (ISO 8601, UTC), of a detector's run; empty: not known.
    marked
        What is on it: of a classifier its one row, of a detector its objects without those that a person called none.
    """

    image: str
    image_id: str
    sample_id: str
    width: int
    height: int
    time: str
    marked: tuple[Marked, ...]


def pictures_of(facts: Facts) -> Iterator[Picture]:
    """Yield the pictures of a run in the order of its tables.

    Raises
    ------
    ExportError
        When the run does not hold the size of every picture.
    """
    yield from _with_objects(facts) if facts.run.finds_objects else _whole(facts)


def count_of(facts: Facts) -> int:
    """Return how many pictures `pictures_of` yields."""
    return len(facts.run.pictures()) if facts.run.finds_objects else len(facts.determinations)


def without_object(facts: Facts) -> int:
    """Return how many boxes a person called none; they are left out."""
    return int((facts.determinations["label"] == NO_OBJECT).sum()) if facts.run.finds_objects else 0


def _whole(facts: Facts) -> Iterator[Picture]:
    table = facts.run.statistics()
    try:
        widths, heights = table["width_px"].astype(int), table["height_px"].astype(int)
        rows = list(zip(facts.rows(), widths, heights, strict=True))
    except (KeyError, ValueError):
        raise ExportError(
            f"{facts.run.path / 'statistics.csv'} does not hold the size of every image. Run the analysis again: finished images are kept."
        ) from None
    for row, width, height in rows:
        names = (str(row["image"]), str(row["image_id"]), str(row["sample_id"]))
        yield Picture(*names, int(width), int(height), "", (Marked(row),))


def _with_objects(facts: Facts) -> Iterator[Picture]:
    boxes = facts.run.results()[list(BOX_COLUMNS)].itertuples(index=False)
    found: dict[tuple[str, str], list[Marked]] = {}
    for row, box in zip(facts.rows(), boxes, strict=True):
        if row["label"] != NO_OBJECT:
            # By name too: two files with the same bytes are two pictures.
            key = (str(row["image"]).rpartition("@")[0], picture_of(str(row["image_id"])))
            x, y, width, height = map(float, box)
            found.setdefault(key, []).append(Marked(row, (x, y, width, height)))
    for one in facts.run.pictures().to_dict("records"):
        names = (str(one["picture"]), str(one["picture_id"]))
        marked = tuple(found.get(names, ()))
        size = (int(one["width_px"]), int(one["height_px"]))
        yield Picture(*names, str(one["sample_id"]), *size, str(one["time"]), marked)
