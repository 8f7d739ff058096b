"""Questions about processes that a bare process id cannot answer, and must not after the hub was restarted."""

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
