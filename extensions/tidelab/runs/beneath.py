"""Files and folders of a person, opened so that no link leads elsewhere.

Whoever owns a folder of runs can put links, pipes and other people's paths into it, at any moment. What acts with more rights than they have
(the apps, the hourly sweep) opens one folder after the other and holds each open: a link put in the way afterwards changes nothing.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tidelab import paths

MOST_REQUEST_BYTES: Final = 16 * 2**20
"""Of ``request.json``: twenty thousand long paths."""
MOST_TEXT_BYTES: Final = 256 * 2**20
"""Of any other text of a run that is read at once."""
MOST_STATE_BYTES: Final = 2**20
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STEP: Final = 2**20


@contextmanager
def opened(root: Path, *names: str, make: bool = False) -> Iterator[int]:
    """Hold a folder below `root` open and give its descriptor, for functions that take ``dir_fd``.

    Parameters
    ----------
    root
        Where to begin. It may be a link itself, except in a home of the hub: there everything below the folder of homes is its owner's.
    names
        Names of folders, each in the one before.
    make
        Make those that are missing, for their owner alone.

    Raises
    ------
    OSError
        When one is missing or cannot be made, is no folder, or a link (``ENOTDIR``, ``ELOOP``).
    """
    start, first = _trusted(root)
    if make:
        start.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(start, _FOLDER)
    try:
        for name in (*first, *names):
            if name in ("", ".", "..") or "/" in name:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), name)
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=handle)
            inner = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def writer(folder: int) -> Callable[[str, int], int]:
    """Return an opener (of `open`) for files in a folder that is held open: through no link, into no pipe."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644, dir_fd=folder)

    return opener


def held_path(folder: int) -> Path:
    """Return a path to a folder that is held open, for functions that take paths: it leads there whatever is moved or linked meanwhile."""
    return Path(f"/proc/self/fd/{folder}")


def folders_in(root: Path, *names: str) -> list[str]:
    """Return the names of the folders in a folder below `root`, links left out; none where it cannot be opened."""
    try:
        with opened(root, *names) as handle, os.scandir(handle) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def read(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """Return what a file of a run holds.

    Raises
    ------
    OSError
        When it is missing, a link (``ELOOP``), no regular file (``EINVAL``) or larger than `most_bytes` (``EFBIG``).
    """
    handle = open_file(path)
    try:
        if os.fstat(handle).st_size > most_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 2**20} MB", str(path))
        parts, size = [], 0
        # It may grow while it is read.
        while size <= most_bytes and (block := os.read(handle, min(_STEP, most_bytes + 1 - size))):
            parts.append(block)
            size += len(block)
    finally:
        os.close(handle)
    if size > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 2**20} MB", str(path))
    return b"".join(parts)


def open_file(path: Path) -> int:
    """Return a descriptor of a regular file, for reading; never waits for a pipe, follows no link in its last part.

    Raises
    ------
    OSError
        As `read`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, and files of a run are none", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no file but a folder, pipe or device", str(path))
    return handle


def is_file(path: Path) -> bool:
    """Return whether a regular file lies there that is no link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _trusted(root: Path) -> tuple[Path, tuple[str, ...]]:
    """Return where a path may be followed whatever it is, and the names below that are opened one by one."""
    homes = paths.data() / "homes"
    try:
        user, *inside = Path(root).relative_to(homes).parts
    except ValueError:
        return Path(root), ()
    # The home itself is the hub's: its owner cannot put anything in its place.
    return homes / user, tuple(inside)
