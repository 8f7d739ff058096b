"""Device-seconds by lease and hour, and the recent use that the queue goes by. Functions on an open transaction.

Hours are counted from 1970 in UTC. What a sampler did not see (it was not running) is added as allocated time when the lease ends:
the ledger then says less use than there was, never less allocation.
"""

import datetime
import math
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Literal

from tidelab.leases.line import HOUR_S, decayed
from tidelab.leases.model import Lease, LeaseError, Policy, Seconds

By = Literal["user", "use_case", "lease", "day"]
_COLUMNS: Final = {"user": "user", "use_case": "use_case", "lease": "lease", "day": "hour / 24"}
HALF_LIVES: Final = 10
"""Use older than this many half-lives is left out when recent use is counted anew; it would weigh less than a thousandth."""


def add(db: sqlite3.Connection, lease: Lease, seconds: Seconds, now: float, policy: Policy) -> None:
    """Add what a sampler saw of a lease since its last report.

    Raises
    ------
    LeaseError
        A value is negative or no number.
    """
    values = (seconds.allocated, seconds.held, seconds.busy)
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise LeaseError(f"Device-seconds are never negative and always finite, not {values}.")
    # What an ended lease was given was settled when it ended.
    allocated = seconds.allocated if lease.ended is None else 0.0
    used = max(seconds.held, seconds.busy)
    at = now if lease.ended is None else lease.ended
    _write(db, lease, int(at // HOUR_S), Seconds(allocated, seconds.held, seconds.busy, used))
    _remember(db, lease.owner.user, _weight(allocated, used, policy), now, policy)
    if used > 0 and lease.ended is None:
        db.execute("UPDATE lease SET used_at = ? WHERE id = ?", (now, lease.id))


def settle(db: sqlite3.Connection, lease: Lease, ended: float, policy: Policy) -> None:
    """Add the time of an ended lease that nobody reported, as allocated and unused."""
    reported = dict(db.execute("SELECT hour, allocated FROM ledger WHERE lease = ?", (lease.id,)).fetchall())
    due = (ended - lease.started) * len(lease.held)
    missing = due - sum(reported.values())
    total = 0.0
    hour = int(ended // HOUR_S)
    # The newest hours first: a sampler that stopped is likelier than one that began late.
    while missing - total > 0.001 and hour >= int(lease.started // HOUR_S):
        seconds = min(ended, (hour + 1) * HOUR_S) - max(lease.started, hour * HOUR_S)
        room = max(0.0, seconds * len(lease.held) - reported.get(hour, 0.0))
        part = min(room, missing - total)
        if part > 0:
            _write(db, lease, hour, Seconds(allocated=part))
        total += part
        hour -= 1
    _remember(db, lease.owner.user, _weight(total, 0.0, policy), ended, policy)


def seconds(db: sqlite3.Connection, user: str | None, since: float | None, by: By) -> dict[str, Seconds]:
    """Add up device-seconds; whole hours, from the one that `since` lies in."""
    if by not in _COLUMNS:
        raise LeaseError(f"Device-seconds are added up by {', '.join(_COLUMNS)}, not by {by!r}.")
    found = db.execute(
        f"SELECT {_COLUMNS[by]}, sum(allocated), sum(held), sum(busy), sum(used) FROM ledger "  # noqa: S608 (constants)
        "WHERE (? IS NULL OR user = ?) AND hour >= ? GROUP BY 1 ORDER BY 1",
        (user, user, int((since or 0.0) // HOUR_S)),
    )
    return {_day(key) if by == "day" else str(key): Seconds(*sums) for key, *sums in found}


def used_by_hour(db: sqlite3.Connection, user: str, since: float) -> list[tuple[int, float]]:
    """Return measured use of a person by hour, oldest first, from the hour that `since` lies in."""
    found = db.execute(
        "SELECT hour, sum(used) FROM ledger WHERE user = ? AND hour >= ? GROUP BY hour ORDER BY hour",
        (user, int(since // HOUR_S)),
    )
    return [(int(hour), float(used)) for hour, used in found]


def recent(db: sqlite3.Connection, users: Iterable[str], policy: Policy, now: float) -> dict[str, float]:
    """Return recent use of some people, decayed to now, device-seconds."""
    found: dict[str, float] = {}
    for user in users:
        row = db.execute("SELECT seconds, at FROM recent WHERE user = ?", (user,)).fetchone()
        found[user] = decayed(row[0], now - row[1], policy.half_life_s) if row else 0.0
    return found


def count_recent(db: sqlite3.Connection, policy: Policy, now: float) -> None:
    """Count recent use anew from the ledger, after the policy changed how it is weighed."""
    db.execute("DELETE FROM recent")
    first = int((now - HALF_LIVES * policy.half_life_s) // HOUR_S)
    for user, hour, allocated, used in db.execute(
        "SELECT user, hour, sum(allocated), sum(used) FROM ledger WHERE hour >= ? GROUP BY user, hour ORDER BY hour",
        (first,),
    ).fetchall():
        _remember(db, user, _weight(allocated, used, policy), min(now, (hour + 1) * HOUR_S), policy)


def _weight(allocated: float, used: float, policy: Policy) -> float:
    return used + policy.idle_weight * max(0.0, allocated - used)


def _remember(db: sqlite3.Connection, user: str, amount: float, at: float, policy: Policy) -> None:
    row = db.execute("SELECT seconds, at FROM recent WHERE user = ?", (user,)).fetchone()
    before, then = row or (0.0, at)
    later = max(then, at)
    total = decayed(before, later - then, policy.half_life_s) + decayed(
        amount, later - at, policy.half_life_s
    )
    db.execute("INSERT OR REPLACE INTO recent VALUES (?, ?, ?)", (user, total, later))


def _write(db: sqlite3.Connection, lease: Lease, hour: int, added: Seconds) -> None:
    db.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (lease, hour) DO UPDATE SET allocated = allocated + "
        "excluded.allocated, held = held + excluded.held, busy = busy + excluded.busy, used = used + excluded.used",
        (
            *(lease.id, lease.owner.user, lease.owner.use_case, hour),
            *(added.allocated, added.held, added.busy, added.used),
        ),
    )


def _day(number: Any) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(number))).isoformat()
