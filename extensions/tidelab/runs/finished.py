"""A run whose tables are written, as the functions see it that make a use case's own files of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tidelab.catalogue import UseCase
from tidelab.runs.errors import RunCancelled
from tidelab.runs.folder import RunFolder
from tidelab.runs.log import RunLog
from tidelab.runs.meaning import Meanings, label_meaning

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ProductFile:
    """A file that a product function made.

    Parameters
    ----------
    path
        As `FinishedRun.write` returned it.
    title
        What people read.
    media_type
        E.g. ``text/csv``, ``application/x-netcdf``.
    """

    path: Path
    title: str
    media_type: str


@dataclass(frozen=True)
class FinishedRun:
    """A run with its tables, for product functions.

    Parameters
    ----------
    run
        Its folder, with everything that `RunFolder` can tell (`determinations`, `estimates`, `thumbnail` ...).
    use_case
        Its declaration.
    log
        Of the run: sentences.
    progress
        Called with words, how many are done and how many there are (0: not known).
    cancelled
        Whether the person asked to stop.
    scratch, cache
        As the reader had them (`tidelab.runs.hooks.ReaderContext`).
    staging
        Where `write` puts what is published when the function has returned.
    """

    run: RunFolder
    use_case: UseCase
    log: RunLog
    progress: Callable[[str, int, int], None]
    cancelled: Callable[[], bool]
    scratch: Path
    cache: Path
    staging: Path

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self.run.path

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the notebook `analyse`, checked."""
        return self.run.request.parameters

    @cached_property
    def results(self) -> "pd.DataFrame":
        """``results.csv``."""
        return self.run.results()

    @cached_property
    def pictures(self) -> "pd.DataFrame":
        """``pictures.csv`` of a detector's run; without rows for another."""
        return self._of_a_detector(self.run.pictures)

    @cached_property
    def detections(self) -> "pd.DataFrame":
        """``detections.csv`` of a detector's run; without rows for another."""
        return self._of_a_detector(self.run.detections)

    @cached_property
    def objects(self) -> "pd.DataFrame":
        """``objects.csv``: the measurements a reader gave, in the order of the results; without rows where there are none."""
        return self.run.objects()

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """``samples.csv``."""
        return self.run.samples()

    @cached_property
    def statistics(self) -> "pd.DataFrame":
        """``statistics.csv``: statistics and measures of each image (of a detector: of each picture)."""
        return self.run.statistics()

    @cached_property
    def meanings(self) -> Meanings:
        """What the classes mean, by label."""
        return label_meaning(self.run)

    def write(self, name: str, content: bytes | str | None = None) -> Path:
        """Return where to write a product; it appears below ``products/`` when the function has returned, never half.

        Parameters
        ----------
        name
            Relative, with ``/``, without ``..``.
        content
            Written at once where it is given.

        Raises
        ------
        ValueError
            When `name` leaves the folder.
        """
        path = self.staging / inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def stop_if_cancelled(self) -> None:
        """Raise `RunCancelled` when the person asked to stop."""
        if self.cancelled():
            raise RunCancelled

    def _of_a_detector(self, table: "Callable[[], pd.DataFrame]") -> "pd.DataFrame":
        import pandas as pd

        return table() if self.run.finds_objects else pd.DataFrame()


def inside(name: str) -> PurePosixPath:
    """Return a relative path that stays where it is put; raises `ValueError` for any other."""
    path = PurePosixPath(name)
    if (
        path.is_absolute()
        or ".." in path.parts
        or not path.name
        or "\\" in name
        or not name.isprintable()
        or len(os.fsencode(name)) > 200
        or any(part.startswith(".") for part in path.parts)
    ):
        raise ValueError(
            f"{name[:80]!r} is no name for a product: expected a relative path with /, without .. and hidden parts, of at most 200 bytes"
        )
    return path
