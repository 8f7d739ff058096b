"""Between the book's tables and its dataclasses."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from tidelab.leases.model import Device, DeviceState, Held, Lease, Owner, Policy, Pool, Request, Ticket
from tidelab.leases.schema import LIVE

_LEASE = (
    "SELECT id, user, server, use_case, groups, kind, count, profile, state, pool, place, started, ended, deadline, why, kept_until, "
    "kept_times, used_at FROM lease"
)
_TICKET = "SELECT id, user, server, use_case, groups, kind, count, profile, pool, asked FROM ticket"


def leases(
    db: sqlite3.Connection, where: str = f"state IN {LIVE}", values: Iterable[Any] = ()
) -> list[Lease]:
    """Return leases, oldest first."""
    found = db.execute(f"{_LEASE} WHERE {where} ORDER BY started, rowid", tuple(values)).fetchall()
    return [_lease(db, row) for row in found]


def lease(db: sqlite3.Connection, lease_id: str) -> Lease | None:
    """Return one lease, whatever its state."""
    return next(iter(leases(db, "id = ?", (lease_id,))), None)


def live_lease(db: sqlite3.Connection, user: str, server: str) -> Lease | None:
    """Return the lease of one server."""
    return next(iter(leases(db, f"user = ? AND server = ? AND state IN {LIVE}", (user, server))), None)


def tickets(
    db: sqlite3.Connection, where: str = "state = 'waiting'", values: Iterable[Any] = ()
) -> list[Ticket]:
    """Return tickets in the order they were asked for."""
    found = db.execute(f"{_TICKET} WHERE {where} ORDER BY asked, id", tuple(values)).fetchall()
    return [Ticket(row[0], _owner(row[1:5]), Request(*row[5:8]), row[8], row[9]) for row in found]


def devices(db: sqlite3.Connection) -> list[DeviceState]:
    """Return all devices of the book, those that are gone included, in the machine's order."""
    found = db.execute(
        "SELECT id, kind, name, number, memory_mb, profile, slots, cdi, simulated, present, drained, why FROM device "
        "ORDER BY number, id, kind"
    )
    return [_device(*row) for row in found]


def insert_lease(db: sqlite3.Connection, new: Lease, placed: float | None) -> None:
    """Write a new lease and its places.

    Raises
    ------
    sqlite3.IntegrityError
        A place is leased already, or the server has a live lease.
    """
    owner, request = new.owner, new.request
    db.execute(
        "INSERT INTO lease (id, user, server, use_case, groups, kind, count, profile, state, pool, place, started, placed, ended, "
        "deadline, why, kept_until, kept_times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, owner.user, owner.server, owner.use_case, json.dumps(owner.groups)),
            *(
                request.kind,
                request.count,
                request.profile,
                new.state,
                new.pool,
                new.place,
                new.started,
                placed,
            ),
            *(new.ended, new.deadline, new.why, new.kept_until, new.kept_times),
        ),
    )
    hold(db, new.id, request.kind, new.held)


def hold(db: sqlite3.Connection, lease_id: str, kind: str, places: Iterable[Held]) -> None:
    """Write the places of a live lease."""
    db.executemany(
        "INSERT INTO holding (lease, device, slot, kind) VALUES (?, ?, ?, ?)",
        [(lease_id, place.device, place.slot, kind) for place in places],
    )


def insert_ticket(db: sqlite3.Connection, owner: Owner, request: Request, pool: Pool, now: float) -> int:
    """Write a new ticket and return its number."""
    made = db.execute(
        "INSERT INTO ticket (user, server, use_case, groups, kind, count, profile, pool, asked, seen, state) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')",
        (
            *(owner.user, owner.server, owner.use_case, json.dumps(owner.groups)),
            *(request.kind, request.count, request.profile, pool, now, now),
        ),
    )
    return int(made.lastrowid or 0)


def note(
    db: sqlite3.Connection,
    now: float,
    kind: str,
    *,
    owner: Owner | None = None,
    lease_id: str = "",
    by: str = "",
    text: str = "",
    waited_s: float | None = None,
) -> None:
    """Add a line to the log of events."""
    user, server = (owner.user, owner.server) if owner else ("", "")
    db.execute(
        "INSERT INTO event (time, kind, user, server, lease, by, text, waited_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (now, kind, user, server, lease_id, by, text, waited_s),
    )


def meta(db: sqlite3.Connection, key: str) -> Any:
    """Return a value that was kept with `set_meta`, None without it."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return json.loads(row[0]) if row else None


def set_meta(db: sqlite3.Connection, key: str, value: Any) -> None:
    """Keep one value under a name."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))


def policy(db: sqlite3.Connection) -> Policy:
    """Return the policy as it was set last, else the default; fields of another version are left out."""
    kept = meta(db, "policy") or {}
    return Policy(**{name: value for name, value in kept.items() if name in Policy.__dataclass_fields__})


def _device(*row: Any) -> DeviceState:
    name, kind, model, number, memory_mb, profile, slots, cdi, simulated, present, drained, why = row
    device = Device(name, kind, model, number, memory_mb, profile, slots, cdi, bool(simulated))
    return DeviceState(device, bool(present), bool(drained), why)


def _owner(row: tuple[Any, ...]) -> Owner:
    return Owner(row[0], row[1], row[2], tuple(json.loads(row[3])))


def _lease(db: sqlite3.Connection, row: tuple[Any, ...]) -> Lease:
    held = db.execute("SELECT device, slot FROM holding WHERE lease = ? ORDER BY rowid", (row[0],))
    return Lease(
        id=row[0],
        owner=_owner(row[1:5]),
        request=Request(*row[5:8]),
        held=tuple(Held(*place) for place in held),
        state=row[8],
        pool=row[9],
        place=row[10],
        started=row[11],
        ended=row[12],
        deadline=row[13],
        why=row[14],
        kept_until=row[15],
        kept_times=row[16],
        used_at=row[17],
    )
