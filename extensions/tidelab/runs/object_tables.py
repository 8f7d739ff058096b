"""The tables that stand beside those of every run: objects and pictures of a detector, measurements of a reader's objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidelab.domain.results import BOX_DECIMALS, DETECTION_COLUMNS, OBJECT_COLUMNS, PICTURE_COLUMNS
from tidelab.runs.inputs.samples import Samples
from tidelab.runs.items import ImageResult
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.objects import Thresholds, object_ids, written
from tidelab.runs.tables import write_table

PICTURES: Final = "pictures.csv"
DETECTIONS: Final = "detections.csv"
OBJECTS: Final = "objects.csv"


@dataclass(frozen=True)
class Found:
    """One stored object of one picture.

    Parameters
    ----------
    object_id
        See `tidelab.runs.objects.object_ids`.
    label
        Index into the card's labels.
    score
        As written.
    box
        x_min, y_min, width, height as written, pixels.
    counts
        Whether its score reaches the threshold of its class.
    """

    object_id: str
    label: int
    score: str
    box: tuple[str, str, str, str]
    counts: bool


def found_in(result: ImageResult, thresholds: Thresholds) -> list[Found]:
    """Return the stored objects of one picture, surest first; none for a picture of a model that looks for none."""
    objects = result.detections
    if objects is None:
        return []
    columns = zip(
        object_ids(result.image_id, objects),
        objects.labels.tolist(),
        objects.scores.tolist(),
        objects.boxes.astype(float).tolist(),
        thresholds.above(objects).tolist(),
        strict=True,
    )
    return [
        Found(name, label, written(score), _box(*corners), counts)
        for name, label, score, corners, counts in columns
    ]


@dataclass(frozen=True)
class ObjectTables:
    """Writes the tables of a detector's run.

    Parameters
    ----------
    results
        Its pictures, in the order of all tables.
    labels
        Of the card, in its order.
    thresholds
        Of the run.
    aphia
        See `tidelab.runs.tables.aphia_ids`.
    samples
        Which picture is of which sample.
    person
        Who asked.
    """

    results: Sequence[ImageResult]
    labels: Sequence[str]
    thresholds: Thresholds
    aphia: Mapping[str, str]
    samples: Samples
    person: str

    def write(self, folder: Path) -> list[str]:
        """Write ``results.csv``, ``detections.csv`` and ``pictures.csv``; return the label of each object that counts, as written.

        Row by row: twenty thousand pictures may hold millions of objects.
        """
        shown = [spreadsheet_safe(label) for label in self.labels]
        counted: list[str] = []
        write_table(folder / "results.csv", OBJECT_COLUMNS, self._objects(shown, counted))
        write_table(folder / DETECTIONS, DETECTION_COLUMNS, self._detections(shown))
        write_table(folder / PICTURES, PICTURE_COLUMNS, self._pictures())
        return counted

    def _objects(self, shown: Sequence[str], counted: list[str]) -> Iterator[tuple[object, ...]]:
        who = spreadsheet_safe(self.person)
        for result in self.results:
            sample = self.samples.of(result.name)
            time = result.taken.time or sample.time
            station = sample.station or spreadsheet_safe(result.taken.station)
            found = (one for one in found_in(result, self.thresholds) if one.counts)
            for number, one in enumerate(found, start=1):
                label = shown[one.label]
                counted.append(label)
                yield (
                    *(one.object_id, sample.sample_id, who, f"{result.name}@{number}", time, station),
                    *(label, self.aphia.get(label, ""), one.score, f"{label}:{one.score}", "predicted"),
                    *(result.image_id, *one.box),
                )

    def _detections(self, shown: Sequence[str]) -> Iterator[tuple[object, ...]]:
        for result in self.results:
            for one in found_in(result, self.thresholds):
                label = shown[one.label]
                yield (
                    *(result.image_id, result.name, label, self.aphia.get(label, ""), one.score, *one.box),
                    "yes" if one.counts else "no",
                )

    def _pictures(self) -> Iterator[tuple[object, ...]]:
        for result in self.results:
            sample, told = self.samples.of(result.name), result.taken
            record = self.samples.record(sample.sample_id).sample
            size = (f"{result.statistics[side]:.0f}" for side in ("width_px", "height_px"))
            counts = 0 if result.detections is None else int(self.thresholds.above(result.detections).sum())
            yield (
                # A sample's time is when it was taken as a whole, and not the time of each of its pictures.
                *(result.image_id, result.name, sample.sample_id, told.time, told.source),
                *(
                    spreadsheet_safe(record.station or told.station),
                    spreadsheet_safe(record.camera or told.camera),
                ),
                *(*size, counts),
            )


def write_objects(path: Path, results: Sequence[ImageResult]) -> bool:
    """Write ``objects.csv``: what a reader measured of its objects, in the order of the results; return whether there is any.

    Columns ``image_id, image``, then the measurements in the order in which they first appear. A number that is whole is written as
    such, another with twelve significant digits; an empty cell is not known.
    """
    measured = [result for result in results if result.measurements is not None]
    if not measured:
        return False
    names = list(dict.fromkeys(name for result in measured for name in result.measurements or {}))
    rows = (
        (
            result.image_id,
            result.name,
            *(_cell((result.measurements or {}).get(name)) for name in names),
        )
        for result in results
    )
    write_table(path, ("image_id", "image", *map(spreadsheet_safe, names)), rows)
    return True


def _box(x_min: float, y_min: float, x_max: float, y_max: float) -> tuple[str, str, str, str]:
    lengths = (x_min, y_min, x_max - x_min, y_max - y_min)
    left, top, width, height = (f"{value:.{BOX_DECIMALS}f}" for value in lengths)
    return left, top, width, height


def _cell(value: float | str | None) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, str):
        return spreadsheet_safe(value)
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.12g}"
