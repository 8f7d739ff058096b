"""Which process is which: a number that the system reuses is not an identity."""

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(pid: int) -> str | None:
    """Return what names a living process once and for all, or None when there is none (or only its remains).

    Boot, number and start time together: neither a restart of the machine nor a reused number gives the same.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The command stands in brackets and may itself hold brackets and spaces.
    fields = text.rpartition(")")[2].split()
    state, start = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{pid}:{start}"


def is_alive(pid: int | None, known: str | None) -> bool:
    """Return whether the process that was recorded by number and identity still lives."""
    return pid is not None and known is not None and identity(pid) == known


def end(pid: int | None, known: str | None) -> bool:
    """Ask the recorded process to end, and only that one; return whether it was asked."""
    if pid is None or not is_alive(pid, known):
        return False
    try:
        handle = os.pidfd_open(pid)
    except (OSError, AttributeError):
        return False
    try:
        # Looked at again through a handle: between the first look and the signal the number may have been reused.
        if not is_alive(pid, known):
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def executes(pid: int | None, folder: Path) -> bool:
    """Return whether a process is one that executes the run of a folder, by its command line."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"execute" in words and os.fsencode(folder) in words
    return False


class FileLock:
    """Exclusive lock that the system releases when its process ends, however it ends.

    Parameters
    ----------
    path
        File to lock; made when missing, never removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; never waits."""
        # The folder is a person's: a link would make or lock a file elsewhere, a pipe would never open.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_locked(path: Path) -> bool:
    """Return whether some process holds the lock of a file."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False
