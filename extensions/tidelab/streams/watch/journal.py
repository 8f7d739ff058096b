"""What a watch has settled, and rows that are on their way into its tables: nothing is counted twice, nothing is lost by a killed process.

A picture is settled in one SQLite transaction together with its rows. Rows then go from the journal to the end of their CSV file, are synced,
and leave the journal. A process that dies in between left at most the beginning of one row block in a CSV file; the next one cuts that off and
writes the block again.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tidelab.streams.errors import StreamError

FILE: Final = "watch.sqlite"
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS pictures (digest TEXT PRIMARY KEY, name TEXT NOT NULL, time TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, tries INTEGER NOT NULL, "
    "settled INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS unread (name TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tables (file TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY, file TEXT NOT NULL, header BLOB NOT NULL, rows BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS cameras (camera TEXT PRIMARY KEY, newest TEXT NOT NULL) WITHOUT ROWID",
)
_MOST_CAMERAS: Final = 1000


@dataclass(frozen=True)
class Seen:
    """A file as the folder shows it.

    Parameters
    ----------
    name
        Relative to the watched folder, with ``/``.
    size, mtime_ns
        Of the file.
    """

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Block:
    """Rows for the end of a table.

    Parameters
    ----------
    file
        Name of the table.
    header
        Its first line, written where the file is not there yet.
    rows
        Whole lines.
    """

    file: str
    header: bytes
    rows: bytes


class Journal:
    """Open journal; use as a context manager.

    Parameters
    ----------
    folder
        Folder of the watch's results.

    Raises
    ------
    StreamError
        When the file is damaged or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.told: list[str] = []

    def __enter__(self) -> Self:
        with self._sentences():
            self._database = sqlite3.connect(self._folder / FILE, timeout=10, isolation_level=None)
            # The plain journal works on network drives too; FULL survives a power cut.
            self._database.execute("PRAGMA synchronous=FULL")
            for statement in _SCHEMA:
                self._database.execute(statement)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def unknown(self, files: Sequence[Seen]) -> list[Seen]:
        """Return the files that are not settled as they are now."""
        with self._sentences():
            known = dict(self._known([one.name for one in files]))
        return [one for one in files if known.get(one.name) != (one.size, one.mtime_ns)]

    def has(self, digest: str) -> str:
        """Return the name under which a picture of these bytes was counted, or empty."""
        with self._sentences():
            row = self._database.execute("SELECT name FROM pictures WHERE digest = ?", (digest,)).fetchone()
        return str(row[0]) if row else ""

    def newest(self, camera: str) -> str:
        """Return the time of the newest picture of a camera, or empty."""
        with self._sentences():
            row = self._database.execute("SELECT newest FROM cameras WHERE camera = ?", (camera,)).fetchone()
        return str(row[0]) if row else ""

    def count(
        self, file: Seen, digest: str, time: str, camera: str, blocks: Iterable[Block], totals: Iterable[str]
    ) -> None:
        """Settle a picture with its rows, in one step."""
        with self._transaction():
            self._database.execute("INSERT INTO pictures VALUES (?, ?, ?)", (digest, file.name, time))
            known = self._database.execute("SELECT COUNT(*) FROM cameras").fetchone()[0] < _MOST_CAMERAS
            if time and (
                known
                or self._database.execute("SELECT 1 FROM cameras WHERE camera = ?", (camera,)).fetchone()
            ):
                self._database.execute(
                    "INSERT INTO cameras VALUES (?, ?) ON CONFLICT (camera) DO UPDATE SET newest = MAX(newest, excluded.newest)",
                    (camera, time),
                )
            self._settle(file, blocks, totals)

    def put_aside(
        self, file: Seen, blocks: Iterable[Block], totals: Iterable[str], *, unread: bool = False
    ) -> None:
        """Settle a file that is not counted: broken, a copy of another one, or one that cannot be read now (`unread`)."""
        with self._transaction():
            self._settle(file, blocks, totals)
            if unread:
                self._database.execute(
                    "INSERT INTO unread VALUES (?, ?, ?)", (file.name, file.size, file.mtime_ns)
                )

    def is_unread(self, file: Seen) -> bool:
        """Return whether it was told already that this file, as it is now, cannot be read."""
        with self._sentences():
            row = self._database.execute(
                "SELECT size, mtime_ns FROM unread WHERE name = ?", (file.name,)
            ).fetchone()
        return row is not None and tuple(row) == (file.size, file.mtime_ns)

    def look_again(self) -> None:
        """Make the files that could not be read unknown, so that they are tried again; that they were told of stays noted."""
        with self._transaction():
            self._database.execute("DELETE FROM files WHERE name IN (SELECT name FROM unread)")

    def totals(self) -> Mapping[str, int]:
        """Return how many pictures were counted, put aside, ..., since the journal began."""
        with self._sentences():
            return dict(self._database.execute("SELECT name, value FROM totals").fetchall())

    def flush(self) -> None:
        """Write what waits into its tables; a full disk raises `StreamError` and loses nothing."""
        with self._sentences():
            waiting = self._database.execute(
                "SELECT number, file, header, rows FROM outbox ORDER BY number LIMIT 100"
            )
            while batch := waiting.fetchall():
                for number, file, header, rows in batch:
                    size = self._append(file, bytes(header), bytes(rows))
                    with self._transaction():
                        self._database.execute("DELETE FROM outbox WHERE number = ?", (number,))
                        self._database.execute("INSERT OR REPLACE INTO tables VALUES (?, ?)", (file, size))
                waiting = self._database.execute(
                    "SELECT number, file, header, rows FROM outbox ORDER BY number LIMIT 100"
                )

    def _append(self, file: str, header: bytes, rows: bytes) -> int:
        path = self._folder / file
        row = self._database.execute("SELECT bytes FROM tables WHERE file = ?", (file,)).fetchone()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "r+b") as stream:
            size = os.fstat(handle).st_size
            known = int(row[0]) if row and size >= int(row[0]) else 0
            text = rows if known else header + rows
            stream.seek(known)
            there = stream.read(len(text) + 1)
            if text.startswith(there):
                # Nothing, or the beginning of this very block: a process was killed while it wrote.
                stream.seek(known)
                stream.truncate()
            else:
                self.told.append(f"{file} was changed by somebody else; new rows are added at its end.")
                text = rows
                stream.seek(-1, os.SEEK_END)
                text = text if stream.read(1) == b"\n" else b"\n" + text
            stream.write(text)
            stream.flush()
            os.fsync(handle)
            return stream.tell()

    def _settle(self, file: Seen, blocks: Iterable[Block], totals: Iterable[str]) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, 0, 1)", (file.name, file.size, file.mtime_ns)
        )
        self._database.execute("DELETE FROM unread WHERE name = ?", (file.name,))
        for block in blocks:
            self._database.execute(
                "INSERT INTO outbox (file, header, rows) VALUES (?, ?, ?)",
                (block.file, block.header, block.rows),
            )
        for name in totals:
            self._database.execute(
                "INSERT INTO totals VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (name,)
            )

    def _known(self, names: Sequence[str]) -> Iterator[tuple[str, tuple[int, int]]]:
        for start in range(0, len(names), 500):
            part = names[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT name, size, mtime_ns FROM files WHERE settled = 1 AND name IN ({marks})"  # noqa: S608  only marks
            for name, size, mtime_ns in self._database.execute(query, part):
                yield name, (size, mtime_ns)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._sentences():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        place = self._folder / FILE
        try:
            yield
        except sqlite3.Error as error:
            if "full" in str(error):
                raise _full(self._folder) from None
            raise StreamError(
                f"{place} cannot be used ({error}). Nothing was lost in the tables. If the file is damaged, move it away together with the "
                "tables and start again: every picture that is still in the watched folder is then counted anew."
            ) from None
        except OSError as error:
            if error.errno in (28, 122):
                raise _full(self._folder) from None
            raise StreamError(
                f"{self._folder} cannot be written ({error.strerror}). Correct it and start again: nothing is lost."
            ) from None


def _full(folder: Path) -> StreamError:
    return StreamError(
        f"The disk of {folder} is full. Free some space and start again: nothing is lost, and nothing is counted twice."
    )
