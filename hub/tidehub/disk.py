"""What fills the disk, as last measured, and what a full home means. Measuring is a process of its own (`tidehub.disk_scan`)."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tidehub.disk_scan import OLD_DAYS, PARTS
from tidelab import paths

FRESH_S: Final = 600.0
"""A measurement this young is not repeated by itself."""
_MOST_BYTES: Final = 64 * 1024 * 1024
_GB: Final = 1e9
PART_WORDS: Final = {
    "runs": "analyses",
    "cache": "results kept for repeats",
    "uploads": "uploads",
    "packages": "packages you installed",
    "trash": "trash",
    "other": "notebooks and other files",
}


@dataclass(frozen=True)
class HomeUse:
    """One home, bytes.

    Parameters
    ----------
    folder
        Its name: `tidelab.paths.safe_name` of the person's.
    total
        Everything in it.
    parts
        Bytes of each of `tidehub.disk_scan.PARTS`.
    old_runs
        Analyses older than 30 days, which ``tidelab runs prune`` would delete.
    """

    folder: str
    total: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    old_runs: int = 0

    @property
    def words(self) -> str:
        """Say it: ``3.2 GB: 2.1 GB analyses, 1.1 GB results kept for repeats``."""
        biggest = sorted(self.parts.items(), key=lambda part: -part[1])
        shown = [
            f"{in_gb(size)} {PART_WORDS[name]}"
            for name, size in biggest
            if size >= 0.01 * self.total and size > 0
        ]
        return f"{in_gb(self.total)}{': ' if shown else ''}{', '.join(shown)}"

    @property
    def advice(self) -> str:
        """Say what frees something, where anything would."""
        said = []
        if self.old_runs:
            said.append(
                f"In a terminal of the Lab, tidelab runs prune --older-than {OLD_DAYS} frees about {in_gb(self.old_runs)} (analyses older "
                f"than {OLD_DAYS} days)."
            )
        if trash := self.parts.get("trash", 0):
            said.append(f"Emptying the trash frees {in_gb(trash)}.")
        return " ".join(said)


@dataclass(frozen=True)
class DiskUse:
    """The last measurement; `measured` is 0 where there was none yet."""

    measured: float = 0.0
    seconds: float = 0.0
    complete: bool = True
    total: int = 0
    free: int = 0
    homes: Mapping[str, HomeUse] = field(default_factory=dict)
    use_cases: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    engine: Mapping[str, Any] | None = None

    def home(self, user: str) -> HomeUse:
        """Return one person's home; empty where it was not measured."""
        folder = paths.safe_name(user)
        return self.homes.get(folder, HomeUse(folder))

    def is_fresh(self, now: float | None = None) -> bool:
        """Tell whether it is young enough to be shown as it is."""
        return (time.time() if now is None else now) - self.measured < FRESH_S


def last_measured() -> DiskUse:
    """Return the last measurement; an empty one where there is none or it cannot be read."""
    try:
        with _file().open("rb") as stream:
            raw = json.loads(stream.read(_MOST_BYTES))
        return _disk_use(raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return DiskUse()


class Measuring:
    """Starts one measurement at a time; nobody waits for it."""

    def __deepcopy__(self, memo: object) -> "Measuring":
        """Return itself: traitlets copies configuration values."""
        return self

    def __init__(self, *, engine: bool = False, seconds: float = 300.0) -> None:
        self._engine = engine
        self._seconds = seconds
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether one is going on."""
        return self._running is not None and not self._running.done()

    def start(self, *, if_older_s: float = FRESH_S) -> bool:
        """Start one unless one is going on or the last is younger; return whether one is going on now."""
        if not self.is_running and time.time() - last_measured().measured >= if_older_s:
            self._running = asyncio.get_running_loop().create_task(self._measure())
        return self.is_running

    async def _measure(self) -> None:
        arguments = ["-m", "tidehub.disk_scan", str(_file()), "--seconds", str(self._seconds)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, *(["--engine"] if self._engine else []), stdin=asyncio.subprocess.DEVNULL
        )  # fmt: skip
        try:
            # Its own limit comes first; this one is for a file system that hangs.
            await asyncio.wait_for(process.wait(), self._seconds * 2 + 120)
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass(frozen=True)
class HomeLimit:
    """What one person's files may take; None: any amount.

    Parameters
    ----------
    soft_gb
        Above it every start of a server warns.
    hard_gb
        Above it only servers without a GPU start, so that something can be deleted.
    """

    soft_gb: float | None = None
    hard_gb: float | None = None

    @classmethod
    def of(cls, disk_gb: float | None, hard_factor: float) -> "HomeLimit":
        """Return the limits of a quota; zero or none is no limit."""
        return cls(disk_gb, disk_gb * hard_factor) if disk_gb else cls()

    def warning(self, home: HomeUse) -> str:
        """Return what a person over the soft limit reads; empty under it."""
        if self.soft_gb is None or home.total <= self.soft_gb * _GB:
            return ""
        return f"Your files take {in_gb(home.total)} of the {gb_words(self.soft_gb)} that are yours. {home.advice}".strip()

    def refusal(self, home: HomeUse, *, with_gpu: bool) -> str:
        """Return why a server with a GPU does not start for a person over the hard limit; empty otherwise."""
        if not with_gpu or self.hard_gb is None or home.total <= self.hard_gb * _GB:
            return ""
        biggest = max(home.parts, key=lambda part: home.parts[part], default="other")
        advice = home.advice or f"Most of it is {PART_WORDS[biggest]}."
        return (
            f"Your files take {in_gb(home.total)}, more than the {gb_words(self.hard_gb)} at which only servers without a GPU start. "
            f"Start one of those and delete what you do not need. {advice}"
        )


def in_gb(size: float) -> str:
    """Return a number of bytes as people read it (1 GB is 10^9 bytes).

    >>> in_gb(3_210_000_000), in_gb(45_000_000), in_gb(1_500), in_gb(0)
    ('3.2 GB', '45 MB', '2 kB', '0 kB')
    """
    if size >= 0.9995e12:
        return f"{size / 1e12:.2f} TB"
    if size >= 0.9995e9:
        return f"{size / _GB:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 0.9995e6 else f"{round(size / 1e3)} kB"


def gb_words(gigabytes: float) -> str:
    """Return a limit as people read it.

    >>> gb_words(10), gb_words(0.03)
    ('10 GB', '30 MB')
    """
    return f"{gigabytes:g} GB" if gigabytes >= 1 else in_gb(gigabytes * _GB)


def _file() -> Path:
    return paths.data() / "status" / "disk.json"


def _disk_use(raw: Mapping[str, Any]) -> DiskUse:
    homes = {
        str(name): HomeUse(
            str(name),
            int(home["bytes"]),
            {part: int(home["parts"].get(part, 0)) for part in PARTS},
            int(home["old_runs"]),
        )
        for name, home in raw["people"].items()
    }
    return DiskUse(
        measured=float(raw["measured"]),
        seconds=float(raw["seconds"]),
        complete=bool(raw["complete"]),
        total=int(raw["total"]),
        free=int(raw["free"]),
        homes=homes,
        use_cases={str(name): int(size) for name, size in raw["use_cases"].items()},
        places={str(name): int(size) for name, size in raw["places"].items()},
        engine=raw["engine"],
    )
