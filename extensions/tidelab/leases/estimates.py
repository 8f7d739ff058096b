"""How long a place in the queue may take, from how long leases lasted. Functions on an open transaction."""

import sqlite3
from collections.abc import Sequence

from tidelab.leases.model import Policy, Ticket


def waits(db: sqlite3.Connection, now: float, order: Sequence[Ticket], policy: Policy) -> dict[int, float]:
    """Return the estimate of each ticket, seconds; one without is unknown."""
    return {}
