"""A clock that a test moves, pretended devices, and connections that die at a chosen statement."""

import sqlite3
from typing import Any, ClassVar

from tidelab.leases import Book, Device, Lease, Owner, Request
from tidelab.leases.model import Kind, Pool

START = 1_790_000_000.0


class FakeClock:
    """As `tidelab.leases.clock.Clock`."""

    def __init__(self) -> None:
        self.now = START
        self.up = 1000.0
        self.booted = "boot-1"

    def wall(self) -> float:
        return self.now

    def since_boot(self) -> float:
        return self.up

    def boot(self) -> str:
        return self.booted

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.up += seconds

    def set_by(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.now += seconds


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class DyingConnection(sqlite3.Connection):
    """Dies before or after the n-th statement; everything after that fails too, as in a process that is gone."""

    left: ClassVar[int | None] = None
    after: ClassVar[bool] = False

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        return self._do(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        return self._do(super().executemany, *arguments)

    def _do(self, call: Any, *arguments: Any) -> sqlite3.Cursor:
        cls = type(self)
        if cls.left is None:
            return call(*arguments)
        cls.left -= 1
        if cls.left < 0:
            raise Killed
        if cls.left == 0 and not cls.after:
            raise Killed
        done = call(*arguments)
        if cls.left == 0:
            raise Killed
        return done


def simulated(number: int, kind: Kind = "whole", slots: int = 1, first: int = 0) -> list[Device]:
    return [
        Device(
            f"SIM-{index}", kind, "Simulated GPU", index, 16_384, "1g.10gb" if kind == "mig" else "", slots
        )
        for index in range(first, first + number)
    ]


def granted(
    book: Book, user: str, server: str = "s", request: Request | None = None, pool: Pool = "interactive"
) -> Lease:
    """Return the lease that somebody gets at once."""
    lease = book.ask(Owner(user, server), request or Request(), pool).lease
    assert lease is not None
    return lease


def ticket_of(
    book: Book, user: str, server: str = "s", request: Request | None = None, pool: Pool = "interactive"
):
    """Return the ticket that somebody gets."""
    asked = book.ask(Owner(user, server), request or Request(), pool)
    assert asked.lease is None
    assert asked.ticket is not None
    return asked.ticket
