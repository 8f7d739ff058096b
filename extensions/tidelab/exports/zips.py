"""Zip files of which equal content gives equal bytes."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidelab.runs.files import replacing

_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can hold: a file says nothing of when it was packed."""

_MODE: Final = 0o100644


class PlainZip:
    """A zip file that is being written.

    Parameters
    ----------
    archive
        The open file.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, content: bytes, *, packed: bool = True) -> None:
        """Add a file; pictures are packed already, so `packed` would only cost time."""
        info = zipfile.ZipInfo(name, _DAY)
        info.external_attr = _MODE << 16
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        self._archive.writestr(info, content)


@contextmanager
def writing_zip(path: Path) -> Iterator[PlainZip]:
    """Write a zip that takes the place of `path` when the block ends without an error."""
    with replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        yield PlainZip(archive)
