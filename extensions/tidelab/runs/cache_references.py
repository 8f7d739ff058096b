"""Which run uses which cached result: so that deleting a run frees what only that run used, and nothing else.

Every result is put into the cache, and every known one taken from it, together with a row that names the run, in one transaction.
A result without such a row was kept by Tidelab 0.1, which did not count.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS run_entries (key BLOB NOT NULL, run INTEGER NOT NULL, made INTEGER NOT NULL,"
    " PRIMARY KEY (key, run)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS run_entries_by_run ON run_entries (run)",
)
TABLES: Final = ("results", "verdicts")
_LOCK: Final = ".in-use.lock"
_INCREMENTAL: Final = 2


def enter(database: sqlite3.Connection, run: str) -> int:
    """Return the number of a run in this cache; it is entered when it is new."""
    with database:
        database.execute("INSERT OR IGNORE INTO runs (name) VALUES (?)", (run,))
    (number,) = database.execute("SELECT id FROM runs WHERE name = ?", (run,)).fetchone()
    return int(number)


def hold(
    database: sqlite3.Connection, table: str, run: int, keys: Sequence[bytes], *, made: bool = False
) -> None:
    """Note that a run uses those of the keys that the table holds; `made`: the run computed them itself."""
    for key in keys:
        database.execute(
            f"INSERT INTO run_entries SELECT key, ?, ? FROM {table} WHERE key = ?"  # noqa: S608  one of TABLES
            " ON CONFLICT DO UPDATE SET made = max(made, excluded.made)",
            (run, int(made), key),
        )


def made_by(database: sqlite3.Connection, run: int) -> int:
    """Return how many results the run computed itself, in all its attempts."""
    (count,) = database.execute(
        "SELECT count(*) FROM run_entries JOIN results USING (key) WHERE run = ? AND made = 1", (run,)
    ).fetchone()
    return int(count)


def runs_of(path: Path) -> set[str]:
    """Return the names of the runs a cache knows; none where there is no cache or it does not count."""
    if not path.is_file():
        return set()
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=30)) as database:
        return {str(name) for (name,) in database.execute("SELECT name FROM runs")}
    return set()


def release(path: Path, run: str, *, nobody_else: bool = False) -> int:
    """Forget what a run used, remove the results that no other run uses, and give the bytes back to the disk.

    Parameters
    ----------
    path
        The cache; nothing happens where there is none.
    run
        ``<use case>/<run>``.
    nobody_else
        Every run that is left is counted in this cache, so that results without any run may go too.

    Returns
    -------
    int
        Bytes that the cache is smaller by.

    Raises
    ------
    sqlite3.Error
        When the cache cannot be read or is locked; nothing is lost, and it can be asked again.
    """
    if not path.is_file():
        return 0
    before = _size(path)
    with _in_use(path), closing(sqlite3.connect(path, timeout=30)) as database:
        for statement in SCHEMA:
            database.execute(statement)
        # What is freed is overwritten: it may have been somebody's picture.
        database.execute("PRAGMA secure_delete = ON")
        with database:
            database.execute("BEGIN IMMEDIATE")
            _forget(database, run)
            if nobody_else:
                _forget_unheld(database)
            (left,) = database.execute(
                "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM results) + (SELECT count(*) FROM verdicts)"
            ).fetchone()
        _shrink(database)
    for aside in path.parent.glob("damaged-*.sqlite"):
        before += aside.stat().st_size
        aside.unlink(missing_ok=True)
    if not left:
        _remove(path)
    return max(0, before - _size(path))


def _forget(database: sqlite3.Connection, run: str) -> None:
    row = database.execute("SELECT id FROM runs WHERE name = ?", (run,)).fetchone()
    if row is None:
        return
    for table in TABLES:
        database.execute(
            f"DELETE FROM {table} WHERE key IN (SELECT key FROM run_entries WHERE run = ?)"  # noqa: S608  a constant
            f" AND NOT EXISTS (SELECT 1 FROM run_entries AS other WHERE other.key = {table}.key AND other.run <> ?)",
            (row[0], row[0]),
        )
    database.execute("DELETE FROM run_entries WHERE run = ?", row)
    database.execute("DELETE FROM runs WHERE id = ?", row)


def _forget_unheld(database: sqlite3.Connection) -> None:
    for table in TABLES:
        database.execute(f"DELETE FROM {table} WHERE key NOT IN (SELECT key FROM run_entries)")  # noqa: S608  a constant


def _shrink(database: sqlite3.Connection) -> None:
    """Give free pages back. Where another run is at work the next release does it."""
    with suppress(sqlite3.OperationalError):
        if database.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
            database.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            database.execute("VACUUM")
        # As a script: `execute` takes one step only, which frees one page.
        database.executescript("PRAGMA incremental_vacuum")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _size(path: Path) -> int:
    total = 0
    for suffix in ("", "-wal"):
        with suppress(OSError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total


@contextmanager
def _in_use(path: Path) -> Iterator[None]:
    handle = hold_open(path)
    try:
        yield
    finally:
        os.close(handle)


def hold_open(path: Path) -> int:
    """Return a descriptor that keeps the cache's file from being removed while it is open; the caller closes it."""
    handle = os.open(path.parent / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _remove(path: Path) -> None:
    """Remove an empty cache, unless a run has it open: a database that is unlinked while in use damages its successor."""
    handle = os.open(path.parent / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with closing(sqlite3.connect(path)) as database:
            (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
        if not count:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
    except (BlockingIOError, sqlite3.Error):
        return
    finally:
        os.close(handle)
