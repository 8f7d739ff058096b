"""Put a backup back: fetched and checked beside the data first, then databases, then the folder in one step."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tidehub.backup import databases, staged
from tidehub.backup.errors import BackupError
from tidehub.backup.repository import Repository, Snapshot
from tidehub.embedded.instance import AlreadyRunningError, Instance

Report = Callable[[str], None]


def restore(
    repository: Repository,
    snapshot: Snapshot,
    data: Path,
    urls: Mapping[str, str],
    *,
    replace: bool,
    owner: tuple[int, int] | None,
    report: Report,
) -> Path | None:
    """Replace the data folder and the databases by a backup.

    Parameters
    ----------
    repository, snapshot
        What to restore.
    data
        The data folder as it is called now; it may be another one than the backup was made of.
    urls
        Addresses of the PostgreSQL databases as they are now, by name.
    replace
        Whether a data folder that is not empty may be put aside.
    owner
        uid and gid that all files get, and that PostgreSQL knows; None: left as they are stored.
    report
        Called with sentences.

    Returns
    -------
    Path or None
        Where the previous data folder is now.

    Raises
    ------
    BackupError
        What failed, and in what state everything is.
    """
    _refuse_what_would_harm(data, replace)
    held = _hold(data)
    work = data.with_name(f".{data.name}.restore")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        report(f"Fetching the backup of {snapshot.time} UTC ...")
        fetched = repository.fetch(snapshot, work)
        here = staged.read(fetched)
        dumps = _dumps(here, fetched, urls)
        for copy in here.copies:
            if copy.kind == "sqlite":
                _place_sqlite(fetched, copy)
        if owner:
            _give(fetched, owner)
            # PostgreSQL's programs run as the owner, who has to reach the dumps below folders of root.
            for folder in (work, *fetched.parents):
                if folder == work.parent:
                    break
                folder.chmod(0o711)
        for name, file in dumps.items():
            report(f"Restoring the database {databases.shown(urls[name])} ...")
            databases.restore_postgresql(urls[name], file, owner)
        aside = _exchange(data, fetched)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if held:
            held.release()
    report(f"Restored {data}: {len(here.copies)} databases, homes of {_homes(data)} people.")
    return aside


def _refuse_what_would_harm(data: Path, replace: bool) -> None:
    if data.is_mount():
        raise BackupError(
            f"{data} is a mount point and cannot be exchanged in one step. Mount the disk at {data.parent} instead."
        )
    if not replace and any(data.iterdir() if data.is_dir() else ()):
        raise BackupError(
            f"{data} is not empty. With --replace it is put aside (nothing is deleted) and the backup takes its place."
        )


def _hold(data: Path) -> Instance | None:
    """Keep every hub from starting on the folder meanwhile; None where there was none yet."""
    if not (data / "hub").is_dir():
        return None
    try:
        return Instance(data / "hub").claim()
    except AlreadyRunningError:
        raise BackupError("The hub is running. End it first: systemctl stop tidelab-hub") from None


def _dumps(here: staged.Staged, fetched: Path, urls: Mapping[str, str]) -> dict[str, Path]:
    dumps = {
        copy.name: fetched / staged.FOLDER / copy.file for copy in here.copies if copy.kind == "postgresql"
    }
    for name in sorted(dumps.keys() ^ urls.keys()):
        there, now = ("PostgreSQL", "an SQLite file") if name in dumps else ("an SQLite file", "PostgreSQL")
        variable = {"hub": "TIDEHUB_DB_URL", "mlflow": "TIDEHUB_MLFLOW_DB_URL"}.get(name, name)
        raise BackupError(
            f"The backup holds the database {name!r} as {there}, and this host keeps it in {now}. Make {variable} agree."
        )
    return dumps


def _place_sqlite(fetched: Path, copy: staged.Copy) -> None:
    target = fetched / copy.name
    parent = target.parent.resolve()
    if fetched.resolve() not in (parent, *parent.parents):
        raise BackupError(
            f"The backup's {copy.name} leads out of the data folder through a link; nothing was restored."
        )
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    shutil.copyfile(fetched / staged.FOLDER / copy.file, target)
    target.chmod(0o600)


def _give(folder: Path, owner: tuple[int, int]) -> None:
    os.lchown(folder, *owner)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(Path(place, name), *owner)


def _exchange(data: Path, fetched: Path) -> Path | None:
    aside = None
    if data.exists():
        if any(data.iterdir()):
            aside = data.with_name(f"{data.name}.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
            data.rename(aside)
        else:
            data.rmdir()
    try:
        fetched.rename(data)
    except OSError as error:
        if aside is not None:
            aside.rename(data)
        raise BackupError(
            f"{data} could not be put in place ({error.strerror}). The files are as before; the databases are those of the backup."
        ) from None
    return aside


def _homes(data: Path) -> int:
    homes = data / "homes"
    return sum(1 for home in homes.iterdir() if home.is_dir()) if homes.is_dir() else 0
