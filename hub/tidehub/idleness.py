"""Decides which servers are idle. Pure: what was seen goes in, a decision with its reason comes out.

A server is idle only if nothing works in it *and* nobody used it: no kernel busy, no terminal busy, no processor time
used by anything below it, no run of its owner in progress, and no activity for the idle time. What could not be seen
counts as work.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

BUSY_SHARE = 0.05
"""Processor time per second, of one core, above which something is working although every kernel looks idle."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one server; None where it could not be asked.

    Parameters
    ----------
    kernel_states
        ``execution_state`` of each kernel.
    busy_terminals
        Number of terminals in which something runs.
    cpu_share
        Processor time used by the server and everything below it since the last look, per second; None at the first look.
    run_in_progress
        Whether the owner has a run that is worked on.
    last_activity
        Newest of: what the hub recorded, what the server itself says, the kernels' last activity.
    kernel_activity
        The kernels' last activity alone: an open page that nobody looks at does not move it.
    """

    kernel_states: tuple[str, ...] | None
    busy_terminals: int | None
    cpu_share: float | None
    run_in_progress: bool
    last_activity: datetime | None
    kernel_activity: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """Whether to stop a server, and why, for the log."""

    stop: bool
    reason: str


def decide(seen: Seen, now: datetime, idle_time: timedelta) -> Decision:
    """Return whether a server is idle for longer than the idle time; an idle time of zero stops nothing."""
    if idle_time <= timedelta(0):
        return Decision(False, "idle servers are not stopped (idle time 0)")
    if seen.last_activity is None:
        return Decision(False, "its activity is not known")
    quiet = now - seen.last_activity
    if quiet < idle_time:
        return Decision(False, f"active {_words(quiet)} ago")
    if work := work_in(seen):
        return Decision(False, work)
    return Decision(True, f"nothing worked in it and nobody used it for {_words(quiet)}")


def work_in(seen: Seen) -> str:
    """Say what works in a server, or cannot be seen and so counts as work; empty if nothing does."""
    if seen.kernel_states is None:
        return "it did not say what its kernels do"
    if working := [state for state in seen.kernel_states if state not in ("idle", "dead")]:
        return f"a kernel is {working[0]}"
    if seen.busy_terminals is None:
        return "its processes cannot be seen"
    if seen.busy_terminals:
        return "something runs in a terminal"
    if seen.run_in_progress:
        return "an analysis of its owner is in progress"
    if seen.cpu_share is None:
        return "looked at for the first time"
    if seen.cpu_share > BUSY_SHARE:
        return f"its processes use {seen.cpu_share:.0%} of a core"
    return ""


def _words(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
