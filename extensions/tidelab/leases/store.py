"""The file of the book: opened, migrated, locked for one short transaction at a time, and replaced when it is damaged."""

import fcntl
import logging
import os
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from tidelab.leases.model import LeaseError
from tidelab.leases.schema import MIGRATIONS, SALVAGED

BUSY_S: Final = 20.0
"""How long a transaction waits for those of others; each takes milliseconds."""
log = logging.getLogger("tidelab.leases")


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()


class Store:
    """Connections to one file, one for each thread and process.

    A connection must not live through a fork (https://www.sqlite.org/howtocorrupt.html): the forking thread's is closed before, and
    opened again when it is needed.

    ``synchronous`` is NORMAL: in WAL mode a killed process then loses nothing and a power failure can lose the last seconds but
    never damages the file (https://www.sqlite.org/pragma.html#pragma_synchronous). No container or process survives a power
    failure either, and the book is reconciled afterwards, so a sync for each transaction would buy nothing.
    """

    def __init__(self, file: Path, connection: type[sqlite3.Connection] = sqlite3.Connection) -> None:
        self.file = file
        self._class = connection
        self._local = threading.local()
        _stores.add(self)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one change: all of what is done inside, or nothing.

        Raises
        ------
        LeaseError
            The file cannot be opened, written or locked, or a newer version wrote it.
        """
        database = self._begin()
        try:
            yield database
            database.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                if database.in_transaction:
                    database.execute("ROLLBACK")
            if _is_damage(error):
                self.close()
                self._set_aside(str(error))
                raise LeaseError(self._replaced()) from None
            if isinstance(error, sqlite3.OperationalError):
                raise self._cannot(error) from None
            raise

    def close(self) -> None:
        """Close this thread's connection."""
        database = getattr(self._local, "database", None)
        self._local.database = None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

    def _begin(self) -> sqlite3.Connection:
        for attempt in range(3):
            try:
                database = self._connection()
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as error:
                self.close()
                if not _is_damage(error) or attempt == 2:
                    raise self._cannot(error) from None
                self._set_aside(str(error))
            except OSError as error:
                raise self._cannot(error) from None
            else:
                return database
        raise AssertionError("unreachable")

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; a file that was replaced, or a fork, gets a new one."""
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is not None and self._local.key == self._key():
            return database
        if database is not None and self._local.key[0] == os.getpid():
            self.close()  # never a connection of the parent: closing it would drop the parent's locks
        self._local.database = database = self._open()
        self._local.key = self._key()
        return database

    def _key(self) -> tuple[int, int]:
        try:
            return os.getpid(), self.file.stat().st_ino
        except OSError:
            return os.getpid(), -1

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives the files beside it (-wal, -shm) the permissions of the database itself.
        with suppress(FileExistsError):
            os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        database = sqlite3.connect(
            self.file, timeout=BUSY_S, isolation_level=None, check_same_thread=False, factory=self._class
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA foreign_keys = ON")
            migrate(database, self.file)
        except BaseException:
            database.close()
            raise
        return database

    def _set_aside(self, why: str) -> None:
        """Keep a damaged file under another name and begin a new one with what could still be read."""
        with (self.file.parent / f"{self.file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_sound(self.file):
                return  # another process did it meanwhile
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
            aside = self.file.with_name(f"{self.file.stem}.damaged-{stamp}-{os.getpid()}{self.file.suffix}")
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    Path(f"{self.file}{suffix}").replace(f"{aside}{suffix}")
            with closing(self._open()) as database:
                kept = _salvage(aside, database)
                text = f"The lease book was damaged ({why}) and set aside as {aside.name}; {kept}."
                database.execute(
                    "INSERT INTO event (time, kind, user, server, lease, by, text) VALUES (?, 'rebuilt', '', '', '', '', ?)",
                    (time.time(), text),
                )
            log.error("%s Leases are written again from the containers that run.", text)

    def _replaced(self) -> str:
        return f"The lease book {self.file} was damaged and has been replaced. Try again: leases are rebuilt from what runs."

    def _cannot(self, error: Exception) -> LeaseError:
        text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
        if "locked" in text or "busy" in text:
            return LeaseError(
                f"The lease book {self.file} was in use by others for {BUSY_S:g} s. Try again; if it stays so, an admin looks for a "
                "process that has the file open."
            )
        return LeaseError(
            f"The lease book {self.file} cannot be used: {text}. An admin checks that its disk has space and that this account may "
            "write the file and its folder."
        )


def migrate(database: sqlite3.Connection, file: Path) -> None:
    """Bring the tables to the newest version, all or nothing.

    Raises
    ------
    LeaseError
        A newer version of Tidelab wrote the file.
    """
    if _version(database) == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        version = _version(database)  # another process may have been quicker
        if version > len(MIGRATIONS):
            raise LeaseError(
                f"The lease book {file} has version {version}, and this Tidelab knows {len(MIGRATIONS)}: a newer one wrote it. Update "
                "this installation."
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _statements(script):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number:d}")
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def is_sound(file: Path) -> bool:
    """Tell whether SQLite can read all of a file."""
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_S)) as database:
            return bool(database.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += "" if re.match(r"\s*--", line) else line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _salvage(damaged: Path, database: sqlite3.Connection) -> str:
    """Copy what can be read of a damaged file; return in words what that was."""
    kept: dict[str, int] = {}
    for table in SALVAGED:
        with suppress(sqlite3.Error), closing(sqlite3.connect(damaged)) as old:
            for row in old.execute(f"SELECT * FROM {table}"):  # noqa: S608 (a constant)
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
                kept[table] = kept.get(table, 0) + 1
    said = ", ".join(f"{number} of {table}" for table, number in kept.items())
    return f"lines that could still be read: {said}" if said else "nothing of it could be read"


def _is_damage(error: BaseException) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and any(
        words in str(error) for words in ("malformed", "not a database", "disk image")
    )


def _close_before_fork() -> None:
    for store in list(_stores):
        store.close()


os.register_at_fork(before=_close_before_fork)
