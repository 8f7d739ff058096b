"""What time it is, and whether somebody set the clock since the book was last open."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STEP_S: Final = 5.0
"""A difference between the wall clock and the machine's uptime below this is drift, above it somebody set the clock."""


@dataclass(frozen=True)
class Clock:
    """The wall clock, the time since boot (sleep included), and which boot it is."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()

    def since_boot(self) -> float:
        """Seconds since the machine started; nobody can set it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot(self) -> str:
        """Which start of the machine this is."""
        return boot_id()


def boot_id() -> str:
    """Return the kernel's identifier of this boot, 8 hexadecimal digits; empty where it cannot be read."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return ""


def step(before: tuple[str, float] | None, boot: str, offset: float) -> float:
    """Return by how much the wall clock was set since, in seconds: positive is forward, 0 when it was not.

    Parameters
    ----------
    before
        Boot and offset (wall clock minus time since boot) as they were noted; None: never.
    boot, offset
        As they are now.

    >>> step(("a", 100.0), "a", 3700.0), step(("a", 100.0), "a", 100.4), step(("a", 100.0), "b", 9.0)
    (3600.0, 0.0, 0.0)
    """
    if before is None or before[0] != boot:
        return 0.0
    moved = offset - before[1]
    return moved if abs(moved) > STEP_S else 0.0
