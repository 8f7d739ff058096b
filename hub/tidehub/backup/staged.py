"""The copies that a backup holds, in ``<data>/backup``: made anew each time, listed with their digests, checked before use."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tidehub.backup import databases
from tidehub.backup.errors import BackupError

FOLDER = "backup"
MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Copy:
    """One database.

    Parameters
    ----------
    name
        ``hub`` or ``mlflow`` for PostgreSQL; the path below the data folder for SQLite.
    kind
        ``sqlite`` or ``postgresql``.
    file
        Its copy in the folder.
    sha256, bytes
        Digest and size of the copy.
    """

    name: str
    kind: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Staged:
    """All copies of one moment; ``made_at`` is UTC, ISO 8601."""

    made_at: str
    copies: tuple[Copy, ...]


def make(data: Path, urls: Mapping[str, str], owner: tuple[int, int] | None = None) -> Staged:
    """Copy every database into ``<data>/backup`` and write the list.

    Parameters
    ----------
    data
        The data folder.
    urls
        Addresses of the PostgreSQL databases by name.
    owner
        uid and gid that PostgreSQL knows; None: those of this process.

    Raises
    ------
    BackupError
        A database could not be copied; then there is no list, and nothing may be stored.
    """
    folder = data / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    if owner:
        os.chown(folder, *owner)
    copies = []
    for name, url in sorted(urls.items()):
        target = folder / f"{name}.dump"
        databases.dump_postgresql(url, target, owner)
        copies.append(_copy(name, "postgresql", target))
    for number, source in enumerate(databases.sqlite_files(data)):
        target = folder / f"{number:03}-{source.name}"
        databases.copy_sqlite(source, target)
        target.chmod(0o600)
        copies.append(_copy(source.relative_to(data).as_posix(), "sqlite", target))
    staged = Staged(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), tuple(copies))
    temporary = folder / f".{MANIFEST}"
    temporary.write_text(json.dumps({"format": FORMAT, **asdict(staged)}, indent=1), encoding="utf-8")
    temporary.replace(folder / MANIFEST)
    return staged


def read(data: Path) -> Staged:
    """Return the list of the copies in a data folder, each checked against its digest.

    Raises
    ------
    BackupError
        There is no list, it is of another format, names a place outside the folder, or a copy is missing or changed.
    """
    folder = data / FOLDER
    file = folder / MANIFEST
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise BackupError(
                f"{file}: format is {raw['format']!r}, expected {FORMAT}. Restore it with the release that made it."
            )
        copies = tuple(
            Copy(**{field.name: entry[field.name] for field in fields(Copy)}) for entry in raw["copies"]
        )
        staged = Staged(str(raw["made_at"]), copies)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(
            f"{file} is not the list of a backup's databases ({type(error).__name__}: {error}). Take another snapshot: `tidelab-backup list`."
        ) from None
    for copy in staged.copies:
        _check(copy, folder, file)
    return staged


def live_files(data: Path) -> list[Path]:
    """Return the databases in use and what SQLite keeps beside them: copied here, so not to be stored a second time, torn."""
    found = list(databases.sqlite_files(data))
    return [*found, *(Path(f"{file}{end}") for file in found for end in databases.SIDE_FILES)]


def _copy(name: str, kind: str, file: Path) -> Copy:
    return Copy(name, kind, file.name, _digest(file), file.stat().st_size)


def _check(copy: Copy, folder: Path, manifest: Path) -> None:
    inside = (
        isinstance(copy.file, str) and Path(copy.file).name == copy.file and copy.file not in ("", ".", "..")
    )
    name = Path(copy.name) if isinstance(copy.name, str) else Path("/")
    if not inside or name.is_absolute() or ".." in name.parts or copy.kind not in ("sqlite", "postgresql"):
        raise BackupError(
            f"{manifest}: {copy.name!r} ({copy.kind!r}, {copy.file!r}) is no database of a backup."
        )
    file = folder / copy.file
    if not file.is_file() or file.is_symlink():
        raise BackupError(
            f"{file} is missing: the backup is not complete. Take another snapshot: `tidelab-backup list`."
        )
    if file.stat().st_size != copy.bytes or _digest(file) != copy.sha256:
        raise BackupError(
            f"{file} differs from what was stored (SHA-256). Take another snapshot: `tidelab-backup list`."
        )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
