"""The one instance per data folder: who holds it, at which address, and which processes it has."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Self

import psutil

from tidehub.processes import is_same_process

_END_S = 10.0


class AlreadyRunningError(Exception):
    """Another supervisor holds this data folder; ``address`` is where it can be opened (empty while it starts)."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(address)


class Instance:
    """Our claim on a data folder's hub, kept as a lock that the kernel drops when we die, however we die."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "instance.json"
        self._lock_file = folder / "instance.lock"
        self._lock: IO[str] | None = None
        self._written: object = None

    def claim(self) -> Self:
        """Take the claim; raises `AlreadyRunningError` when another process has it."""
        lock = self._lock_file.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyRunningError(str(self._read().get("address", ""))) from None
        self._lock = lock
        return self

    def keep_through_exec(self) -> None:
        """Keep the claim when this process becomes another program: it is that program's then, until it ends."""
        if self._lock is not None:
            # A second handle on the same lock, which no object of ours closes when it is forgotten.
            os.set_inheritable(os.dup(self._lock.fileno()), True)

    def leftovers(self) -> list[psutil.Process]:
        """Return processes of an earlier instance that ended without ending them (power cut, kill -9)."""
        found = []
        for pid, created in self._read().get("processes", []):
            if is_same_process(int(pid), float(created)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(int(pid)))
        return found

    def record(self, address: str, processes: Iterable[psutil.Process]) -> None:
        """Write down the address (empty until it answers) and the processes that are ours."""
        ours = []
        for process in processes:
            with contextlib.suppress(psutil.Error):
                ours.append([process.pid, process.create_time()])
        content = {"supervisor": os.getpid(), "address": address, "processes": sorted(ours)}
        if content != self._written:
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self._file)
            self._written = content

    def release(self) -> None:
        """Give the claim back."""
        self._file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _read(self) -> dict[str, list[list[float]]]:
        try:
            raw = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return raw if isinstance(raw, dict) else {}


def end(processes: Iterable[psutil.Process], patience_s: float = _END_S) -> int:
    """Ask processes to end, insist after ``patience_s`` seconds; return how many there were."""
    asked = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            asked.append(process)
    alive = _wait(asked, patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(alive, 3.0)
    return len(asked)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process still works. One that ended and waits for its parent does not; some containers' init never collects it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive
