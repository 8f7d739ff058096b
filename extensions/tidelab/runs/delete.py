"""Delete a run: its folder, what the cache holds for it alone, its upload and its line in the timeline. Its usage event stays.

The folder is renamed first: from then on no reader finds it, and whatever interrupts the rest, the next deletion or sweep goes on
with it. Nothing outside the person's folder of runs and the caches is ever touched, and no link is followed: every folder is held open
while something in it is removed (`beneath.opened`), for the hub's sweep deletes with more rights than those who can put links there.
"""

import errno
import os
import re
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidelab.runs.beneath import MOST_REQUEST_BYTES, folders_in, is_file, opened, read
from tidelab.runs.cache_references import release, runs_of
from tidelab.runs.errors import RunError
from tidelab.runs.folder import LOCK_FILE, RunFolder
from tidelab.runs.forgetting import forget_lines
from tidelab.runs.owner import acts_for_others
from tidelab.runs.policy import TRASH, UPLOADS, own_cache, reader_cache, shared_cache
from tidelab.runs.processes import FileLock

_UPLOAD = re.compile(rb'/\.uploads/([0-9a-zA-Z._-]{1,100})[/"]')
_RUN_ID = re.compile(r"^[0-9]{8}T[0-9]{9}Z-[0-9a-f]{6}$")
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class Freed:
    """What a deletion gave back to the disk.

    Parameters
    ----------
    bytes
        Of the files that are gone, and by which the caches are smaller.
    files
        Files that are gone.
    """

    bytes: int = 0
    files: int = 0

    def __add__(self, other: "Freed") -> "Freed":
        return Freed(self.bytes + other.bytes, self.files + other.files)


def delete_run(folder: RunFolder, *, cancel: bool = False, wait_s: float = 30.0) -> Freed:
    """Delete a run and free what only it used.

    Parameters
    ----------
    folder
        The run; a damaged one can be deleted too.
    cancel
        Stop it first if it is being executed.
    wait_s
        Longest time to wait for that, seconds.

    Raises
    ------
    RunError
        When it is no run, is being executed, or its folder cannot be moved or removed.
    """
    _check_is_run(folder)
    _stop(folder, cancel=cancel, wait_s=wait_s)
    lock = FileLock(folder.path / LOCK_FILE)
    try:
        if not lock.acquire():
            raise RunError(f"Run {folder.run_id} is being executed. Cancel it, or wait for its end.")
        moved = _move_away(folder)
    except OSError as error:
        raise RunError(
            f"Run {folder.run_id} cannot be deleted: {error.strerror}. Check who owns {folder.path.parent}."
        ) from None
    finally:
        lock.release()
    freed = _finish(moved, folder.runs_root)
    if moved.exists():
        raise RunError(
            f"Run {folder.run_id} is no longer listed, but some of its files could not be removed from {moved}. "
            "`tidelab runs sweep` tries again."
        )
    return freed


def finish_deletions(runs_root: Path) -> Freed:
    """Go on with deletions that were interrupted; what cannot be removed now stays for the next time."""
    freed = Freed()
    for name in folders_in(runs_root, TRASH):
        freed += _finish(runs_root / TRASH / name, runs_root)
    return freed


def release_cache(folder: RunFolder) -> Freed:
    """Forget what the caches hold for a run alone; the run stays, and another run of its images computes anew."""
    return _release(folder.runs_root, folder.path.parent.name, folder.run_id)


def remove_tree(path: Path, root: Path) -> Freed:
    """Remove a folder below `root` without following links, and return what that freed; a folder that resists stays.

    Where a folder between the two is a link, nothing is removed.
    """
    with suppress(OSError, ValueError), opened(root, *path.parent.relative_to(root).parts) as parent:
        if not stat.S_ISDIR(os.lstat(path.name, dir_fd=parent).st_mode):
            return Freed()
        freed = _measure(path.name, parent)
        shutil.rmtree(path.name, ignore_errors=True, dir_fd=parent)
        left = _measure(path.name, parent)
        return Freed(freed.bytes - left.bytes, freed.files - left.files)
    return Freed()


def _measure(name: str, parent: int) -> Freed:
    """Return bytes and number of the files below a folder; links count nothing."""
    total, files = 0, 0
    with suppress(FileNotFoundError):
        for _, _, names, folder in os.fwalk(name, dir_fd=parent):
            for one in names:
                with suppress(OSError):
                    found = os.lstat(one, dir_fd=folder)
                    if stat.S_ISREG(found.st_mode):
                        total, files = total + found.st_size, files + 1
    return Freed(total, files)


def upload_of(folder: Path) -> str | None:
    """Return the name of the upload a run analysed; None when its images lie elsewhere."""
    # As bytes: a request that is damaged still says where its upload lies.
    with suppress(OSError):
        found = _UPLOAD.search(read(folder / "request.json", MOST_REQUEST_BYTES))
        if found:
            return found[1].decode("ascii")
    return None


def remove_upload(runs_root: Path, name: str) -> Freed:
    """Remove an upload unless the request of another run names it."""
    if Path(name).name != name or name in (".", ".."):
        return Freed()
    if any(upload_of(run) == name for run in run_folders(runs_root, linked=True)):
        return Freed()
    return remove_tree(runs_root / UPLOADS / name, runs_root)


def run_folders(runs_root: Path, *, linked: bool = False) -> Iterator[Path]:
    """Yield the folders of all runs of a person; a link is none.

    Parameters
    ----------
    runs_root
        Folder of the person's runs.
    linked
        Also those behind a person's own link ``<runs>/<slug>``, as `list_runs`: to know what is still used, never to remove it.
    """
    linked = linked and not acts_for_others()
    for slug in _entries(runs_root) if linked else folders_in(runs_root):
        if slug.startswith("."):
            continue
        for name in folders_in(runs_root / slug) if linked else folders_in(runs_root, slug):
            if is_file((run := runs_root / slug / name) / "request.json"):
                yield run


def _entries(runs_root: Path) -> list[str]:
    try:
        with opened(runs_root) as handle:
            return sorted(os.listdir(handle))  # noqa: PTH208  of a descriptor
    except OSError:
        return []


def _check_is_run(folder: RunFolder) -> None:
    path = folder.path
    if path.parent.is_symlink():
        raise RunError(
            f"{path.parent} is a link, and nothing is deleted through one. Remove the folder {path.name} where the link leads yourself."
        )
    is_run = is_file(path / "request.json") or is_file(path / "state.json")
    if path.is_symlink() or not path.is_dir() or not is_run:
        raise RunError(f"{path} is not the folder of a run. `tidelab runs list` shows your runs.")
    try:
        slug = folder.request.use_case
    except RunError:
        # A damaged request: its place and name have to speak for it.
        slug = path.parent.name
    if slug != path.parent.name or not _RUN_ID.match(path.name):
        raise RunError(
            f"{path} does not lie where runs lie (<runs>/{slug}/<run>): it is a copy. Remove the folder yourself."
        )


def _stop(folder: RunFolder, *, cancel: bool, wait_s: float) -> None:
    until = time.monotonic() + wait_s
    asked = False
    while _is_going(folder):
        if not cancel:
            raise RunError(f"Run {folder.run_id} is being executed. Cancel it first, or wait for its end.")
        if not asked:
            folder.cancel()
            asked = True
        if time.monotonic() > until:
            raise RunError(
                f"Run {folder.run_id} was asked to stop and has not ended after {wait_s:.0f} seconds. Try again later."
            )
        time.sleep(_POLL_S)


def _is_going(folder: RunFolder) -> bool:
    state = folder.state()
    # A run that was prepared and never started is not going, though it is not over either.
    started = state.pid is not None or (folder.path / "launch.json").exists()
    return not state.is_over and started


def _move_away(folder: RunFolder) -> Path:
    root = folder.runs_root
    # The name says what is left to do, should it be interrupted.
    name = f"{folder.path.parent.name}~{folder.run_id}~{secrets.token_hex(4)}"
    with opened(root) as runs, suppress(FileExistsError):
        os.mkdir(TRASH, 0o700, dir_fd=runs)
    with opened(root, folder.path.parent.name) as slug, opened(root, TRASH) as trash:
        os.rename(folder.run_id, name, src_dir_fd=slug, dst_dir_fd=trash)
    return root / TRASH / name


def _finish(moved: Path, runs_root: Path) -> Freed:
    """Free what a moved run used, then remove it; every step may be repeated."""
    from tidelab.drift.timeline import (
        FILE_NAME as TIMELINE_FILE,
    )  # brings pandas, which a page that only tidies does not need

    parts = moved.name.split("~")
    freed = Freed()
    if len(parts) == 3:
        slug, run_id, _ = parts
        freed += _release(runs_root, slug, run_id)
        forget_lines(runs_root / TIMELINE_FILE, {"use_case": slug, "run": run_id})
    name = upload_of(moved)
    if name:
        freed += remove_upload(runs_root, name)
    freed += remove_tree(moved, runs_root)
    for empty in (TRASH, parts[0]):
        with suppress(OSError), opened(runs_root) as runs:
            os.rmdir(empty, dir_fd=runs)
    return freed


@contextmanager
def _without_links(cache: Path, runs_root: Path) -> Iterator[None]:
    """Raise `OSError` where a cache beside the runs, or its folder, is a link."""
    if cache.is_relative_to(runs_root):
        with opened(runs_root, *cache.parent.relative_to(runs_root).parts) as folder:
            found = os.lstat(cache.name, dir_fd=folder)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.ELOOP, "it is a link", str(cache))
    yield


def _release(runs_root: Path, slug: str, run_id: str) -> Freed:
    """Free what the caches hold for a run alone: its own and the shared one, for the policy may have changed meanwhile."""
    freed = 0
    own = own_cache(runs_root)
    for path in (own, shared_cache(slug)):
        left = {f"{run.parent.name}/{run.name}" for run in run_folders(runs_root, linked=True)}
        # A cache that is locked or damaged costs nothing but its bytes: the rest of the run goes all the same.
        with suppress(sqlite3.Error, OSError), _without_links(path, runs_root):
            freed += release(path, f"{slug}/{run_id}", nobody_else=path == own and left <= runs_of(path))
    gone = Freed()
    if not any(run.parent.name == slug for run in run_folders(runs_root, linked=True)):
        # What a reader computed of inputs names no run, so it stays until the last of its runs goes. What people share stays.
        inside = own.is_relative_to(runs_root)
        gone = remove_tree(reader_cache(own, slug), runs_root if inside else own.parent)
    return Freed(freed, 0) + gone
