"""Runs as their ``state.json`` files say: standard library only, robust to anything in the files, bounded in what it reads.

For those who show or count runs without the libraries that runs need: the hub and the Lab's panel.
"""

import heapq
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tidelab import paths

MAX_STATE_BYTES = 256 * 1024
MAX_FOLDERS = 2000
HEARTBEAT_LIMIT = timedelta(minutes=2)
OVER = ("done", "failed", "cancelled")
_KNOWN = ("queued", "running", *OVER)


@dataclass(frozen=True)
class RecentRun:
    """One run, as far as the home page and the culler need it."""

    use_case: str
    run: str
    status: str
    step: str
    message: str
    done: int
    total: int
    failed: int
    updated: datetime | None

    def is_in_progress(self, now: datetime) -> bool:
        """Whether it is being worked on: not over, and seen alive within two minutes."""
        if self.status in OVER or self.status not in _KNOWN or self.updated is None:
            return False
        return now - self.updated < HEARTBEAT_LIMIT

    def words(self, now: datetime) -> str:
        """Return the state in words."""
        if self.status in ("queued", "running") and not self.is_in_progress(now):
            return "stopped before it was finished; start it again and it goes on where it was"
        progress = f" ({self.done} of {self.total} images)" if self.total else ""
        if self.status == "running":
            return f"{self.step or 'running'}{progress}"
        if self.status == "queued":
            return "waiting for its turn"
        if self.status == "done":
            unusable = f", {self.failed} files could not be used" if self.failed else ""
            return f"done: {self.done} of {self.total} images{unusable}"
        if self.status == "failed":
            return f"failed{': ' + self.message if self.message else ''}"
        return "cancelled" if self.status == "cancelled" else "its state cannot be read"


def newest_runs(folder: Path, limit: int = 8) -> list[RecentRun]:
    """Return the newest runs in a folder of runs (``<folder>/<use case>/<run>``), newest first."""
    newest = heapq.nlargest(limit, _state_files(folder), key=lambda found: found[0])
    return [read_run(file) for _, file in newest]


def runs_in_progress(folder: Path, now: datetime | None = None) -> list[RecentRun]:
    """Return the runs in a folder of runs that are being worked on, newest first.

    Only files touched since the heartbeat limit can belong to a living run, so old runs cost one stat each.
    """
    now = now or datetime.now(UTC)
    oldest = (now - HEARTBEAT_LIMIT).timestamp()
    fresh = sorted((found for found in _state_files(folder) if found[0] >= oldest), reverse=True)
    return [run for _, file in fresh if (run := read_run(file)).is_in_progress(now)]


def read_run(file: Path) -> RecentRun:
    """Return one run from its ``state.json``; what cannot be read stands as status ``unknown``."""
    state = _read(file)
    status = state.get("status")
    return RecentRun(
        use_case=file.parent.parent.name,
        run=file.parent.name,
        status=status if status in _KNOWN else "unknown",
        step=_text(state, "step"),
        message=_text(state, "message"),
        done=_count(state, "done"),
        total=_count(state, "total"),
        failed=_count(state, "failed"),
        updated=parse_time(state.get("updated"))
        or parse_time(state.get("finished"))
        or parse_time(state.get("started")),
    )


def _state_files(runs: Path) -> Iterator[tuple[float, Path]]:
    """Yield (time of change, state file) of ``<runs>/<use case>/<run>/state.json``, without following links."""
    seen = 0
    if runs.is_symlink() and _is_of_the_hub(runs):
        # Its owner put it there, and what it leads to may be another person's.
        return
    for use_case in _folders(runs):
        for run in _folders(Path(use_case.path)):
            seen += 1
            if seen > MAX_FOLDERS:
                return
            file = Path(run.path) / "state.json"
            try:
                found = file.lstat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode):
                yield found.st_mtime, file


def _folders(parent: Path) -> "list[os.DirEntry[str]]":
    """Return the folders in a folder, those with the largest names first: runs are named by their time."""
    try:
        with os.scandir(parent) as entries:
            found = [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name, reverse=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        handle = _opened(file)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return {}
            raw = stream.read(MAX_STATE_BYTES + 1)
        state = json.loads(raw) if len(raw) <= MAX_STATE_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _opened(file: Path) -> int:
    """Return a descriptor of ``<runs>/<use case>/<run>/state.json``, reached folder by folder: none of them a link, whenever it was put there."""
    runs, folder = file.parents[2], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    handle = os.open(runs, folder | (os.O_NOFOLLOW if _is_of_the_hub(runs) else 0))
    try:
        for name in (file.parts[-3], file.parts[-2]):
            inner = os.open(name, folder | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        # The file is a person's: a pipe in its place would hold the whole hub until somebody wrote into it.
        return os.open(file.name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    finally:
        os.close(handle)


def _is_of_the_hub(runs: Path) -> bool:
    """Return whether a folder of runs lies in a home of the hub, where everything is its owner's."""
    return runs.parent.parent == paths.data() / "homes"


def _text(state: dict[str, Any], key: str) -> str:
    value = state.get(key)
    return " ".join(value.split())[:300] if isinstance(value, str) else ""


def _count(state: dict[str, Any], key: str) -> int:
    value = state.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def parse_time(value: object) -> datetime | None:
    """Return a time as state files and the hub's API write it, UTC where it names no zone; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
