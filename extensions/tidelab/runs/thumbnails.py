"""Small pictures of a run's images: one SQLite file, so that a gallery of thousands opens one file."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tidelab.runs.beneath import is_file
from tidelab.runs.errors import RunError

FILE_NAME: Final = "thumbnails.sqlite"


class ThumbnailWriter:
    """Collects thumbnails beside the final file and puts them in its place at the end.

    Parameters
    ----------
    folder
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._final = folder / FILE_NAME
        self._temporary = folder / f".{FILE_NAME}.new"
        self._temporary.unlink(missing_ok=True)
        self._database = sqlite3.connect(self._temporary, check_same_thread=False)
        # It is thrown away when the run dies, so it needs no journal.
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE thumbnails (image_id TEXT PRIMARY KEY, jpeg BLOB NOT NULL) WITHOUT ROWID"
        )

    def add(self, thumbnails: Mapping[str, bytes]) -> None:
        """Keep JPEG bytes by image id."""
        with self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", list(thumbnails.items())
            )

    def finish(self) -> None:
        """Put the file in its place."""
        self._database.close()
        self._temporary.replace(self._final)

    def discard(self) -> None:
        """Throw the collected thumbnails away."""
        self._database.close()
        self._temporary.unlink(missing_ok=True)


def read_thumbnail(folder: Path, image_id: str) -> bytes:
    """Return the JPEG of one image of a run, empty when there is none; raises `RunError` when the file is damaged."""
    path = folder / FILE_NAME
    row = None
    if path.exists():
        if not is_file(path):
            raise RunError(f"{path} is a link or no file; run the analysis again to make it anew.")
        try:
            database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                row = database.execute(
                    "SELECT jpeg FROM thumbnails WHERE image_id = ?", (image_id,)
                ).fetchone()
            finally:
                database.close()
        except sqlite3.Error as error:
            raise RunError(f"{path} is damaged ({error}); run the analysis again to make it anew.") from None
    return bytes(row[0]) if row else b""
