"""How many runs execute at once in one data folder, and who is next.

Everything is a lock on a file, so a run that dies gives its place back by dying. Tickets are numbered, so that the order of
arrival is the order of service.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidelab.runs.processes import FileLock, is_locked

_POLL_SECONDS: Final = 0.2


def max_runs() -> int:
    """Return how many runs may execute at once: ``TIDELAB_MAX_RUNS``, else the number of cores."""
    text = os.environ.get("TIDELAB_MAX_RUNS", "")
    return max(1, int(text)) if text.isdecimal() else os.cpu_count() or 1


@contextmanager
def slot(folder: Path, waiting: Callable[[int], None]) -> Iterator[None]:
    """Hold one of the places while the block runs.

    Parameters
    ----------
    folder
        Where the locks lie.
    waiting
        Called with the number of runs ahead while this one waits; may raise to give up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ticket = _take_ticket(folder)
    place: FileLock | None = None
    try:
        while (ahead := _ahead(folder, ticket.path.name)) or (place := _free_place(folder)) is None:
            waiting(ahead)
            time.sleep(_POLL_SECONDS)
        _drop(ticket)
        yield
    finally:
        _drop(ticket)
        if place:
            place.release()


def _take_ticket(folder: Path) -> FileLock:
    # The counter is read and raised under a lock; the ticket is locked before anyone can see it.
    counter = FileLock(folder / "counter.lock")
    while not counter.acquire():
        time.sleep(0.01)
    try:
        numbers = [int(path.stem) for path in folder.glob("*.ticket") if path.stem.isdecimal()]
        ticket = FileLock(folder / f"{max([*numbers, _last(folder)]) + 1:012d}.ticket")
        if not ticket.acquire():
            raise OSError(f"{ticket.path} is locked by another program")
        (folder / "last").write_text(ticket.path.stem, encoding="ascii")
        return ticket
    finally:
        counter.release()


def _last(folder: Path) -> int:
    try:
        return int((folder / "last").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _ahead(folder: Path, mine: str) -> int:
    count = 0
    for path in folder.glob("*.ticket"):
        if path.name < mine:
            if is_locked(path):
                count += 1
            else:
                path.unlink(missing_ok=True)
    return count


def _free_place(folder: Path) -> FileLock | None:
    for number in range(max_runs()):
        place = FileLock(folder / f"place-{number}.lock")
        if place.acquire():
            return place
    return None


def _drop(ticket: FileLock) -> None:
    ticket.path.unlink(missing_ok=True)
    ticket.release()
