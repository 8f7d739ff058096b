"""A log of what people said of a run: lines of JSON that are only ever added, locked while one is written, on the disk before it counts.

A line that a power cut left unfinished is passed over and counted; the next writer ends it, so that it spoils no other.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from tidelab.runs.errors import RunError

_MOST_BYTES: Final = 2**30
_WAIT_S: Final = 10.0
_POLL_S: Final = 0.01


class Following(Protocol):
    """What follows from the acts of a log, taken in its order; an act that is already known changes nothing."""

    def add(self, event: Any, /) -> None:
        """Take the next act."""
        ...


Event = TypeVar("Event", bound=BaseModel)
State = TypeVar("State", bound=Following)


class AppendLog(Generic[Event, State]):
    """Reads and extends one log.

    Parameters
    ----------
    path
        The file, in a run's folder.
    event
        What a line holds.
    start
        Returns what follows from an empty log.
    """

    def __init__(self, path: Path, event: type[Event], start: Callable[[], State]) -> None:
        self.path = path
        self._event, self._new = event, start
        self._start()

    def read(self) -> State:
        """Return what the log says now; only what was added since the last look is read.

        Raises
        ------
        RunError
            When the file is there and cannot be read.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            self._start()
            return self._replay
        except OSError as error:
            raise RunError(f"{self.path} cannot be read: {error.strerror}.") from None
        try:
            self._catch_up(handle)
        finally:
            os.close(handle)
        return self._replay

    @property
    def skipped(self) -> int:
        """Lines that could not be read at the last look: unfinished or damaged."""
        return self._damaged + self._torn

    @property
    def position(self) -> int:
        """Bytes read so far: it grows when anybody adds something."""
        return self._offset

    @contextmanager
    def writing(self) -> Iterator["Writer[Event, State]"]:
        """Hold the log alone: what is decided inside rests on everything that was said before.

        Raises
        ------
        RunError
            When the run has gone, another person's act takes unusually long, or the file cannot be opened.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(self.path, flags, 0o666)
        except FileNotFoundError:
            raise _gone(self.path) from None
        except OSError as error:
            raise RunError(f"{words_of(error)} ({self.path})") from None
        try:
            # What was said before is read first: of a long log that takes seconds, in which others may go on.
            self._catch_up(handle)
            _lock(handle, self.path)
            self._catch_up(handle)
            yield Writer(handle, self, self._replay)
        finally:
            os.close(handle)

    def _start(self) -> None:
        self._replay: State = self._new()
        self._file = (0, 0)
        self._offset = self._damaged = self._torn = 0

    def _catch_up(self, handle: int) -> None:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise RunError(f"{self.path} is no file; it cannot be the log of what people said.")
        if (status.st_dev, status.st_ino) != self._file or status.st_size < self._offset:
            self._start()
            self._file = (status.st_dev, status.st_ino)
        if status.st_size > _MOST_BYTES:
            raise RunError(f"{self.path} is larger than 1 GB; it cannot be the log of what people said.")
        self._torn = 0
        *lines, tail = os.pread(handle, status.st_size - self._offset, self._offset).split(b"\n")
        for line in lines:
            self._offset += len(line) + 1
            if line.strip() and not self._take(line):
                self._damaged += 1
        if tail.strip():
            # Whole though its end is missing, or half written: then it is looked at again next time.
            if self._take(tail):
                self._offset += len(tail)
            else:
                self._torn = 1

    def _take(self, line: bytes) -> bool:
        try:
            self._replay.add(self._event.model_validate_json(line))
        except ValidationError:
            return False
        return True


class Writer(Generic[Event, State]):
    """The log, held alone by one writer.

    Parameters
    ----------
    handle
        The open, locked file.
    log
        What it belongs to.
    replay
        Everything that was said so far.
    """

    def __init__(self, handle: int, log: AppendLog[Event, State], replay: State) -> None:
        self._handle, self._log, self.replay = handle, log, replay

    def append(self, events: Sequence[Event]) -> None:
        """Add events; when this returns they are on the disk, and when it raises `RunError` none of them is in the log."""
        if not events:
            return
        size = os.fstat(self._handle).st_size
        unfinished = size > 0 and os.pread(self._handle, 1, size - 1) != b"\n"
        lines = "".join(f"{event.model_dump_json(exclude_defaults=True)}\n" for event in events)
        try:
            _write(self._handle, b"\n" * unfinished + lines.encode("utf-8"))
            os.fsync(self._handle)
            if size == 0:
                _sync_folder(self._log.path.parent)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, size)
            raise RunError(words_of(error)) from None
        self._log._catch_up(self._handle)


def words_of(error: OSError) -> str:
    """Return why nothing was saved, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full; this was not saved. Free some space and do it again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "The run's folder may not be written; this was not saved. Only its owner can do this."
    return f"This was not saved: {error.strerror}. Do it again; if it stays, tell the hub's administrator."


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _lock(handle: int, path: Path) -> None:
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise RunError(
                    "Somebody else's act on this run takes unusually long; this was not saved. Do it again."
                ) from None
            time.sleep(_POLL_S)
    try:
        same = os.stat(path).st_ino == os.fstat(handle).st_ino  # noqa: PTH116 (beside fstat)
    except FileNotFoundError:
        same = False
    if not same:
        raise _gone(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _gone(path: Path) -> RunError:
    return RunError(
        f"The run {path.parent.name} is no longer there: it was deleted, so nothing was saved. Analyse the images again."
    )
