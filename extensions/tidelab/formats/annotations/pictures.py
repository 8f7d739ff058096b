"""Bring pictures into formats that hold them (YOLO, class folders)."""

import os
import shutil
from pathlib import Path
from typing import Final

from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Writing

_JPEG: Final = (".jpg", ".jpeg")
_JPEG_END: Final = b"\xff\xd9"


def place(writing: Writing, file_name: str, target: Path) -> bool:
    """Copy or link a picture to its place; return whether it was there.

    A JPEG that does not end as one should is copied even where links are wanted: ultralytics repairs such files in place, and the
    original must not change (``verify_image``, ultralytics/data/utils.py).

    Raises
    ------
    AnnotationError
        When it is there and cannot be copied.
    """
    if writing.pictures is None or writing.mode == "none":
        return False
    source = writing.pictures.path(file_name)
    if source is None:
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if writing.mode == "link" and not _would_be_repaired(source):
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise AnnotationError(
            f"{shown(source)} cannot be copied to {target.name}: {error.strerror}."
        ) from None
    return True


def _would_be_repaired(path: Path) -> bool:
    if path.suffix.lower() not in _JPEG:
        return False
    with path.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(stream.tell() - 2, 0))
        return stream.read(2) != _JPEG_END


def missing(writing: Writing, number: int) -> None:
    """Tell how many pictures could not be brought along."""
    if number:
        writing.tally.add("{n} picture{s} were not found and are not in the folder.", number)
