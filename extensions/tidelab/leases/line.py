"""The queue: who is next. Plain Python on what the book knows, no database."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidelab.leases.ground import Ground
from tidelab.leases.model import Held, Policy, Ticket

HOUR_S = 3600.0


def decayed(seconds: float, since_s: float, half_life_s: float) -> float:
    """Return what an amount of use weighs after some time.

    >>> decayed(3600.0, 86_400.0, 86_400.0)
    1800.0
    """
    return seconds * math.pow(0.5, max(0.0, since_s) / half_life_s)


def in_order(
    tickets: Iterable[Ticket], recent_s: Mapping[str, float], policy: Policy, now: float
) -> list[Ticket]:
    """Sort tickets: little recent use first, each hour of waiting making up for some of it.

    Parameters
    ----------
    tickets
        Those that wait.
    recent_s
        User -> recent use, decayed to now, device-seconds.
    policy
        Its ``age_weight`` is what an hour of waiting makes up for, device-hours.
    now
        Time, seconds since 1970.

    Notes
    -----
    A multifactor priority of fair share and age as in Slurm (https://slurm.schedmd.com/priority_multifactor.html), with use in
    hours rather than shares. Nobody waits for ever: recent use is finite and only gets less, a newcomer has at least none, so a
    ticket with U hours of recent use is ahead of all that come later than U / ``age_weight`` hours after it.
    """

    def standing(ticket: Ticket) -> tuple[float, float, int]:
        used_h = recent_s.get(ticket.owner.user, 0.0) / HOUR_S
        waited_h = max(0.0, now - ticket.asked) / HOUR_S
        return used_h - policy.age_weight * waited_h, ticket.asked, ticket.id

    return sorted(tickets, key=standing)


@dataclass(frozen=True)
class Plan:
    """Whose turn it is.

    Parameters
    ----------
    turns
        Ticket -> the places it may have now.
    order
        The tickets that wait, next first.
    """

    turns: Mapping[int, tuple[Held, ...]]
    order: Sequence[Ticket]


def plan(order: Sequence[Ticket], ground: Ground, room: Mapping[str, float]) -> Plan:
    """Give out what is free, in order; what a ticket still lacks is kept for it.

    A ticket that cannot have all it needs keeps what there is of its kind, so that those behind it, who need less, do not take it
    away for ever; tickets of other kinds pass. One that could not be served even if everything were free (drained devices), or
    whose owner holds what they may, keeps nothing back.

    Parameters
    ----------
    order
        Tickets, next first.
    ground
        What is free; changed by this function to what would be left.
    room
        User -> how many more places they may hold; absent: any number.
    """
    turns: dict[int, tuple[Held, ...]] = {}
    left = dict(room)
    for ticket in order:
        request, user = ticket.request, ticket.owner.user
        if left.get(user, math.inf) < request.count or not ground.can_ever(request, ticket.pool):
            continue
        places = ground.choose(request, ticket.pool)
        if places is not None:
            turns[ticket.id] = places
        left[user] = left.get(user, math.inf) - request.count
        kept = places or tuple(ground.candidates(request, ticket.pool)[: request.count])
        ground.take(kept, request.kind, ticket.pool)
    return Plan(turns, order)
