"""The steps from an idle GPU to a free one: warned, then given back; both sooner when somebody waits. Pure.

Nothing is given back without a warning that was shown for a while, whatever changed in between.
"""

import time
from dataclasses import dataclass
from typing import Literal

WHEN_WANTED = 0.5
"""Factor on the times while somebody waits for such a GPU."""
LATEST_WARNING = 2 / 3
"""Where the rules would warn later than release, or at once: this share of the time until release."""


@dataclass(frozen=True)
class Rules:
    """Times in seconds; zero in ``release_s`` and ``longest_s`` means never."""

    warn_s: float
    release_s: float
    longest_s: float = 0.0

    @property
    def warning_s(self) -> float:
        """When to warn: before the release, whatever was set."""
        return self.warn_s if self.warn_s < self.release_s else LATEST_WARNING * self.release_s

    @property
    def notice_s(self) -> float:
        """How long a warning stands before anything is taken."""
        return max(0.0, self.release_s - self.warning_s)

    def of_flavour(self, idle_minutes: float | None, max_hours: float | None) -> "Rules":
        """Return the rules with what a size of server says for itself; the warning moves with the release.

        >>> Rules(20 * 60, 30 * 60).of_flavour(15, 8)
        Rules(warn_s=600.0, release_s=900, longest_s=28800)
        """
        release = self.release_s if idle_minutes is None else idle_minutes * 60
        share = self.warning_s / self.release_s if self.release_s else LATEST_WARNING
        return Rules(
            warn_s=share * release if idle_minutes is not None else self.warn_s,
            release_s=release,
            longest_s=self.longest_s if max_hours is None else max_hours * 3600,
        )


@dataclass(frozen=True)
class Standing:
    """Where one lease stands.

    Parameters
    ----------
    started, last_use, kept_until, warned
        Moments, seconds since 1970; ``warned`` is when the warning that still stands was first shown.
    waiting
        Number of requests that wait for such a device.
    over_quota
        Which limit its owner is over, as a sentence; empty if none.
    """

    started: float
    last_use: float
    kept_until: float | None = None
    warned: float | None = None
    waiting: int = 0
    over_quota: str = ""


Reason = Literal["idle", "age", "quota"]


@dataclass(frozen=True)
class Step:
    """What to do now: nothing, show a warning, or give the GPU back."""

    kind: Literal["leave", "warn", "release"]
    reason: Reason = "idle"
    release_at: float = 0.0


def step(standing: Standing, rules: Rules, now: float) -> Step:
    """Return what to do with one lease at a moment."""
    factor = WHEN_WANTED if standing.waiting else 1.0
    due: list[tuple[float, Reason]] = []
    if rules.release_s:
        idle_at = max(standing.last_use + factor * rules.release_s, standing.kept_until or 0.0)
        due.append((idle_at, "idle"))
    if rules.longest_s and standing.waiting:
        due.append((standing.started + rules.longest_s, "age"))
    if standing.over_quota:
        due.append((standing.warned or now, "quota"))
    if not due:
        return Step("leave")
    at, reason = min(due)
    notice = factor * (rules.notice_s or 600.0)
    shown = standing.warned if standing.warned is not None else now
    release_at = max(at, shown + notice)
    if now < at - notice:
        return Step("leave")
    if standing.warned is not None and now >= release_at:
        return Step("release", reason, release_at)
    return Step("warn", reason, release_at)


def clock_time(moment: float) -> str:
    """Return a moment as the hub's own clock shows it, with the day when it is not today.

    >>> len(clock_time(time.time()))
    5
    """
    shown = time.localtime(moment)
    today = time.localtime()[:3] == shown[:3]
    return time.strftime("%H:%M" if today else "%d %b %H:%M", shown)


def warning_text(found: Step, standing: Standing, now: float, longest_s: float) -> str:
    """Return the sentence a person reads while there is time to do something."""
    when = clock_time(found.release_at)
    queue = f" {_people(standing.waiting)} waiting for one." if standing.waiting else ""
    if found.reason == "idle":
        idle = max(1, round((now - standing.last_use) / 60))
        return (
            f"Nothing has used your GPU for {idle} min.{queue} It is given back at {when}: your server then starts again without "
            "a GPU, your files stay, running kernels end."
        )
    if found.reason == "age":
        return (
            f"Your GPU has been yours for {longest_s / 3600:g} h, which is as long as one may have it while others wait."
            f"{queue} It is given back at {when}, also if something runs: save what you need. Your files stay."
        )
    return f"{standing.over_quota} Your GPU is given back at {when}, also if something runs: save what you need. Your files stay."


def released_text(reason: Reason, standing: Standing, now: float, longest_s: float) -> str:
    """Return why a GPU was given back, as the end of "... because"."""
    if reason == "idle":
        idle = max(1, round((now - standing.last_use) / 60))
        return f"nothing had used it for {idle} min{' and others were waiting' if standing.waiting else ''}"
    if reason == "age":
        return f"it had been yours for {longest_s / 3600:g} h and others were waiting"
    return standing.over_quota.rstrip(".") or "your quota is used up"


def _people(number: int) -> str:
    return "1 person is" if number == 1 else f"{number} people are"
