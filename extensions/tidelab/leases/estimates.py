"""How long a place in the queue may take, from how long leases lasted. Functions on an open transaction.

Nothing is known of what people will do, so the past has to serve: a lease of this age lasted, in the median, so much longer. Where no
past lease became as old as the present ones, and no longest time is set, there is no estimate.
"""

import heapq
import sqlite3
from collections.abc import Sequence
from statistics import median
from typing import Final

from tidelab.leases import rows
from tidelab.leases.model import Policy, Ticket

FEWEST: Final = 5
"""Past leases of a kind below which nothing is said."""
MOST: Final = 500
SHORTEST_S: Final = 30.0
"""Leases shorter than this were servers that did not start, and say nothing of how long people stay."""


def waits(db: sqlite3.Connection, now: float, order: Sequence[Ticket], policy: Policy) -> dict[int, float]:
    """Return the estimate of each ticket, seconds; a ticket without one is left out.

    Parameters
    ----------
    db, now
        The transaction and the time.
    order
        Who waits, next first.
    policy
        Its ``max_s`` bounds what a lease may still last.
    """
    found: dict[int, float] = {}
    for kind, profile in {(ticket.request.kind, ticket.request.profile) for ticket in order}:
        lengths = _past(db, kind, profile)
        ages = [
            now - lease.started
            for lease in rows.leases(db)
            if (lease.request.kind, lease.request.profile) == (kind, profile)
            for _ in lease.held
        ]
        wanted = [
            (ticket.id, ticket.request.count)
            for ticket in order
            if (ticket.request.kind, ticket.request.profile) == (kind, profile)
        ]
        found |= estimate(wanted, ages, lengths, policy.max_s)
    return found


def estimate(
    wanted: Sequence[tuple[int, int]],
    ages_s: Sequence[float],
    lengths_s: Sequence[float],
    max_s: float | None = None,
) -> dict[int, float]:
    """Estimate when each ticket is served if places come free as past leases did.

    Parameters
    ----------
    wanted
        Ticket and number of places, next first.
    ages_s
        Age of the lease on each place, seconds.
    lengths_s
        How long past leases lasted, seconds.
    max_s
        Longest time of a lease.

    Returns
    -------
    Ticket -> seconds, rounded up to whole minutes; up to the first ticket for which nothing is known.

    >>> estimate([(1, 1), (2, 1)], [600.0], [1200.0] * 5)
    {1: 600.0, 2: 1800.0}
    """
    typical = _typical(0.0, lengths_s, max_s)
    free_at = [left for age in ages_s if (left := _typical(age, lengths_s, max_s)) is not None]
    heapq.heapify(free_at)
    found: dict[int, float] = {}
    for ticket, count in wanted:
        if typical is None or len(free_at) < count:
            break
        at = max([heapq.heappop(free_at) for _ in range(count)])
        for _ in range(count):
            heapq.heappush(free_at, at + typical)
        found[ticket] = float(-(-at // 60) * 60)
    return found


def _typical(age_s: float, lengths_s: Sequence[float], max_s: float | None) -> float | None:
    """Return how much longer a lease of some age lasts in the median; None where nothing is known."""
    older = [length for length in lengths_s if length > age_s] if len(lengths_s) >= FEWEST else []
    limit = None if max_s is None else max(0.0, max_s - age_s)
    if not older:
        return limit
    left = median(older) - age_s
    return left if limit is None else min(left, limit)


def _past(db: sqlite3.Connection, kind: str, profile: str) -> list[float]:
    found = db.execute(
        "SELECT ended - started FROM lease WHERE state = 'ended' AND place <> '' AND kind = ? AND profile = ? AND ended - started >= ? "
        "ORDER BY ended DESC LIMIT ?",
        (kind, profile, SHORTEST_S, MOST),
    )
    return [float(row[0]) for row in found]
