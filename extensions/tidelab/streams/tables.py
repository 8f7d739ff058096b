"""Tables that are written while frames go by: memory does not grow with the length of a video."""

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from tidelab.domain.prediction import Detections
from tidelab.domain.results import BOX_COLUMNS, BOX_DECIMALS
from tidelab.runs.files import replacing
from tidelab.runs.objects import object_ids, written
from tidelab.streams.model import Classes

FRAME_COLUMNS: Final = ("frame", "time_s", "time", "status", "objects")
DETECTION_COLUMNS: Final = (
    "object_id", "picture_id", "picture", "frame", "time_s", "time", "label", "aphia_id", "score", *BOX_COLUMNS, "above_threshold",
)  # fmt: skip
"""As ``detections.csv`` of a run (`tidelab.domain.results`), with the frame and its times."""
INTERVAL_COLUMNS: Final = (
    "interval_start_s", "interval_start", "interval_s", "taxon", "aphia_id", "n_pictures", "pictures_with", "detections_per_picture_mean",
    "max_n", "max_n_frame",
)  # fmt: skip
"""As `tidelab.science.abundance` calls them; a picture is an analysed frame, and ``max_n_frame`` the first with that many."""
COUNT_PREFIX: Final = "count_"


class Tables:
    """Tables that appear together, complete, when the block ends without an error.

    Parameters
    ----------
    folder
        Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def open(self, name: str, columns: Sequence[str]) -> "Table":
        """Begin a table."""
        return Table(self._stack.enter_context(self._text(name)), columns)

    def _text(self, name: str) -> "_Text":
        return _Text(self._folder / name)


class _Text:
    """A text file that takes its place at the end."""

    def __init__(self, path: Path) -> None:
        self._replacing = replacing(path)

    def __enter__(self) -> io.TextIOWrapper:
        self._text = io.TextIOWrapper(
            self._replacing.__enter__(), encoding="utf-8", newline="", write_through=False
        )
        return self._text

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._text.flush()
        self._text.detach()
        self._replacing.__exit__(kind, error, trace)


class Table:
    """Rows of a table, written as they come."""

    def __init__(self, stream: io.TextIOBase, columns: Sequence[str]) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows."""
        self._writer.writerows(rows)


def frame_columns(classes: Classes) -> tuple[str, ...]:
    """Return the columns of ``frames.csv``: one count for each class, zeros included."""
    return (*FRAME_COLUMNS, *(f"{COUNT_PREFIX}{label}" for label in classes.labels))


def frame_row(
    frame: int, time_s: float, time: str, counts: npt.NDArray[np.int64] | None, n_labels: int
) -> tuple[object, ...]:
    """Return the row of a frame; `counts` None: the model could not use it, and what was in it is not known."""
    place = (frame, f"{time_s:.6f}", time)
    if counts is None:
        return (*place, "refused", "", *("" for _ in range(n_labels)))
    return (*place, "analysed", int(counts.sum()), *counts.tolist())


def detection_rows(
    picture_id: str, picture: str, place: tuple[object, ...], found: Detections, classes: Classes
) -> list[tuple[object, ...]]:
    """Return the rows of the objects of one picture, best score first.

    Parameters
    ----------
    picture_id, picture
        Of the picture.
    place
        What stands between the picture and the label (frame, times).
    found, classes
        What was found, and the classes.
    """
    rows = []
    columns = zip(
        object_ids(picture_id, found),
        found.labels.tolist(),
        found.scores.tolist(),
        found.boxes.astype(float).tolist(),
        classes.above(found).tolist(),
        strict=True,
    )
    for name, label, score, (x_min, y_min, x_max, y_max), counts in columns:
        box = (f"{value:.{BOX_DECIMALS}f}" for value in (x_min, y_min, x_max - x_min, y_max - y_min))
        kind = (classes.shown[label], classes.aphia[label], written(score))
        rows.append((name, picture_id, picture, *place, *kind, *box, "yes" if counts else "no"))
    return rows
