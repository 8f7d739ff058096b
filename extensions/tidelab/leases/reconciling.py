"""The book made to say what really runs. What runs is the truth; the book follows. Functions on an open transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from tidelab.leases import labels, lifecycle, rows
from tidelab.leases.asking import end, end_dead, tidy
from tidelab.leases.model import Action, Held, Lease, LeaseError, Seen
from tidelab.leases.schema import LIVE

GRACE_S: Final = 10.0
"""How old a caller's look at the engine may be who does not say when it was taken."""
GONE: Final = "the device is not there any more: "


def reconcile(
    db: sqlite3.Connection, now: float, seen: Sequence[Seen] | None, *, boot: bool, as_of: float | None
) -> list[Action]:
    """Compare the book with what runs and change the book; a second time right after, nothing is left to do.

    Parameters
    ----------
    db, now
        The transaction and the time.
    seen
        Every container with our labels, running or not; None where the engine was not asked: then only processes, deadlines and
        devices are looked at.
    boot
        The hub has just started: nothing is about to start on a reservation of a server.
    as_of
        When the engine was asked; what began or ended since is left alone.
    """
    at = now - GRACE_S if as_of is None else as_of
    actions = [_released(db, lease) for lease in end_dead(db, now)]
    if seen is not None:
        live = {lease.id for lease in rows.leases(db)}
        # Containers of live leases first: a reservation whose container runs is in use, and nobody's to take.
        for one in sorted(
            seen, key=lambda one: (not one.running, one.labels.get(labels.LEASE) not in live, one.place)
        ):
            actions += _follow(db, now, one, seen, at)
        actions += _end_those_without_container(db, now, seen, at)
    if boot:
        actions += _end_reservations_of_the_past(db, now, seen or ())
    # Only now: a reservation whose deadline is over and whose container runs has become active above.
    actions += [_released(db, lease) for lease in tidy(db, now)]
    return actions + _look_at_devices(db, now)


def _follow(db: sqlite3.Connection, now: float, one: Seen, seen: Sequence[Seen], at: float) -> list[Action]:
    """Make the book say what one container shows."""
    told = labels.lease_from(one)
    if told is None:
        return []
    known = rows.lease(db, told.id)
    if not one.running:
        # A container that was made and not started yet belongs to a reservation, which has its deadline.
        if known is not None and known.state in ("active", "unknown") and known.place == one.place:
            return [_end(db, now, known, "its container ended")]
        return []
    if known is None:
        return _adopt(db, now, told, seen, at)
    if known.state == "ended":
        # Later than now is the date of an end before somebody set the clock back: that was long ago.
        just_ended = at <= (known.ended or 0.0) <= now
        return [] if just_ended else _adopt(db, now, told, seen, at)
    if known.place == one.place:
        return []
    if known.place and _runs(known.place, seen):
        return [
            Action(
                "conflict",
                known,
                f"{one.place} runs with the lease of {known.place}; stop {one.place}",
                stop=one.place,
            )
        ]
    lease = lifecycle.activate(db, now, known.id, one.place)
    return [Action("activated", lease, f"{one.place} runs with it")]


def _adopt(db: sqlite3.Connection, now: float, told: Lease, seen: Sequence[Seen], at: float) -> list[Action]:
    """Write the lease of a running container; whoever only reserved its places loses them."""
    rivals = _rivals(db, told)
    for rival in rivals:
        if rival.place and (not rival.place.startswith("docker:") or _runs(rival.place, seen)):
            why = (
                f"{told.place} runs on a GPU that {rival.place} of {rival.owner.user} has; stop {told.place}"
            )
            return [Action("conflict", told, why, stop=told.place)]
        if rival.place and _placed(db, rival) >= at:
            return []  # it began after the engine was asked, so `told` may have ended by now: the next look will tell
    for rival in rivals:
        end(db, now, rival, f"{told.place} already runs on its GPU")
    known = rows.lease(db, told.id)
    try:
        if known is None:
            lifecycle.adopt(db, now, told)
        else:
            lifecycle.revive(db, now, known, told.place)
    except (sqlite3.IntegrityError, LeaseError) as error:
        return [
            Action("conflict", told, f"{told.place} cannot have a lease ({error}); stop it", stop=told.place)
        ]
    lease = rows.lease(db, told.id)
    assert lease is not None
    return [Action("adopted", lease, f"{told.place} runs with it and the book did not know")]


def _rivals(db: sqlite3.Connection, told: Lease) -> list[Lease]:
    """Return the live leases that stand in the way of one: on its places, of another kind on its devices, or of its server."""
    found = {
        lease.id: lease
        for lease in rows.leases(
            db, f"state IN {LIVE} AND user = ? AND server = ?", (told.owner.user, told.owner.server)
        )
    }
    for lease in rows.leases(db):
        if any(_excludes(place, lease, told) for place in lease.held):
            found[lease.id] = lease
    return list(found.values())


def _excludes(place: Held, lease: Lease, told: Lease) -> bool:
    same_kind = lease.request.kind == told.request.kind
    return any(place == other or (place.device == other.device and not same_kind) for other in told.held)


def _end_those_without_container(
    db: sqlite3.Connection, now: float, seen: Sequence[Seen], at: float
) -> list[Action]:
    places = {one.place for one in seen}
    return [
        _end(db, now, lease, "its container is gone")
        for lease in rows.leases(db)
        if lease.place.startswith("docker:") and lease.place not in places and _placed(db, lease) < at
    ]


def _end_reservations_of_the_past(db: sqlite3.Connection, now: float, seen: Sequence[Seen]) -> list[Action]:
    """End what an earlier hub reserved and never used; batch runs reserve for themselves and go on."""
    named = {told.id for one in seen if (told := labels.lease_from(one)) is not None and one.running}
    return [
        _end(db, now, lease, "the hub restarted before anything started on it")
        for lease in rows.leases(db, "state = 'reserved' AND pool <> 'batch'")
        if lease.id not in named
    ]


def _look_at_devices(db: sqlite3.Connection, now: float) -> list[Action]:
    """Mark leases whose device went away, and those whose device is back."""
    present = {state.device.id for state in rows.devices(db) if state.present}
    actions = []
    for lease in rows.leases(db):
        missing = [place.device for place in lease.held if place.device not in present]
        if missing and lease.state == "active":
            lost = lifecycle.mark(db, now, lease.id, "unknown", GONE + ", ".join(missing))
            actions.append(Action("lost", lost, lost.why))
        elif not missing and lease.state == "unknown" and lease.why.startswith(GONE):
            lifecycle.mark(db, now, lease.id, "active", "")
    return actions


def _placed(db: sqlite3.Connection, lease: Lease) -> float:
    """Return when a lease got its place."""
    row = db.execute("SELECT placed FROM lease WHERE id = ?", (lease.id,)).fetchone()
    return float(row[0] or 0.0)


def _runs(place: str, seen: Sequence[Seen]) -> bool:
    return any(one.running and one.place == place for one in seen)


def _end(db: sqlite3.Connection, now: float, lease: Lease, why: str) -> Action:
    end(db, now, lease, why)
    return _released(db, lease)


def _released(db: sqlite3.Connection, lease: Lease) -> Action:
    ended = rows.lease(db, lease.id)
    assert ended is not None
    return Action("released", ended, ended.why)
