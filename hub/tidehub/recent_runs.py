"""A person's runs as their ``state.json`` files say (`tidelab.run_states`)."""

from datetime import datetime

from tidelab import paths
from tidelab.run_states import RecentRun, newest_runs, parse_time, read_run, runs_in_progress

__all__ = ["RecentRun", "has_run_in_progress", "parse_time", "read_run", "recent_runs"]


def recent_runs(user: str, limit: int = 8) -> list[RecentRun]:
    """Return a person's newest runs, newest first."""
    return newest_runs(paths.user_runs(user), limit)


def has_run_in_progress(user: str, now: datetime | None = None) -> bool:
    """Tell whether any run of a person is being worked on."""
    return bool(runs_in_progress(paths.user_runs(user), now))
