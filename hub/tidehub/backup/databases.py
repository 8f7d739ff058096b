"""Copies of databases that are in use, each complete in itself: SQLite's own online copy, PostgreSQL's own dump."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from tidehub.backup.errors import BackupError
from tidehub.backup.programs import run

_HEADER = b"SQLite format 3\x00"
# People's homes hold what runs write, each file replaced in one step; only the hub's own databases change in place.
_WITHOUT = frozenset({"homes", "champions", "shared", "logs", "status", "backup", "cache", "profiles"})
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; part of it while it is open, meaningless beside a copy."""


def sqlite_files(data: Path) -> Iterator[Path]:
    """Yield the SQLite databases of hub, MLflow, lease book and usage, sorted; links are not followed."""
    for folder in sorted(data.iterdir()):
        if folder.name in _WITHOUT or folder.is_symlink() or not folder.is_dir():
            continue
        for place, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if name != "artifacts")
            for name in sorted(files):
                file = Path(place, name)
                if not file.is_symlink() and file.is_file() and _is_sqlite(file):
                    yield file


def _is_sqlite(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(_HEADER)) == _HEADER
    except OSError as error:
        raise BackupError(
            f"{file} cannot be read ({error.strerror}). Run this as root or as the hub's user."
        ) from None


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database while others write to it; the copy is one moment's state and is checked.

    Raises
    ------
    BackupError
        It cannot be read, or it is damaged; the text names the file.
    """
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=60)
            ) as here,
            contextlib.closing(sqlite3.connect(target)) as there,
        ):
            here.backup(there, pages=2000, sleep=0.01)
            there.execute("PRAGMA journal_mode=DELETE")
            verdict = str(there.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise BackupError(
            f"The database {source} could not be copied: {error}. Earlier backups are unharmed; look at the file with "
            f"`sqlite3 {source} 'PRAGMA integrity_check'`."
        ) from None
    if verdict != "ok":
        raise BackupError(
            f"The database {source} is damaged ({verdict[:200]}). No backup was made, so that none replaces a good one."
        )


def dump_postgresql(url: str, target: Path, owner: tuple[int, int] | None) -> None:
    """Dump a PostgreSQL database in its custom format."""
    place, environment = libpq(url)
    # Through standard output would hold all of it in memory; the file belongs to who runs the program.
    target.touch(mode=0o600)
    if owner:
        os.chown(target, *owner)
    command = [
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--file={target}",
        f"--dbname={place}",
    ]
    run(command, environment=environment, as_user=owner, doing=f"copy the database {shown(url)}")


def restore_postgresql(url: str, file: Path, owner: tuple[int, int] | None) -> None:
    """Replace a PostgreSQL database by a dump, all of it or nothing."""
    place, environment = libpq(url)
    command = [
        *(
            "pg_restore",
            "--clean",
            "--if-exists",
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
        ),
        *(f"--dbname={place}", str(file)),
    ]
    run(command, environment=environment, as_user=owner, doing=f"restore the database {shown(url)}")


def libpq(url: str) -> tuple[str, dict[str, str]]:
    """Return a database's address as PostgreSQL's programs take it, and its password as a variable instead of an argument.

    >>> libpq("postgresql+psycopg2://ada:s%40il@db.example:5433/hub")
    ('postgresql://ada@db.example:5433/hub', {'PGPASSWORD': 's@il'})
    """
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    netloc = f"{name}@{host}" if user else host
    place = urlunsplit(("postgresql", netloc, parts.path, parts.query, ""))
    if not netloc:  # urlunsplit drops the empty part between the slashes, which libpq wants
        place = f"postgresql://{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return place, {"PGPASSWORD": unquote(password)} if password else {}


def shown(url: str) -> str:
    """Return a database's name and server for messages, never its password.

    >>> shown("postgresql+psycopg2://ada:secret@db.example/hub"), shown("postgresql:///hub?host=/run/postgresql")
    ('hub on db.example', 'hub')
    """
    parts = urlsplit(url)
    name = parts.path.strip("/") or "?"
    return f"{name} on {parts.hostname}" if parts.hostname else name
