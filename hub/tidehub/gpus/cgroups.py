"""Which container a process runs in, from ``/proc/<pid>/cgroup``.

Formats: cgroups(7). Version 1 has a line a controller (``4:devices:/docker/<id>``), version 2 one line (``0::/...``); the id of
a container stands alone as a component, or between a runtime's prefix and ``.scope`` (``docker-<id>.scope``).
"""

import re
from pathlib import Path

_ID = re.compile(r"^(?:[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*-)?([0-9a-f]{64})(?:\.scope)?$")
_MAX_BYTES = 64 * 1024


def container_ids(text: str) -> tuple[str, ...]:
    """Return the ids of the containers that a process is in, the outermost first; empty outside of any.

    Examples
    --------
    >>> one = "ab" * 32
    >>> container_ids(f"0::/system.slice/docker-{one}.scope") == (one,)
    True
    >>> container_ids("0::/user.slice/user-1000.slice/session-3.scope")
    ()
    """
    found: dict[str, None] = {}
    for line in text.splitlines():
        # hierarchy : controllers : path; a path may hold colons
        fields = line.split(":", 2)
        if len(fields) != 3:
            continue
        for part in fields[2].split("/"):
            if matched := _ID.match(part):
                found[matched[1]] = None
    return tuple(found)


def containers_of(pid: int, proc: Path = Path("/proc")) -> tuple[str, ...]:
    """Return the ids of the containers a process of this machine is in; empty where it is in none or is gone."""
    try:
        with (proc / str(pid) / "cgroup").open("rb") as stream:
            return container_ids(stream.read(_MAX_BYTES).decode(errors="replace"))
    except OSError:
        return ()
