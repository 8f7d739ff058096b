"""Remove what a data policy says is not kept, and finish what was interrupted.

Runs before every run, when an app or a Lab page opens, and as ``tidelab runs sweep``; the hub asks for it every hour. Where none of
these happens, nothing is removed: a machine that is switched off forgets nothing.
"""

import datetime
import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.runs.beneath import folders_in, opened
from tidelab.runs.delete import (
    Freed,
    delete_run,
    finish_deletions,
    remove_tree,
    remove_upload,
    run_folders,
    upload_of,
)
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.owner import hold_to
from tidelab.runs.policy import (
    EPHEMERAL_FILE,
    TEMPORARY,
    TRASH,
    UPLOADS,
    ephemeral_hours,
    is_expired,
    upload_hours,
)

_BROKEN_OFF_S: Final = 3600
_LONGEST_S: Final = 120
_LEFT_S: Final = 86_400


def sweep(runs_root: Path, now: datetime.datetime | None = None) -> Freed:
    """Remove runs and uploads of one person that are due, and finish interrupted deletions.

    Never raises for what lies there: what cannot be removed now is tried again the next time.

    Parameters
    ----------
    runs_root
        Folder of the person's runs.
    now
        With time zone; the clock when None.
    """
    moment = now or datetime.datetime.now(datetime.UTC)
    freed = finish_deletions(runs_root)
    for path in run_folders(runs_root):
        if (path / EPHEMERAL_FILE).exists():
            freed += _sweep_run(RunFolder(path), moment)
    _sweep_temporary(runs_root, moment)
    return freed + _sweep_uploads(runs_root, moment)


def forget_upload(folder: RunFolder) -> Freed:
    """Remove the upload of an ephemeral run that has ended, unless another run still needs it."""
    name = upload_of(folder.path)
    if name is None:
        return Freed()
    others = (RunFolder(path) for path in run_folders(folder.runs_root, linked=True) if path != folder.path)
    if any(upload_of(other.path) == name and not other.state().is_over for other in others):
        return Freed()
    return remove_tree(folder.runs_root / UPLOADS / name, folder.runs_root)


def _sweep_run(folder: RunFolder, now: datetime.datetime) -> Freed:
    hours = ephemeral_hours(folder.path)
    state = folder.state()
    if hours is None or (not state.is_over and state.pid is not None):
        return Freed()
    if not is_expired(state.finished or state.updated, hours, now):
        return Freed()
    with suppress(RunError):
        return delete_run(folder)
    return Freed()


def _sweep_uploads(runs_root: Path, now: datetime.datetime) -> Freed:
    """Remove uploads of ephemeral use cases that no run uses and that are due."""
    freed = Freed()
    for name in folders_in(runs_root, UPLOADS):
        hours = upload_hours(name)
        if hours is None:
            continue
        with suppress(OSError):
            age_s = max(0.0, now.timestamp() - _touched(runs_root, name))
            if age_s >= (_BROKEN_OFF_S if name.endswith(".part") else hours * 3600):
                freed += remove_upload(runs_root, name)
    return freed


def _sweep_temporary(runs_root: Path, now: datetime.datetime) -> None:
    """Remove what processes left that were killed a day ago or longer."""
    with suppress(OSError), opened(runs_root, TEMPORARY) as folder:
        for name in os.listdir(folder):  # noqa: PTH208  of a descriptor
            found = os.lstat(name, dir_fd=folder)
            if now.timestamp() - found.st_mtime < _LEFT_S:
                continue
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)


def _touched(runs_root: Path, name: str) -> float:
    """Return when something last came into an upload: its folder alone does not change while a file grows."""
    with opened(runs_root, UPLOADS, name) as folder:
        with os.scandir(folder) as entries:
            times = [entry.stat(follow_symlinks=False).st_mtime for entry in entries]
        return max([os.fstat(folder).st_mtime, *times])


def sweep_all(*, everyone: bool) -> Freed:
    """Sweep the current person's runs and, if asked, those of every home of the data folder; links are not followed.

    Each home is swept by a process of its own, which can open that home alone.
    """
    freed = sweep(paths.runs())
    homes = paths.data() / "homes"
    for name in folders_in(homes) if everyone else ():
        root = homes / name / "runs"
        if root != paths.runs() and _may_be_due(root):
            freed += _sweep_apart(root)
    return freed


def sweep_held(runs_root: Path) -> int:
    """Sweep one person's runs in a process that gives up everything else first; print bytes and files, return the exit status."""
    try:
        hold_to(runs_root)
    except RunError:
        return 1
    freed = sweep(runs_root)
    sys.stdout.write(f"{freed.bytes} {freed.files}\n")
    return 0


def _may_be_due(runs_root: Path) -> bool:
    """Return whether a process is worth its start: something is marked not to be kept, or a deletion was interrupted."""
    if folders_in(runs_root, TRASH) or any(
        upload_hours(name) is not None for name in folders_in(runs_root, UPLOADS)
    ):
        return True
    return any((run / EPHEMERAL_FILE).exists() for run in run_folders(runs_root))


def _sweep_apart(runs_root: Path) -> Freed:
    """Sweep one home; one in which that fails or takes too long must not keep the others from being swept."""
    command = [sys.executable, "-I", "-m", "tidelab.runs", "sweep", "--runs", str(runs_root)]
    with suppress(OSError, ValueError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False
        )
        freed, files = (int(number) for number in done.stdout.split())
        return Freed(freed, files)
    return Freed()


def sweep_quietly(runs_root: Path) -> None:
    """Sweep before something else that must not fail for it."""
    with suppress(Exception):
        sweep(runs_root)


def older_than(runs_root: Path, days: float, now: datetime.datetime | None = None) -> list[RunFolder]:
    """Return the runs of a person that ended more than so many days ago, oldest first; nothing is deleted."""
    limit = (now or datetime.datetime.now(datetime.UTC)) - datetime.timedelta(days=days)
    found = []
    for path in run_folders(runs_root):
        folder = RunFolder(path)
        state = folder.state()
        if state.is_over and is_expired(state.finished or state.updated or _asked(path.name), 0, limit):
            found.append(folder)
    return sorted(found, key=lambda folder: folder.run_id)


def _asked(run_id: str) -> str:
    """Return when a run was asked for, from its name: for one whose state cannot be read."""
    with suppress(ValueError):
        stamp = datetime.datetime.strptime(run_id[:18], "%Y%m%dT%H%M%S%f")
        return stamp.replace(tzinfo=datetime.UTC).isoformat()
    return datetime.datetime.now(datetime.UTC).isoformat()
