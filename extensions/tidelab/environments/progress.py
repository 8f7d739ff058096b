"""Progress of an installation, and three ways to show it: a line on a terminal, lines in a log, JSON for programs."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TextIO

# Share of the whole at which each step begins; downloading takes longer than unpacking on most machines.
STEPS = {"wait": 0.0, "prepare": 0.0, "fetch": 0.02, "install": 0.60, "project": 0.95, "done": 1.0}


@dataclass(frozen=True)
class Progress:
    """One moment of an installation.

    ``done`` of ``total`` counts packages within ``step`` (a key of `STEPS`); ``message`` is a sentence for people.
    """

    environment: str
    step: str
    message: str
    done: int = 0
    total: int = 0

    @property
    def fraction(self) -> float:
        """Share of the whole installation that is behind us, 0 to 1."""
        start = STEPS[self.step]
        end = min((value for value in STEPS.values() if value > start), default=1.0)
        return start + (end - start) * (self.done / self.total if self.total else 0.0)


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Show nothing."""


def reporter(kind: str, stream: TextIO | None = None) -> Report:
    """Return the reporter named ``auto``, ``terminal``, ``lines``, ``json`` or ``none``."""
    out = stream or sys.stderr
    if kind == "none":
        return silent
    if kind == "json":
        return _json_reporter(stream or sys.stdout)
    if kind == "terminal" or (kind == "auto" and out.isatty()):
        return _TerminalReporter(out)
    return _LineReporter(out)


def _json_reporter(out: TextIO) -> Report:
    def report(progress: Progress) -> None:
        record = {**asdict(progress), "fraction": round(progress.fraction, 4)}
        print(json.dumps(record), file=out, flush=True)

    return report


class _TerminalReporter:
    """Redraw one line; leave it behind when a step ends."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.step == "prepare" and not progress.done:
            self._started = time.monotonic()
        filled = round(progress.fraction * 24)
        seconds = time.monotonic() - self._started
        line = f"{progress.environment:<16} [{'#' * filled}{'.' * (24 - filled)}] {progress.fraction:4.0%} {seconds:4.0f} s  {progress.message}"
        self._out.write(f"\r\x1b[2K{line[:118]}")
        if progress.step == "done":
            self._out.write("\n")
        self._out.flush()


class _LineReporter:
    """Print a line when a step begins and then at most every ten seconds, so that a log stays readable."""

    def __init__(self, out: TextIO, every_s: float = 10.0) -> None:
        self._out = out
        self._every_s = every_s
        self._step: tuple[str, str] | None = None
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        step = (progress.environment, progress.step)
        if step == self._step and now - self._last < self._every_s:
            return
        self._step, self._last = step, now
        print(
            f"{progress.environment}: {progress.fraction:4.0%} {progress.message}", file=self._out, flush=True
        )
