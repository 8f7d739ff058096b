"""One person's GPUs in figures and words, from the book and what was seen last: for the API, the home page and the Lab."""

import time
from collections.abc import Sequence
from typing import Any

from tidehub.gpus import notices, now
from tidelab.leases import Lease, Owner, Request
from tidelab.leases.book import Book
from tidelab.leases.model import DeviceState
from tidelab.leases.words import PROMISE, SHARED_PROMISE

DAYS = 28
"""Use is added up over so many days."""
SIMULATED = "This GPU is simulated: it computes nothing, and its figures measure nothing."


def for_person(
    book: Book, user: str, groups: Sequence[str] = (), *, moment: float | None = None
) -> dict[str, Any]:
    """Return what a person holds, waits for, may have and used.

    Parameters
    ----------
    book
        The lease book.
    user
        Name of the hub user.
    groups
        Hub groups, for quotas.
    moment
        The present, seconds since 1970; default: now.

    Returns
    -------
    dict
        Ready for JSON: ``leases``, ``queue``, ``quota``, ``free``, ``used`` as in docs/architecture.md, and ``notices`` (``id``, ``when``,
        ``text``) of what happened while nobody looked. Durations are seconds, memory MiB, moments seconds since 1970.

    Raises
    ------
    LeaseError
        The book cannot be used; the text says why.
    """
    moment = time.time() if moment is None else moment
    state = now.load(moment)
    devices = {each.device.id: each for each in book.devices()}
    mine = [lease for lease in book.live() if lease.owner.user == user]
    return {
        "leases": [of_lease(lease, devices, state, moment) for lease in mine],
        "queue": [
            {
                "server": ticket.owner.server,
                "position": place.position,
                "of": place.of,
                "wait_s": place.wait_s,
            }
            for ticket, place in book.queue()
            if ticket.owner.user == user
        ],
        "quota": _quota(book, Owner(user, "-", "", tuple(groups))),
        "free": free(book),
        "used": used(book, user, moment),
        "notices": [
            {"id": notice.id, "when": notice.when, "text": notice.text, "server": notice.server}
            for notice in notices.read(user)
            if notice.stage in ("done", "failed")
        ],
    }


def of_lease(lease: Lease, devices: dict[str, DeviceState], state: now.Now, moment: float) -> dict[str, Any]:
    """Return one live lease; what nobody measured is None."""
    seen = state.leases.get(lease.id)
    known = [devices[held.device] for held in lease.held if held.device in devices]
    warning = seen.warning if seen else None
    kept = lease.kept_until if lease.kept_until and lease.kept_until > moment else None
    return {
        "id": lease.id,
        "server": lease.owner.server,
        "use_case": lease.owner.use_case,
        "devices": [
            {"name": each.device.name, "memory_mb": each.device.memory_mb, "index": each.device.index}
            for each in known
        ],
        "since": lease.started,
        "busy_share": seen.busy_share if seen else None,
        "busy_now": seen.busy_now if seen else None,
        "memory_mb": seen.memory_mb if seen else None,
        "idle_s": seen.idle_s if seen else None,
        "use": seen.use if seen else "",
        "state": lease.state,
        "trouble": (seen.lost if seen else "") or (lease.why if lease.state == "unknown" else ""),
        "warning": {"text": warning.text, "release_at": warning.release_at} if warning else None,
        "can_keep": bool(warning and warning.can_keep) and lease.kept_times < state.keep_times,
        "kept_until": kept,
        "keep_minutes": state.keep_minutes,
        "promise": promise(lease, known),
    }


def promise(lease: Lease, devices: Sequence[DeviceState]) -> str:
    """Say what a lease cannot guarantee; empty for a card or slice that a container has alone."""
    said = [SIMULATED] if any(each.device.simulated for each in devices) else []
    if lease.request.kind == "shared":
        said.append(SHARED_PROMISE)
    elif not lease.place.startswith("docker:"):
        said.append(PROMISE)
    return " ".join(said)


def free(book: Book) -> list[dict[str, Any]]:
    """Return for each kind of device how many could be had now."""
    kinds = dict.fromkeys((each.device.kind, each.device.profile) for each in book.devices() if each.present)
    found = []
    for kind, profile in kinds:
        places = book.free(Request(kind, 1, profile))
        found.append(
            {
                "kind": kind,
                "profile": profile,
                "free": places.free,
                "total": places.total,
                "waiting": places.waiting,
            }
        )
    return found


def used(book: Book, user: str, moment: float) -> dict[str, float]:
    """Return a person's device-seconds of the last `DAYS` days."""
    found = book.seconds(user=user, since=moment - DAYS * 86_400, by="user").get(user)
    return {
        "allocated_s": found.allocated if found else 0.0,
        "held_s": found.held if found else 0.0,
        "busy_s": found.busy if found else 0.0,
        "days": DAYS,
    }


def _quota(book: Book, owner: Owner) -> dict[str, Any]:
    found = book.quota(owner)
    return {
        "gpu_hours": found.gpu_hours,
        "used_hours": found.used_hours,
        "days": found.days,
        "gpus": found.gpus,
        "holds": found.holds,
        "servers": found.servers,
        "memory_gb": found.memory_gb,
    }
