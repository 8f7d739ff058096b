"""How far a report is, on a terminal: a bar where someone watches, a line now and then where nobody does."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from tidelab.domain.state import RunState
from tidelab.runs import RunFolder

_POLL_S: Final = 0.2
_QUIET_PERCENT: Final = 10


class _Lines:
    """One line a step, and one every ten per cent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._said = stream, ""

    def show(self, state: RunState) -> None:
        done = 100 * (state.done + state.failed) // state.total if state.total else 0
        line = f"{state.step or state.status}: {done // _QUIET_PERCENT * _QUIET_PERCENT} % of {state.total} images"
        if line != self._said and not state.is_over:
            self._said = line
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        pass


class _Bar:
    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm

        self._bar: Any = tqdm(total=None, unit=" images", file=stream, leave=False, desc="Starting")

    def show(self, state: RunState) -> None:
        self._bar.total = state.total or None
        self._bar.set_description(state.step or state.status, refresh=False)
        self._bar.n = state.done + state.failed
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


@contextmanager
def following(run_file: Path, stream: TextIO | None = None) -> Iterator[None]:
    """Show the progress of the run that `run_file` will name, while the block executes."""
    to = stream or sys.stderr
    view = _Bar(to) if to.isatty() else _Lines(to)
    over = threading.Event()
    thread = threading.Thread(target=_follow, args=(run_file, view, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        view.close()


def _follow(run_file: Path, view: _Lines | _Bar, over: threading.Event) -> None:
    run: RunFolder | None = None
    while not over.wait(_POLL_S):
        run = run or run_of(run_file)
        if run is not None:
            view.show(run.state())


def run_of(run_file: Path) -> RunFolder | None:
    """Return the run that a notebook named, None while it has not."""
    try:
        text = run_file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return RunFolder(text) if text else None
