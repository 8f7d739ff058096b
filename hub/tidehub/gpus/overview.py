"""Everything that an admin sees: who holds what, since when, used or not; the queue; devices; strangers."""

import time
from collections import Counter
from typing import Any

from tidehub.gpus import now, summary
from tidelab.leases.book import Book
from tidelab.leases.model import DeviceState, Place, Ticket


def of_all(book: Book, *, moment: float | None = None) -> dict[str, Any]:
    """Return all leases, devices, those who wait, processes without a lease, and what is wrong.

    Durations are seconds, memory MiB, moments seconds since 1970.

    Raises
    ------
    LeaseError
        The book cannot be used; the text says why.
    """
    moment = time.time() if moment is None else moment
    state = now.load(moment)
    known = book.devices()
    devices = {each.device.id: each for each in known}
    live = book.live()
    held = Counter(place.device for lease in live for place in lease.held)
    return {
        "leases": [
            summary.of_lease(lease, devices, state, moment)
            | {
                "user": lease.owner.user,
                "pool": lease.pool,
                "place": lease.place.partition(":")[0],
                "device_ids": [place.device for place in lease.held],
            }
            for lease in live
        ],
        "devices": [
            _device(each, held[each.device.id], state.lost.get(each.device.id, "")) for each in known
        ],
        "queue": [_waiting(ticket, place) for ticket, place in book.queue()],
        "strangers": [
            {
                "device": each.device,
                "pid": each.pid,
                "user": each.user,
                "command": each.command,
                "memory_mb": each.memory_mb,
            }
            for each in state.strangers
        ],
        "problem": state.problem,
        "seen": state.written or None,
        "free": summary.free(book),
    }


def _device(state: DeviceState, held: int, lost: str) -> dict[str, Any]:
    device = state.device
    return {
        "id": device.id,
        "name": device.name,
        "kind": device.kind,
        "profile": device.profile,
        "index": device.index,
        "memory_mb": device.memory_mb,
        "slots": device.slots,
        "held": held,
        "drained": state.drained,
        "why": state.why,
        "lost": lost or ("" if state.present else "it is not there any more"),
        "simulated": device.simulated,
    }


def _waiting(ticket: Ticket, place: Place) -> dict[str, Any]:
    return {
        "user": ticket.owner.user,
        "server": ticket.owner.server,
        "kind": ticket.request.kind,
        "profile": ticket.request.profile,
        "count": ticket.request.count,
        "pool": ticket.pool,
        "asked": ticket.asked,
        "position": place.position,
        "wait_s": place.wait_s,
    }
