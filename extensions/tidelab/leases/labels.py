"""A lease as labels of the container that uses it, so that the book can be written again from what runs."""

from typing import Final, get_args

from tidelab.leases.model import Held, Kind, Lease, Owner, Pool, Request, Seen

# The same names as in tidelab.containers.names, which lies above this package; a test compares them.
PREFIX: Final = "org.tidelab."
USER: Final = PREFIX + "user"
SERVER: Final = PREFIX + "server"
USE_CASE: Final = PREFIX + "use-case"
LEASE: Final = PREFIX + "lease"
DEVICES: Final = PREFIX + "devices"
GPU: Final = PREFIX + "gpu"
"""Kind and profile of the lease, e.g. ``whole`` or ``mig:1g.10gb``."""
POOL: Final = PREFIX + "pool"
SINCE: Final = PREFIX + "since"
"""When the lease began, seconds since 1970."""
_LONGEST: Final = 4096


def of(lease: Lease) -> dict[str, str]:
    """Return the labels of the container that will use a lease."""
    request = lease.request
    return {
        LEASE: lease.id,
        DEVICES: ",".join(f"{place.device}/{place.slot}" for place in lease.held),
        USER: lease.owner.user,
        SERVER: lease.owner.server,
        USE_CASE: lease.owner.use_case,
        GPU: f"{request.kind}:{request.profile}" if request.profile else request.kind,
        POOL: lease.pool,
        SINCE: f"{lease.started:.3f}",
    }


def lease_from(seen: Seen) -> Lease | None:
    """Return the lease that labels tell of, active at that place; None where they tell of none or cannot be read."""
    labels = {name: value for name, value in seen.labels.items() if len(value) <= _LONGEST}
    lease_id, user, server = (labels.get(name, "") for name in (LEASE, USER, SERVER))
    held = _held(labels.get(DEVICES, ""))
    kind, _, profile = labels.get(GPU, "whole").partition(":")
    pool = labels.get(POOL, "interactive")
    if not (lease_id and user and held) or kind not in get_args(Kind) or pool not in get_args(Pool):
        return None
    try:
        started = max(0.0, float(labels.get(SINCE, "0")))
    except ValueError:
        started = 0.0
    return Lease(
        id=lease_id,
        owner=Owner(user, server, labels.get(USE_CASE, "")),
        request=Request(kind, len(held), profile),  # type: ignore[arg-type]
        held=held,
        state="active",
        pool=pool,  # type: ignore[arg-type]
        place=seen.place,
        started=started if started < 1e11 else 0.0,
        ended=None,
        deadline=None,
        why="",
    )


def _held(text: str) -> tuple[Held, ...]:
    places = []
    for part in text.split(",") if text else []:
        device, _, slot = part.rpartition("/")
        if not device or not slot.isascii() or not slot.isdecimal() or int(slot) > 10_000:
            return ()
        places.append(Held(device, int(slot)))
    return tuple(places) if len(set(places)) == len(places) else ()
