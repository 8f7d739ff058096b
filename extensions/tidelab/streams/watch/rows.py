"""Rows of a watch: counts of each picture with zeros, its objects, and files that could not be used; a table for each day."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tidelab.domain.results import BOX_COLUMNS, FAILED_COLUMNS
from tidelab.formats.timeseries import TIDY_COLUMNS
from tidelab.runs.failures import FailedFile
from tidelab.runs.names import spreadsheet_safe
from tidelab.streams.model import StreamModel
from tidelab.streams.tables import detection_rows
from tidelab.streams.watch.journal import Block
from tidelab.streams.watch.looking import Looked

COUNT_COLUMNS: Final = (*TIDY_COLUMNS, "picture_id", "time_source", "received", "model_digest")
"""One row a picture and class, zeros included (`tidelab.formats.timeseries`); ``received``: when it was counted."""
OBJECT_COLUMNS: Final = (
    "object_id", "picture_id", "picture", "time", "camera", "label", "aphia_id", "score", *BOX_COLUMNS, "above_threshold",
)  # fmt: skip
FAILED: Final = "failed_files.csv"
_FAILED_COLUMNS: Final = ("received", *FAILED_COLUMNS)


def picture_blocks(model: StreamModel, seen: Looked, platform: str, received: str) -> list[Block]:
    """Return the rows of one picture: ``counts-<day>.csv`` and ``detections-<day>.csv``, the day being that of the picture, UTC."""
    classes, told = model.classes, seen.taken
    day = told.time[:10]
    above = classes.above(seen.found)
    counts = classes.counts(seen.found)
    camera, station = spreadsheet_safe(told.camera), spreadsheet_safe(platform or told.station)
    name = spreadsheet_safe(
        f"{model.resolved.name} {model.resolved.version}".strip()
        + (" (demo)" if model.resolved.is_demo else "")
    )
    rows = []
    for place, taxon in enumerate(classes.taxa):
        scores = seen.found.scores[above & (seen.found.labels == place)]
        mean = f"{float(np.mean(scores, dtype=np.float64)):.4f}" if len(scores) else ""
        numbers = (
            classes.aphia[place],
            int(counts[place]),
            mean,
            name,
            f"{classes.thresholds.by_label[place]:g}",
        )
        whence = (seen.picture_id, told.source, received, model.resolved.bundle.digest)
        rows.append((told.time, station, camera, seen.picture, taxon, *numbers, *whence))
    blocks = [_block(f"counts-{day}.csv", COUNT_COLUMNS, rows)]
    objects = detection_rows(seen.picture_id, seen.picture, (told.time, camera), seen.found, classes)
    return [*blocks, _block(f"detections-{day}.csv", OBJECT_COLUMNS, objects)] if objects else blocks


def failed_block(row: FailedFile, received: str) -> Block:
    """Return the row of a file that could not be used."""
    return _block(FAILED, _FAILED_COLUMNS, [(received, row.image, row.reason, row.expected, row.next_step)])


def summary(model: StreamModel, seen: Looked) -> str:
    """Return what was counted, in words: ``2 Diplodus vulgaris, 1 Chromis chromis`` or ``no objects``."""
    counts = model.classes.counts(seen.found).tolist()
    found = [f"{count} {title}" for count, title in zip(counts, model.classes.titles, strict=True) if count]
    return ", ".join(found) or "no objects"


def _block(file: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Block:
    return Block(file, _lines([columns]), _lines(rows))


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
