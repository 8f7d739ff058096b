"""Asking for places, waiting for one's turn, and what is free. Functions on an open transaction; `tidelab.leases.book` is the door."""

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import asdict

from tidelab.leases import estimates, ledger, line, processes, quotas, rows
from tidelab.leases.ground import Ground
from tidelab.leases.model import (
    Asked,
    DeviceState,
    Free,
    Held,
    Lease,
    LeaseError,
    NoSuchGpuError,
    Owner,
    Place,
    Policy,
    Pool,
    Request,
    Ticket,
)
from tidelab.leases.schema import LIVE
from tidelab.leases.words import of_request


def set_policy(db: sqlite3.Connection, policy: Policy, now: float) -> None:
    """Keep a policy; recent use is counted again when it changes how that is weighed."""
    before = rows.policy(db)
    rows.set_meta(db, "policy", asdict(policy))
    if (before.half_life_s, before.idle_weight) != (policy.half_life_s, policy.idle_weight):
        ledger.count_recent(db, policy, now)


def ground_of(db: sqlite3.Connection) -> Ground:
    """Read devices and taken places."""
    ground = Ground(rows.devices(db), rows.policy(db))
    held = db.execute(
        "SELECT device, slot, holding.kind, pool FROM holding JOIN lease ON lease.id = holding.lease WHERE live"
    )
    for device, slot, kind, pool in held:
        ground.take((Held(device, slot),), kind, pool)
    ground.last_used = dict(
        db.execute(
            "SELECT device, max(ended) FROM holding JOIN lease ON lease.id = holding.lease WHERE ended IS NOT NULL GROUP BY device"
        ).fetchall()
    )
    return ground


def end_dead(db: sqlite3.Connection, now: float) -> list[Lease]:
    """End the leases of processes that are gone; return them as they were."""
    dead = [
        lease
        for lease in rows.leases(db)
        if lease.place.startswith(processes.PREFIX) and not processes.is_alive(lease.place)
    ]
    for lease in dead:
        end(db, now, lease, "its process ended")
    return dead


def tidy(db: sqlite3.Connection, now: float) -> list[Lease]:
    """End what ended by itself and return those leases as they were.

    That is: leases of processes that are gone, reservations nobody came for, leases nobody renewed, tickets nobody asked about.
    """
    policy = rows.policy(db)
    ended = end_dead(db, now)
    # A lease with a place lives as long as what runs there, whatever its deadline.
    for lease in rows.leases(db, f"state IN {LIVE} AND place = '' AND deadline < ?", (now,)):
        unused = lease.state == "reserved"
        end(db, now, lease, "nothing started on it in time" if unused else "it was not renewed in time")
        ended.append(lease)
    for ticket in rows.tickets(db, "state = 'waiting' AND seen < ?", (now - policy.silence_s,)):
        _close(db, now, ticket, "lapsed", f"nobody asked for {policy.silence_s:g} s")
    return ended


def ask(db: sqlite3.Connection, now: float, owner: Owner, request: Request, pool: Pool, place: str) -> Asked:
    """Return the owner's lease, or a new one, or a ticket."""
    check_names(owner, request)
    tidy(db, now)
    if (held := rows.live_lease(db, owner.user, owner.server)) is not None:
        if held.request == request and held.pool == pool:
            return Asked(held, None, None)
        if held.state != "reserved":
            raise LeaseError(
                f"{owner.server!r} of {owner.user} holds {of_request(held.request)} already. Stop it before it starts with "
                f"{of_request(request)}."
            )
        end(db, now, held, "another kind of GPU was asked for")
    waiting = rows.tickets(db, "state = 'waiting' AND user = ? AND server = ?", (owner.user, owner.server))
    for ticket in waiting:
        if (ticket.request, ticket.pool) == (request, pool):
            return _serve(db, now, ticket, place)
        _close(db, now, ticket, "withdrawn", "another kind of GPU was asked for")
    _refuse_the_impossible(db, request, pool)
    quotas.check(db, now, owner, request.count, waiting=True)
    number = rows.insert_ticket(db, owner, request, pool, now)
    return _serve(db, now, Ticket(number, owner, request, pool, now), place)


def again(db: sqlite3.Connection, now: float, ticket_id: int, place: str) -> Asked:
    """Return what became of a ticket; asking is also the sign of life of who waits."""
    row = db.execute("SELECT state FROM ticket WHERE id = ?", (ticket_id,)).fetchone()
    if row is None:
        raise LeaseError(f"There is no place {ticket_id} in the queue. Ask for a GPU again.")
    tidy(db, now)
    ticket = rows.tickets(db, "id = ?", (ticket_id,))[0]
    if row[0] == "withdrawn":
        raise LeaseError(
            f"{ticket.owner.user} no longer waits with {ticket.owner.server!r}. Ask for a GPU again."
        )
    if row[0] == "granted":
        held = rows.live_lease(db, ticket.owner.user, ticket.owner.server)
        if held is None:
            raise LeaseError("The GPU was yours and has been given back since. Ask again.")
        return Asked(held, None, None)
    if row[0] == "lapsed":
        # Whoever waits was asleep (a closed laptop, a hub that restarted): the place in the queue stays what it was.
        other = rows.tickets(
            db, "state = 'waiting' AND user = ? AND server = ?", (ticket.owner.user, ticket.owner.server)
        )
        if other or rows.live_lease(db, ticket.owner.user, ticket.owner.server):
            raise LeaseError(f"{ticket.owner.server!r} of {ticket.owner.user} has asked again since.")
    db.execute("UPDATE ticket SET state = 'waiting', seen = ? WHERE id = ?", (now, ticket_id))
    quotas.check(db, now, ticket.owner, ticket.request.count, waiting=False)
    return _serve(db, now, ticket, place)


def withdraw(db: sqlite3.Connection, now: float, ticket_id: int) -> None:
    """Leave the queue; nothing happens to a ticket that does not wait."""
    for ticket in rows.tickets(db, "id = ? AND state IN ('waiting', 'lapsed')", (ticket_id,)):
        _close(db, now, ticket, "withdrawn", "no longer wanted")


def free(db: sqlite3.Connection, now: float, request: Request, pool: Pool) -> Free:
    """Count what somebody who asks now could have, after those who wait."""
    ground = ground_of(db)
    standing = order(db, now)
    line.plan(standing, ground, quotas.room(db, now, standing))
    left, total = ground.places(request, pool)
    wanted = (request.kind, request.profile)
    waiting = sum((ticket.request.kind, ticket.request.profile) == wanted for ticket in standing)
    return Free(left, total, waiting)


def order(db: sqlite3.Connection, now: float) -> list[Ticket]:
    """Return the tickets that wait, next first; those whose owner is silent are left out."""
    policy = rows.policy(db)
    alive = rows.tickets(db, "state = 'waiting' AND seen >= ?", (now - policy.silence_s,))
    users = {ticket.owner.user for ticket in alive}
    return line.in_order(alive, ledger.recent(db, users, policy, now), policy, now)


def queue(db: sqlite3.Connection, now: float) -> list[tuple[Ticket, Place]]:
    """Return the queue with the place and estimate of each."""
    standing = order(db, now)
    waits = estimates.waits(db, now, standing, rows.policy(db))
    return [
        (ticket, Place(position, len(standing), waits.get(ticket.id)))
        for position, ticket in enumerate(standing, start=1)
    ]


def end(db: sqlite3.Connection, now: float, lease: Lease, why: str) -> None:
    """End a live lease and settle its ledger."""
    ended = max(now, lease.started)
    db.execute("UPDATE lease SET state = 'ended', ended = ?, why = ? WHERE id = ?", (ended, why, lease.id))
    ledger.settle(db, lease, ended, rows.policy(db))
    rows.note(db, now, "released", owner=lease.owner, lease_id=lease.id, text=why)


def check_names(owner: Owner, request: Request) -> None:
    """Refuse what cannot be an owner or a request; both may come from the network."""
    if not 1 <= len(owner.user) <= 255 or len(owner.server) > 255:
        raise LeaseError(
            "The names of a lease's user and server have at most 255 characters, and the user's is not empty."
        )
    if not 1 <= request.count <= 64:
        raise LeaseError(f"1 to 64 GPUs can be asked for at a time, not {request.count}.")
    if request.kind not in ("whole", "mig", "shared"):
        raise LeaseError(f"{request.kind!r} is no kind of GPU; there are whole, mig and shared.")


def _serve(db: sqlite3.Connection, now: float, ticket: Ticket, place: str) -> Asked:
    """Grant a waiting ticket if it is its turn."""
    standing = order(db, now)
    turns = line.plan(standing, ground_of(db), quotas.room(db, now, standing)).turns
    if ticket.id not in turns:
        places = {waiting.id: where for waiting, where in queue(db, now)}
        return Asked(None, ticket, places[ticket.id])
    policy = rows.policy(db)
    lease = Lease(
        id=uuid.uuid4().hex[:12],
        owner=ticket.owner,
        request=ticket.request,
        held=turns[ticket.id],
        state="active" if place else "reserved",
        pool=ticket.pool,
        place=place,
        started=now,
        ended=None,
        deadline=None if place else now + policy.reserve_s,
        why="",
    )
    rows.insert_lease(db, lease, now if place else None)
    db.execute("UPDATE ticket SET state = 'granted' WHERE id = ?", (ticket.id,))
    rows.note(db, now, "granted", owner=lease.owner, lease_id=lease.id, waited_s=max(0.0, now - ticket.asked))
    return Asked(lease, None, None)


def _close(db: sqlite3.Connection, now: float, ticket: Ticket, state: str, why: str) -> None:
    db.execute("UPDATE ticket SET state = ? WHERE id = ?", (state, ticket.id))
    rows.note(db, now, "withdrawn", owner=ticket.owner, text=why, waited_s=max(0.0, now - ticket.asked))


def _refuse_the_impossible(db: sqlite3.Connection, request: Request, pool: Pool) -> None:
    """Say at once that waiting would never end."""
    ground = ground_of(db)
    devices = len(ground.of_kind(request))
    if ground.limit(devices, pool) >= request.count:
        return
    wanted = of_request(request)
    if devices >= request.count:
        raise NoSuchGpuError(
            f"This machine has {devices} of that kind and keeps {ground.policy.for_apps} free for apps and batch runs, so {wanted} "
            "cannot be had by a server. Choose a server without GPU, or ask an admin."
        )
    kinds = _kinds(ground.states)
    raise NoSuchGpuError(
        f"{wanted} cannot be had here: this machine has {kinds}. Choose another size of server."
    )


def _kinds(states: Sequence[DeviceState]) -> str:
    counts: dict[str, int] = {}
    for state in states:
        device = state.device
        if state.present:
            name = of_request(Request(device.kind, 1, device.profile)).removeprefix("1 ")
            counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{number} × {name}" for name, number in counts.items()) or "no GPU"
