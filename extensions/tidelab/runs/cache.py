"""Results per image that later runs may use again: one SQLite file for each person, or for all where the data policy says so.

A file for each image would cost seconds for thousands of hits; one file with one transaction a batch does not. The cache is
never the only copy of anything: when it is damaged it is put aside and begun anew.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidelab.domain.prediction import Prediction
from tidelab.runs import cache_references as references
from tidelab.runs.record import from_bytes, to_bytes

_BATCH: Final = 500
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS verdicts (key BLOB PRIMARY KEY, record TEXT NOT NULL)",
)


class ResultCache:
    """Open cache; use as a context manager.

    Parameters
    ----------
    path
        The SQLite file; made when missing. None: nothing is known and nothing is kept.
    log
        Takes a sentence when the cache had to be put aside or cannot be used.
    run
        ``<use case>/<run>`` that uses what is taken and put; empty: nobody, and what is put stays until the cache is cleared.
    """

    def __init__(self, path: Path | None, log: Callable[[str], None], run: str = "") -> None:
        self._log, self._run, self._number = log, run, 0
        self._database: sqlite3.Connection | None = None
        self._kept, self._open_lock = path is not None, -1
        self.path = path or Path(os.devnull)

    def __enter__(self) -> "ResultCache":
        if not self._kept:
            return self
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._open_lock = references.hold_open(self.path)
            self._database = self._open()
        except sqlite3.DatabaseError as error:
            self._handle(error)
        except PermissionError:
            self._log(
                f"The result cache {self.path} may not be written; results are not kept for the next run."
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._database:
            with suppress(sqlite3.Error):
                self._database.close()
        if self._open_lock >= 0:
            os.close(self._open_lock)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Prediction]:
        """Return the predictions that are known."""
        found: dict[bytes, Prediction] = {}
        for start in range(0, len(keys), _BATCH):
            part = keys[start : start + _BATCH]
            try:
                rows = self._take("results", part)
            except sqlite3.DatabaseError as error:
                self._handle(error)
                break
            for key, record in rows:
                prediction = from_bytes(record)
                if prediction is not None:
                    found[bytes(key)] = prediction
        return found

    def put_many(self, predictions: Mapping[bytes, Prediction]) -> None:
        """Keep predictions, in one transaction; they survive the end of the process at once."""
        self._put("results", [(key, to_bytes(prediction)) for key, prediction in predictions.items()])

    def get_verdict(self, key: bytes) -> str | None:
        """Return the JSON of a verdict that was reached before, or None."""
        try:
            rows = self._take("verdicts", [key])
        except sqlite3.DatabaseError as error:
            self._handle(error)
            return None
        return str(rows[0][1]) if rows else None

    def put_verdict(self, key: bytes, text: str) -> None:
        """Keep a verdict."""
        self._put("verdicts", [(key, text)])

    def computed(self) -> int | None:
        """Return how many results this run computed itself, in all its attempts; None where nothing is kept."""
        if self._database is None or not self._run:
            return None
        with suppress(sqlite3.Error):
            return references.made_by(self._database, self._number)
        return None

    def _put(self, table: str, rows: Sequence[tuple[bytes, bytes | str]]) -> None:
        if self._database is None:
            return
        try:
            with self._database:
                self._database.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)  # noqa: S608  a constant
                if self._run:
                    references.hold(self._database, table, self._number, [key for key, _ in rows], made=True)
        except sqlite3.DatabaseError as error:
            self._handle(error)

    def _take(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        if self._database is None:
            return []
        marks = ",".join("?" * len(keys))
        with self._database:
            if self._run:
                # One transaction: nobody removes an entry between the note that it is used and its use.
                self._database.execute("BEGIN IMMEDIATE")
                references.hold(self._database, table, self._number, keys)
            return self._database.execute(
                f"SELECT key, record FROM {table} WHERE key IN ({marks})",  # noqa: S608  a constant, and only marks
                keys,
            ).fetchall()

    def _open(self, *, whole: bool = False) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=30)
        try:
            # Before anything else, or it has no effect: what a deleted run used can then be given back to the disk.
            database.execute("PRAGMA auto_vacuum=INCREMENTAL")
            database.execute("PRAGMA journal_mode=WAL")
            # In WAL mode this survives a killed process; a power cut may cost the last results, never the file.
            database.execute("PRAGMA synchronous=NORMAL")
            for statement in (*_SCHEMA, *references.SCHEMA):
                database.execute(statement)
            database.execute("SELECT key, run, made FROM run_entries LIMIT 1").fetchall()
            for table in references.TABLES:
                database.execute(f"SELECT key, record FROM {table} LIMIT 1").fetchall()  # noqa: S608  a constant
            if whole and database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("some of its pages are damaged")
            if self._run:
                self._number = references.enter(database, self._run)
            self.path.chmod(0o600)
        except BaseException:
            database.close()
            raise
        return database

    def _handle(self, error: sqlite3.DatabaseError) -> None:
        """Put a damaged file aside and begin anew; a full disk ends the run; a locked file goes without the cache."""
        text = str(error)
        if "full" in text:
            raise OSError(28, "No space left on device") from error
        if self._database:
            self._database.close()
            self._database = None
        if isinstance(error, sqlite3.OperationalError) and "no such" not in text:
            self._log(
                f"The result cache {self.path} cannot be used now ({text}); this run goes on without it."
            )
            return
        with (self.path.parent / ".repair.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(sqlite3.DatabaseError):
                # Every page is looked at: a file whose middle is damaged opens without complaint.
                self._database = self._open(whole=True)
                self._log(f"The result cache could not be read ({text}); another run has repaired it.")
                return
            aside = self.path.with_name(f"damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.sqlite")
            self.path.rename(aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self._database = self._open()
        self._log(f"The result cache was damaged ({text}); it was put aside as {aside.name} and begun anew.")
