"""Whether a process that holds a lease still lives, from ``/proc``."""

import os
from pathlib import Path
from typing import Final

from tidelab.leases.clock import boot_id

PREFIX: Final = "pid:"


def place_of(pid: int | None = None) -> str:
    """Return the place of a running process (default: this one), ``pid:<pid>:<creation time>``; empty if there is none.

    The creation time is the kernel's (clock ticks since boot) with the boot it belongs to, so that neither a later process with
    the same number nor a clock that was set is taken for it.
    """
    number = os.getpid() if pid is None else pid
    created = _created(number)
    return f"{PREFIX}{number}:{created}" if created else ""


def is_alive(place: str) -> bool:
    """Tell whether the process of a place still runs; one whose creation time cannot be seen counts as alive if its number does."""
    _, _, rest = place.partition(PREFIX)
    number, _, created = rest.partition(":")
    if not number.isdecimal() or not 0 < int(number) < 2**31:
        return False
    now = _created(int(number))
    if now:
        return now == created
    if now == "":
        return False
    try:
        os.kill(int(number), 0)  # with hidepid the processes of others are not shown, and still there
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _created(pid: int) -> str | None:
    """Return when a process was created; empty: it is a zombie; None: it cannot be seen."""
    try:
        # The name may hold spaces and brackets, so the fields are counted from its end (proc(5)).
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in "ZX":
        return ""
    return f"{fields[19]}.{boot_id()}"
