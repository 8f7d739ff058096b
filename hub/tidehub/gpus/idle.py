"""Decides whether anybody uses a leased GPU. Pure: what was seen goes in, what works in words comes out.

A GPU is used while anything works in its server: a kernel, a terminal, a run, processor time, or the card itself. Memory of
the card that is only held is not use. What could not be seen counts as work.
"""

from dataclasses import dataclass

from tidehub.idleness import Seen, work_in

BUSY_SHARE = 0.05
"""Share of the time that a card must compute to count as used; a display or a health check stays below."""


@dataclass(frozen=True)
class CardSeen:
    """What was seen of a lease's cards since the last decision.

    Parameters
    ----------
    busiest
        Largest share of time that they computed at any look; None where one of them could not be seen.
    processes
        Whether any process of the lease is on them.
    looks
        Number of looks; none means that nothing is known.
    """

    busiest: float | None
    processes: bool
    looks: int


def use_of(server: Seen | None, card: CardSeen) -> str:
    """Say what uses a lease, or cannot be seen and so counts as use; empty if nothing does.

    Parameters
    ----------
    server
        What was seen of the server; None where it could not be looked at.
    card
        What was seen of its devices.
    """
    if card.looks == 0:
        return "the card was not looked at yet"
    if card.busiest is None:
        return "the card's use cannot be measured"
    if card.busiest >= BUSY_SHARE:
        return f"the card computes ({card.busiest:.0%} of the time)"
    if server is None:
        return "its server cannot be seen"
    return work_in(server)
