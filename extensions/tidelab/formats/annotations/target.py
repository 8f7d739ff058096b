"""Where annotations are written to: beside the place first, then moved, so that nobody ever sees half of them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidelab.formats.annotations.errors import AnnotationError

MARK: Final = ".tidelab-annotations"
"""A file that says that Tidelab wrote a folder: only such a folder is ever replaced."""


@contextmanager
def written(path: Path, *, folder: bool, force: bool) -> Iterator[Path]:
    """Yield a place to write to, and move it to `path` at the end; after a failure nothing of it is left.

    Raises
    ------
    AnnotationError
        When there is something at `path` and `force` is not set, or it is a folder that was not written by Tidelab.
    """
    check(path, folder=folder, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name[:50]}.", dir=path.parent))
    except OSError as error:
        raise AnnotationError(f"{path} cannot be written: {error.strerror}. Choose another place.") from None
    try:
        place = scratch / ("new" if folder else path.name)
        if folder:
            place.mkdir()
            (place / MARK).write_text(
                "Written by Tidelab; `tidelab convert --force` may replace this folder.\n"
            )
        yield place
        if folder and path.exists():
            path.replace(scratch / "old")
        place.replace(path)
    except OSError as error:
        raise AnnotationError(
            f"{path} cannot be written: {error.strerror or error}. Is the disk full?"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check(path: Path, *, folder: bool, force: bool) -> None:
    """Refuse a place that is taken; raises `AnnotationError`."""
    if not os.path.lexists(path) or (
        folder and path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    ):
        return
    if not force:
        raise AnnotationError(f"{path} exists. Choose another place, or replace it with --force.")
    if folder and not (path.is_dir() and not path.is_symlink() and (path / MARK).is_file()):
        raise AnnotationError(
            f"{path} was not written by Tidelab and is not replaced, whatever is in it. Choose another place, or remove it yourself."
        )
    if not folder and path.is_dir():
        raise AnnotationError(f"{path} is a folder, and a file is to be written. Choose another place.")
