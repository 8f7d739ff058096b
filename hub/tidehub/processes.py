"""Questions about processes that a bare process id cannot answer, and must not after the hub was restarted."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


def started_at(pid: int) -> float | None:
    """Return when a process was created (seconds since 1970), None if it is gone or a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        return None


def is_same_process(pid: int, created: float | None) -> bool:
    """Tell whether a process still runs and is the one created at that time, not a later one with its number."""
    now = started_at(pid)
    return now is not None and (created is None or abs(now - created) < 1.0)


def variable_of(pid: object, created: object, name: str) -> str | None:
    """Return a variable that a process was started with; None where that cannot be seen."""
    if not isinstance(pid, int) or not is_same_process(pid, created if isinstance(created, float) else None):
        return None
    try:
        value: str | None = psutil.Process(pid).environ().get(name)
    except psutil.Error:
        return None
    return value


@dataclass(frozen=True)
class TreeUse:
    """What a server and everything below it does.

    Parameters
    ----------
    cpu_seconds
        Processor time of each process so far, by (pid, time of creation).
    busy_terminals
        Terminals in which something runs besides the shell itself.
    """

    cpu_seconds: Mapping[tuple[int, float], float]
    busy_terminals: int

    def share_since(self, before: "TreeUse", seconds: float) -> float:
        """Return the processor time used since an earlier look, per second; a process that ended counts no more."""
        used = sum(now - before.cpu_seconds.get(key, 0.0) for key, now in self.cpu_seconds.items())
        return used / max(seconds, 0.001)


def tree_use(pid: object, created: object) -> TreeUse | None:
    """Look at a server's processes; None where they cannot be seen (gone, or on another machine)."""
    if not isinstance(pid, int) or not is_same_process(pid, created if isinstance(created, float) else None):
        return None
    cpu: dict[tuple[int, float], float] = {}
    sessions: dict[object, int] = {}
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    for process in family:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            cpu[process.pid, process.create_time()] = times.user + times.system
            terminal = _terminal(process) if process.pid != pid else None
            if terminal and process.status() != psutil.STATUS_ZOMBIE:
                sessions[terminal] = sessions.get(terminal, 0) + 1
    return TreeUse(cpu, sum(1 for processes in sessions.values() if processes > 1))


def _terminal(process: psutil.Process) -> object:
    """Return what tells a process's terminal apart from others, None without one.

    `psutil.Process.terminal` knows only the terminals that were there when it was first asked.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text(errors="replace")
    except OSError:
        return process.terminal()
    # The name in parentheses may hold anything; state, parent, group, session and terminal follow it.
    return int(stat.rpartition(")")[2].split()[4]) or None
