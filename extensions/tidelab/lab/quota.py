"""What a person used and what is left, as rows. Pure."""

from typing import Any

from tidelab.lab import words
from tidelab.lab.answers import Mine, number


def quota_rows(mine: Mine) -> list[dict[str, Any]]:
    """Return the rows; a limit that is not set is not mentioned."""
    return [{"term": term, "value": value, "time": None} for term, value in (*_used(mine), *_limits(mine))]


def _used(mine: Mine) -> list[tuple[str, str]]:
    allocated, busy, days = (number(mine.used.get(name)) for name in ("allocated_s", "busy_s", "days"))
    if allocated is None or busy is None or not days:
        return []
    if allocated == 0:
        return [(f"Last {days:.0f} days", "none used")]
    share = words.percent(min(1.0, busy / allocated))
    return [(f"Last {days:.0f} days", f"{words.hours(allocated)} leased, {words.hours(busy)} busy ({share})")]


def _limits(mine: Mine) -> list[tuple[str, str]]:
    quota = {
        name: number(mine.quota.get(name)) for name in ("gpu_hours", "used_hours", "days", "gpus", "holds")
    }
    rows = []
    if quota["gpu_hours"] is not None:
        left = max(0.0, quota["gpu_hours"] - (quota["used_hours"] or 0.0))
        window = f" in {quota['days']:.0f} days" if quota["days"] else ""
        rows.append(
            ("Hours left", f"{words.hours(3600 * left)} of {words.hours(3600 * quota['gpu_hours'])}{window}")
        )
    if quota["gpus"] is not None:
        rows.append(("GPUs at a time", f"{quota['holds'] or 0:.0f} held of {quota['gpus']:.0f}"))
    return rows
