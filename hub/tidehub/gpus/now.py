"""What the service knows at this moment, as a small file that pages of other processes read.

``<data>/gpus/now.json``, replaced at every look; a file that was not written for a while says nothing about now.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tidehub.gpus.notices import write_json
from tidelab import paths

OLD_S = 60.0
"""A state older than this is not shown as the present one (or than three looks, where those are rarer)."""
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Warned:
    """A warning that stands: its sentences, when the GPU is given back (seconds since 1970), and whether Keep would help."""

    text: str
    release_at: float
    can_keep: bool = False


@dataclass(frozen=True)
class LeaseNow:
    """One live lease as it was seen last.

    Parameters
    ----------
    busy_share
        Mean share of the last minutes in which its devices computed for it, 0 to 1; None where not known.
    busy_now
        The same at the last look alone.
    idle_s
        Seconds since something used it; None before the first look.
    memory_mb
        Device memory of its processes, MiB.
    use
        What uses it, or why that is not known, in words; empty while nothing does.
    lost
        Why its device cannot be used any more; empty while it answers.
    """

    busy_share: float | None = None
    busy_now: float | None = None
    idle_s: float | None = None
    memory_mb: int = 0
    use: str = ""
    lost: str = ""
    warning: Warned | None = None


@dataclass(frozen=True)
class Stranger:
    """A process on a device that it has no lease of, for admins: no command line, which may hold secrets."""

    device: str
    pid: int
    user: str
    command: str
    memory_mb: int | None


@dataclass(frozen=True)
class Now:
    """Everything seen last.

    Parameters
    ----------
    written
        When, seconds since 1970.
    every_s
        Time between looks.
    keep_minutes, keep_times
        What Keep adds, and how often it may be pressed in one lease.
    problem
        What is wrong with the driver, in words.
    lost
        Device -> why it cannot be used any more.
    """

    written: float = 0.0
    every_s: float = 5.0
    keep_minutes: float = 0.0
    keep_times: int = 0
    problem: str = ""
    leases: dict[str, LeaseNow] = field(default_factory=dict)
    strangers: tuple[Stranger, ...] = ()
    lost: dict[str, str] = field(default_factory=dict)

    def is_fresh(self, moment: float) -> bool:
        """Tell whether it still says what is."""
        return moment - self.written < max(OLD_S, 3 * self.every_s)


def file() -> Path:
    """Return where it is."""
    return paths.data() / "gpus" / "now.json"


def save(now: Now) -> None:
    """Replace the file."""
    write_json(file(), asdict(now))


def load(moment: float | None = None) -> Now:
    """Return what was seen last; without its leases where it is too old, cannot be read or is no such file."""
    try:
        with file().open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        found = _read(json.loads(raw)) if len(raw) <= _MAX_BYTES else Now()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Now()
    if found.is_fresh(time.time() if moment is None else moment):
        return found
    return Now(keep_minutes=found.keep_minutes, keep_times=found.keep_times)


def _read(said: dict[str, Any]) -> Now:
    leases = {}
    for identifier, entry in said.pop("leases").items():
        warning = entry.pop("warning")
        leases[str(identifier)] = LeaseNow(**entry, warning=Warned(**warning) if warning else None)
    strangers = tuple(Stranger(**entry) for entry in said.pop("strangers"))
    return Now(**said, leases=leases, strangers=strangers)
