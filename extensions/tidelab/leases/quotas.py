"""What a person may have: limits of the person, of their groups, of everyone. Functions on an open transaction.

GPU hours are **measured use**: time in which the lease's programs had memory of the device in use or computed on it. Time in which a
device was leased and stood empty is not charged; idle rules give such a device back.
"""

import datetime
import math
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Literal

from tidelab.leases import ledger, rows
from tidelab.leases.line import HOUR_S
from tidelab.leases.model import (
    LeaseError,
    Owner,
    Policy,
    Quota,
    QuotaExceededError,
    QuotaRow,
    Ticket,
)
from tidelab.leases.schema import LIVE

Scope = Literal["person", "group", "everyone"]
SCOPES: Final = ("person", "group", "everyone")
FIELDS: Final = ("gpu_hours", "gpus", "servers", "memory_gb", "disk_gb")
DAY_S: Final = 86_400.0
DAYS: Final = 30.0
"""Length of the window of GPU hours where none is given."""


def put(
    db: sqlite3.Connection, scope: str, name: str, limits: dict[str, float | None], days: float | None
) -> None:
    """Write the limits of a person, a group or everyone; None leaves a limit to the others, infinity lifts it.

    Raises
    ------
    LeaseError
        The scope is unknown, a name is missing, or a limit is negative.
    """
    if scope not in SCOPES:
        raise LeaseError(f"A quota is of a {', '.join(SCOPES[:2])} or of {SCOPES[2]}, not of {scope!r}.")
    if (scope == "everyone") != (name == ""):
        raise LeaseError("A quota of everyone has no name, and those of a person or a group need one.")
    for field, value in {**limits, "days": days}.items():
        if value is not None and (math.isnan(value) or value < 0):
            raise LeaseError(f"{field} of a quota is a number from 0 on, not {value}.")
    if days is not None and not 1 / 24 <= days <= 3660:
        raise LeaseError(f"The window of GPU hours is 1 hour to 10 years long, not {days:g} days.")
    if all(value is None for value in limits.values()):
        db.execute("DELETE FROM quota WHERE scope = ? AND name = ?", (scope, name))
        return
    db.execute(
        "INSERT OR REPLACE INTO quota (scope, name, gpu_hours, days, gpus, servers, memory_gb, disk_gb) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(scope, name, limits["gpu_hours"], DAYS if days is None else days),
            *(limits["gpus"], limits["servers"], limits["memory_gb"], limits["disk_gb"]),
        ),
    )


def all_of(db: sqlite3.Connection) -> list[QuotaRow]:
    """Return every limit that was set: of everyone, then groups, then people."""
    found = db.execute(
        "SELECT scope, name, gpu_hours, days, gpus, servers, memory_gb, disk_gb FROM quota ORDER BY scope, name"
    )
    return [QuotaRow(*row) for row in found]


def of(db: sqlite3.Connection, now: float, owner: Owner, policy: Policy) -> Quota:
    """Return what holds for a person: their own limit, else the most generous of their groups, else everyone's."""
    own = _rows(db, "person", [owner.user])
    groups = _rows(db, "group", owner.groups)
    everyone = _rows(db, "everyone", [""])
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for field in FIELDS:
        for source, candidates in (("person", own), ("group", groups), ("everyone", everyone)):
            given = [row for row in candidates if row[field] is not None]
            if given:
                best = max(
                    given, key=lambda row: row[field] / row["days"] if field == "gpu_hours" else row[field]
                )
                found[field] = best[field]
                sources[field] = f"group {best['name']}" if source == "group" else source
                if field == "gpu_hours":
                    found["days"] = best["days"]
                break
    if "gpus" not in found and policy.per_person is not None:
        found["gpus"], sources["gpus"] = policy.per_person, "the hub's setting"
    days = found.get("days", DAYS)
    used = sum(used for _, used in ledger.used_by_hour(db, owner.user, now - days * DAY_S)) / HOUR_S
    return Quota(
        gpu_hours=_limit(found.get("gpu_hours")),
        days=days,
        gpus=_whole(found.get("gpus")),
        servers=_whole(found.get("servers")),
        memory_gb=_limit(found.get("memory_gb")),
        disk_gb=_limit(found.get("disk_gb")),
        used_hours=used,
        holds=holds(db, owner.user),
        sources=sources,
    )


def holds(db: sqlite3.Connection, user: str) -> int:
    """Return how many places a person holds."""
    row = db.execute(
        f"SELECT count(*) FROM holding JOIN lease ON lease.id = holding.lease WHERE live AND user = ? AND state IN {LIVE}",  # noqa: S608
        (user,),
    ).fetchone()
    return int(row[0])


def check(db: sqlite3.Connection, now: float, owner: Owner, count: int, *, waiting: bool) -> None:
    """Refuse more than a person may have.

    Parameters
    ----------
    db, now, owner
        The transaction, the time, and who asks.
    count
        How many places they ask for.
    waiting
        Whether what they wait for with other servers counts as well.

    Raises
    ------
    QuotaExceededError
        With the figure, the limit, where it comes from, and what to do.
    """
    quota = of(db, now, owner, rows.policy(db))
    queued = rows.tickets(db, "state = 'waiting' AND user = ?", (owner.user,)) if waiting else []
    wanted = sum(ticket.request.count for ticket in queued if ticket.owner.server != owner.server)
    if quota.gpus is not None and quota.holds + wanted + count > quota.gpus:
        others = ", ".join(
            sorted(
                {
                    lease.owner.server
                    for lease in rows.leases(db, f"user = ? AND state IN {LIVE}", (owner.user,))
                }
            )
        )
        has = f"holds {quota.holds} (with {others})" if others else "holds none"
        has += f" and waits for {wanted}" if wanted else ""
        raise QuotaExceededError(
            f"{owner.user} may hold {quota.gpus} GPU{'' if quota.gpus == 1 else 's'} at a time ({_from(quota, 'gpus')}), {has}, and asks "
            f"for {count}. Stop a server that holds one, take a server without GPU, or ask an admin for more."
        )
    if quota.gpu_hours is not None and quota.used_hours >= quota.gpu_hours:
        raise QuotaExceededError(hours_sentence(db, now, owner.user, quota))


def over(db: sqlite3.Connection, now: float, owner: Owner) -> str:
    """Say that somebody used up their GPU hours while they hold a device; empty if not."""
    quota = of(db, now, owner, rows.policy(db))
    spent = quota.gpu_hours is not None and quota.used_hours >= quota.gpu_hours
    return hours_sentence(db, now, owner.user, quota) if spent else ""


def hours_sentence(db: sqlite3.Connection, now: float, user: str, quota: Quota) -> str:
    """Say that GPU hours are used up, and when there are some again."""
    return (
        f"{user} used {quota.used_hours:.1f} of {quota.gpu_hours:g} GPU hours of the last {quota.days:g} days ({_from(quota, 'gpu_hours')}). "
        f"{_back(db, now, user, quota)} Work on CPU meanwhile, or ask an admin for more."
    )


def room(db: sqlite3.Connection, now: float, tickets: Iterable[Ticket]) -> dict[str, float]:
    """Return how many more places each person who waits may hold; absent: any number."""
    policy = rows.policy(db)
    found: dict[str, float] = {}
    for ticket in tickets:
        quota = of(db, now, ticket.owner, policy)
        spent = quota.gpu_hours is not None and quota.used_hours >= quota.gpu_hours
        if spent or quota.gpus is not None:
            found[ticket.owner.user] = 0 if spent else (quota.gpus or 0) - quota.holds
    return found


def _back(db: sqlite3.Connection, now: float, user: str, quota: Quota) -> str:
    """Say when enough old use leaves the window."""
    if not quota.gpu_hours:
        return "No GPU hours are given to you."
    left = quota.used_hours * HOUR_S
    for hour, used in ledger.used_by_hour(db, user, now - quota.days * DAY_S):
        left -= used
        if left < quota.gpu_hours * HOUR_S:
            # An hour counts until all of it has left the window.
            when = (hour + 1) * HOUR_S + quota.days * DAY_S
            at = datetime.datetime.fromtimestamp(when, tz=datetime.UTC)
            return f"The first hours come back on {at:%Y-%m-%d at %H:%M} UTC."
    return ""


def _from(quota: Quota, field: str) -> str:
    source = quota.sources.get(field, "")
    return {"person": "your own limit", "everyone": "everyone's limit"}.get(source, source)


def _rows(db: sqlite3.Connection, scope: str, names: Iterable[str]) -> list[dict[str, Any]]:
    columns = ("name", "gpu_hours", "days", "gpus", "servers", "memory_gb", "disk_gb")
    found = []
    for name in names:
        row = db.execute(
            "SELECT name, gpu_hours, days, gpus, servers, memory_gb, disk_gb FROM quota WHERE scope = ? AND name = ?",
            (scope, name),
        ).fetchone()
        if row:
            found.append(dict(zip(columns, row, strict=True)))
    return found


def _limit(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None or math.isinf(value) else int(value)
