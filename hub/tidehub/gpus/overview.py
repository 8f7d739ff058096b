"""Everything that an admin sees: who holds what, since when, used or not; the queue; devices; strangers."""

import time
from typing import Any

from tidehub.gpus import now, summary
from tidelab.leases.book import Book


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
    devices = {each.device.id: each for each in book.devices()}
    held: dict[str, int] = {}
    leases = []
    for lease in book.live():
        for place in lease.held:
            held[place.device] = held.get(place.device, 0) + 1
        shown = summary.of_lease(lease, devices, state, moment)
        where = {
            "user": lease.owner.user,
            "pool": lease.pool,
            "place": lease.place.partition(":")[0],
            "device_ids": [place.device for place in lease.held],
        }
        leases.append(shown | where)
    return {
        "leases": leases,
        "devices": [
            {
                "id": each.device.id,
                "name": each.device.name,
                "kind": each.device.kind,
                "profile": each.device.profile,
                "index": each.device.index,
                "memory_mb": each.device.memory_mb,
                "slots": each.device.slots,
                "held": held.get(each.device.id, 0),
                "drained": each.drained,
                "why": each.why,
                "lost": state.lost.get(each.device.id, "")
                or ("" if each.present else "it is not there any more"),
                "simulated": each.device.simulated,
            }
            for each in book.devices()
        ],
        "queue": [
            {
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
            for ticket, place in book.queue()
        ],
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
