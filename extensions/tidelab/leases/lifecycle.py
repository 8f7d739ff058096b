"""What happens to a lease between being granted and being given back. Functions on an open transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from tidelab.leases import rows
from tidelab.leases.asking import end
from tidelab.leases.model import Device, Lease, LeaseError

MINUTE_S = 60.0


def set_inventory(db: sqlite3.Connection, now: float, devices: Sequence[Device], by: str) -> None:
    """Write what the machine has now; what was drained stays so, and what is leased and gone is kept as not present."""
    drained = dict(db.execute("SELECT id, why FROM device WHERE drained").fetchall())
    db.execute("UPDATE device SET present = 0")
    for device in devices:
        db.execute(
            "INSERT OR REPLACE INTO device (id, kind, name, number, memory_mb, profile, slots, cdi, simulated, present, drained, why) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)",
            (
                *(
                    device.id,
                    device.kind,
                    device.name,
                    device.index,
                    device.memory_mb,
                    device.profile,
                    max(1, device.slots),
                ),
                *(device.cdi, device.simulated, device.id in drained, drained.get(device.id, "")),
            ),
        )
    db.execute(
        "DELETE FROM device WHERE NOT present AND NOT drained AND id NOT IN (SELECT device FROM holding WHERE live)"
    )
    rows.set_meta(db, "inventory", {"at": now, "by": by})


def live(db: sqlite3.Connection, lease_id: str, wish: str) -> Lease:
    """Return a live lease.

    Raises
    ------
    LeaseError
        There is none of this name, or it has ended.
    """
    lease = rows.lease(db, lease_id)
    if lease is None:
        raise LeaseError(
            f"There is no lease {lease_id!r}, so it cannot be {wish}. `tidelab gpu status` lists them."
        )
    if lease.state == "ended":
        raise LeaseError(
            f"The lease {lease_id} of {lease.owner.user} has ended ({lease.why}), so it cannot be {wish}."
        )
    return lease


def activate(db: sqlite3.Connection, now: float, lease_id: str, place: str) -> Lease:
    """Note where a lease is used. A reservation that ran out comes back if nobody has its places."""
    if not place:
        raise LeaseError("A lease becomes active at a place: the container or the process that uses it.")
    lease = rows.lease(db, lease_id)
    if lease is not None and lease.state == "ended" and lease.place == "":
        revive(db, now, lease, place)
        return _read(db, lease_id)
    lease = live(db, lease_id, "activated")
    if lease.state == "active" and lease.place == place:
        return lease
    db.execute(
        "UPDATE lease SET state = 'active', place = ?, placed = ?, deadline = NULL, why = '' WHERE id = ?",
        (place, now, lease_id),
    )
    rows.note(db, now, "activated", owner=lease.owner, lease_id=lease_id, text=place)
    return _read(db, lease_id)


def revive(db: sqlite3.Connection, now: float, lease: Lease, place: str) -> None:
    """Make an ended lease live again.

    Raises
    ------
    LeaseError
        Somebody has one of its places, or its server has another lease.
    """
    db.execute("SAVEPOINT revive")
    try:
        db.execute(
            "UPDATE lease SET state = 'active', place = ?, placed = ?, ended = NULL, deadline = NULL, why = '' WHERE id = ?",
            (place, now, lease.id),
        )
        db.execute("DELETE FROM holding WHERE lease = ?", (lease.id,))
        rows.hold(db, lease.id, lease.request.kind, lease.held)
        db.execute("RELEASE revive")
    except sqlite3.IntegrityError:
        db.execute("ROLLBACK TO revive")
        db.execute("RELEASE revive")
        raise LeaseError(
            f"The lease {lease.id} of {lease.owner.user} ended before its server had started ({lease.why}), and its GPU has been given "
            "to somebody else since. Start the server again."
        ) from None
    rows.note(
        db,
        now,
        "activated",
        owner=lease.owner,
        lease_id=lease.id,
        text=f"{place}, after it had ended: {lease.why}",
    )


def renew(db: sqlite3.Connection, now: float, lease_id: str, seconds: float) -> Lease:
    """Set the deadline of a lease; only one without a place ends by it."""
    if not 1 <= seconds <= 7 * 86_400:
        raise LeaseError(f"A lease is renewed for 1 second to 7 days, not {seconds:g} seconds.")
    lease = live(db, lease_id, "renewed")
    if lease.place:
        return lease  # it lives as long as what runs there
    db.execute("UPDATE lease SET deadline = ? WHERE id = ?", (now + seconds, lease_id))
    return _read(db, lease_id)


def release(db: sqlite3.Connection, now: float, lease_id: str, why: str) -> Lease | None:
    """End a lease; one that ended before, or never was, is left as it is."""
    lease = rows.lease(db, lease_id)
    if lease is not None and lease.state != "ended":
        end(db, now, lease, why)
    return rows.lease(db, lease_id)


def release_server(db: sqlite3.Connection, now: float, user: str, server: str, why: str) -> Lease | None:
    """End whatever a server holds and let it leave the queue."""
    for ticket in rows.tickets(
        db, "state IN ('waiting', 'lapsed') AND user = ? AND server = ?", (user, server)
    ):
        db.execute("UPDATE ticket SET state = 'withdrawn' WHERE id = ?", (ticket.id,))
        rows.note(db, now, "withdrawn", owner=ticket.owner, text=why, waited_s=max(0.0, now - ticket.asked))
    lease = rows.live_lease(db, user, server)
    if lease is None:
        return None
    end(db, now, lease, why)
    return _read(db, lease.id)


def keep(db: sqlite3.Connection, now: float, lease_id: str, minutes: float, times: int) -> Lease:
    """Let a person keep an idle device for longer, as often as the policy allows."""
    lease = live(db, lease_id, "kept")
    if not 0 < minutes <= 7 * 1440:
        raise LeaseError(f"A GPU is kept for up to 7 days at a time, not {minutes:g} minutes.")
    if lease.kept_times >= times:
        raise LeaseError(
            f"This GPU was kept {lease.kept_times} time{'' if lease.kept_times == 1 else 's'} already, which is as often as the hub allows. "
            "Save your work: your files stay, and you can ask for a GPU again."
        )
    until = max(now, lease.kept_until or now) + minutes * MINUTE_S
    db.execute("UPDATE lease SET kept_until = ?, kept_times = kept_times + 1 WHERE id = ?", (until, lease_id))
    rows.note(
        db,
        now,
        "kept",
        owner=lease.owner,
        lease_id=lease_id,
        by=lease.owner.user,
        text=f"{minutes:g} minutes",
    )
    return _read(db, lease_id)


def mark(db: sqlite3.Connection, now: float, lease_id: str, state: str, why: str) -> Lease:
    """Note that the device of a lease cannot be seen any more (``unknown``), or again (``active``)."""
    if state not in ("unknown", "active"):
        raise LeaseError(f"A lease is marked unknown or active, not {state!r}.")
    lease = live(db, lease_id, "marked")
    if state == "active" and not lease.place:
        raise LeaseError(f"The lease {lease_id} is a reservation; it becomes active at a place.")
    if (lease.state, lease.why) != (state, why):
        db.execute("UPDATE lease SET state = ?, why = ? WHERE id = ?", (state, why, lease_id))
        rows.note(db, now, "marked", owner=lease.owner, lease_id=lease_id, text=f"{state}: {why}")
    return _read(db, lease_id)


def drain(db: sqlite3.Connection, now: float, device: str, on: bool, why: str, by: str) -> None:
    """Give out no more places on a device, or do again."""
    changed = db.execute(
        "UPDATE device SET drained = ?, why = ? WHERE id = ?", (on, why if on else "", device)
    ).rowcount
    if not changed:
        known = ", ".join(dict.fromkeys(state.device.id for state in rows.devices(db))) or "none"
        raise LeaseError(f"There is no device {device!r}. Those of this machine: {known}.")
    rows.note(db, now, "drained" if on else "undrained", by=by, text=f"{device}: {why}" if why else device)


def adopt(db: sqlite3.Connection, now: float, lease: Lease) -> None:
    """Write a lease that a container's labels tell of.

    Raises
    ------
    sqlite3.IntegrityError
        One of its places is leased, or its server has a live lease.
    """
    rows.insert_lease(db, replace(lease, started=min(lease.started or now, now)), now)
    rows.note(db, now, "adopted", owner=lease.owner, lease_id=lease.id, text=lease.place)


def _read(db: sqlite3.Connection, lease_id: str) -> Lease:
    lease = rows.lease(db, lease_id)
    assert lease is not None
    return lease
