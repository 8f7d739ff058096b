"""The lease book: every call is one short transaction, and any number of processes may use the file."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tidelab import paths
from tidelab.leases import asking, ledger, lifecycle, quotas, reconciling, rows, wishes
from tidelab.leases.clock import STEP_S, Clock, step
from tidelab.leases.model import (
    Action,
    Asked,
    Device,
    DeviceState,
    Event,
    Free,
    Lease,
    LeaseError,
    More,
    Owner,
    Place,
    Policy,
    Pool,
    Quota,
    QuotaRow,
    Request,
    Seconds,
    Seen,
    Ticket,
)
from tidelab.leases.schema import LIVE
from tidelab.leases.store import Store

T = TypeVar("T")


class Book:
    """Who holds which device.

    Parameters
    ----------
    file
        The database; default: `tidelab.paths.leases`. It must lie on a local disk: WAL needs memory that its users share.
    clock
        For tests.
    connection
        For tests: class of the connections.

    Notes
    -----
    Every method raises `LeaseError` with a sentence when it refuses, or when the file cannot be used. A damaged file is set aside and
    a new one begun; `reconcile` then writes the leases again from the labels of what runs.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        clock: Clock | None = None,
        connection: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        self.file = paths.leases() if file is None else Path(file)
        self._store = Store(self.file, connection)
        self._clock = clock or Clock()

    def close(self) -> None:
        """Close this thread's connection; the next call opens it again."""
        self._store.close()

    # Devices and policy

    def set_inventory(self, devices: Sequence[Device], by: str = "hub") -> None:
        """Say what the machine has now, and who says so; a device that is leased and gone is kept, as not present."""
        self._do(lifecycle.set_inventory, devices, by)

    def inventory_by(self) -> str:
        """Return who said last what the machine has (``hub``); empty: nobody ever did."""
        with self._open() as (db, _):
            return str((rows.meta(db, "inventory") or {}).get("by", ""))

    def devices(self) -> list[DeviceState]:
        """Return every device: those that are there, and those that are leased or drained and gone."""
        with self._open() as (db, _):
            return rows.devices(db)

    def set_policy(self, policy: Policy) -> None:
        """Say how places are handed out from now on, for all who use the file."""
        with self._open() as (db, now):
            asking.set_policy(db, policy, now)

    def policy(self) -> Policy:
        """Return how places are handed out."""
        with self._open() as (db, _):
            return rows.policy(db)

    def drain(self, device: str, on: bool, why: str = "", by: str = "") -> None:
        """Give out no more leases on a device (`on`), or do again; those that are go on."""
        self._do(lifecycle.drain, device, on, why, by)

    # Asking and waiting

    def ask(self, owner: Owner, request: Request, pool: Pool = "interactive", *, place: str = "") -> Asked:
        """Return a lease, or a ticket; asked again, the same.

        Parameters
        ----------
        owner, request, pool
            Who asks for what. Another request of the same owner replaces its ticket or reservation.
        place
            Where it will be used, if that is known (a process that takes it for itself): the lease is then active at once.

        Raises
        ------
        NoSuchGpuError
            Waiting would never end.
        QuotaExceededError
            The person holds, waits for or used what they may.
        LeaseError
            The server has an active lease of something else.
        """
        return self._do(asking.ask, owner, request, pool, place)

    def again(self, ticket_id: int, *, place: str = "") -> Asked:
        """Return the lease if it is this ticket's turn, else where it stands; also the sign of life of the one who waits.

        Raises
        ------
        QuotaExceededError
            The person used up what they may while waiting.
        LeaseError
            The ticket was withdrawn, or never was.
        """
        return self._do(asking.again, ticket_id, place)

    def withdraw(self, ticket_id: int) -> None:
        """Leave the queue."""
        self._do(asking.withdraw, ticket_id)

    def free(self, request: Request, pool: Pool = "interactive") -> Free:
        """Count what somebody who asks now could have, after those who wait."""
        return self._do(asking.free, request, pool)

    def queue(self) -> list[tuple[Ticket, Place]]:
        """Return who waits, next first."""
        return self._do(asking.queue)

    # Leases

    def find(self, user: str, server: str) -> Lease | None:
        """Return the live lease of a server."""
        with self._open() as (db, _):
            return rows.live_lease(db, user, server)

    def lease(self, lease_id: str) -> Lease | None:
        """Return a lease, ended ones included."""
        with self._open() as (db, _):
            return rows.lease(db, lease_id)

    def live(self) -> list[Lease]:
        """Return the live leases, oldest first."""
        with self._open() as (db, _):
            return rows.leases(db)

    def history(self, user: str | None = None, since: float = 0.0) -> list[Lease]:
        """Return leases that were live at some time since then, ended ones included, oldest first."""
        with self._open() as (db, _):
            where = f"(state IN {LIVE} OR ended >= ?) AND (? IS NULL OR user = ?)"
            return rows.leases(db, where, (since, user, user))

    def activate(self, lease_id: str, place: str) -> Lease:
        """Note where a lease is used: it lives as long as what runs there.

        Raises
        ------
        LeaseError
            The reservation ran out and somebody else has the device: what was started must be stopped.
        """
        return self._do(lifecycle.activate, lease_id, place)

    def renew(self, lease_id: str, seconds: float) -> Lease:
        """Let a reservation, or a lease without a place on this machine, live so much longer from now."""
        return self._do(lifecycle.renew, lease_id, seconds)

    def release(self, lease_id: str, why: str) -> Lease | None:
        """End a lease; one that ended before stays as it is."""
        return self._do(lifecycle.release, lease_id, why)

    def release_server(self, user: str, server: str, why: str) -> Lease | None:
        """End what a server holds and let it leave the queue, whatever the caller remembers of it."""
        return self._do(lifecycle.release_server, user, server, why)

    def keep(self, lease_id: str, minutes: float, times: int) -> Lease:
        """Add minutes in which idleness does not end a lease.

        Raises
        ------
        LeaseError
            It was kept `times` times.
        """
        return self._do(lifecycle.keep, lease_id, minutes, times)

    def mark(self, lease_id: str, state: str, why: str) -> Lease:
        """Note that the device of a lease cannot be seen any more (``unknown``), or again (``active``)."""
        return self._do(lifecycle.mark, lease_id, state, why)

    def reconcile(
        self, seen: Sequence[Seen] | None, *, boot: bool = False, as_of: float | None = None
    ) -> list[Action]:
        """Make the book say what runs; see `tidelab.leases.reconciling.reconcile`."""
        with self._open() as (db, now):
            return reconciling.reconcile(db, now, seen, boot=boot, as_of=as_of)

    # Ledger

    def add_seconds(self, lease_id: str, seconds: Seconds) -> None:
        """Add what a sampler saw of a lease since its last report; a lease that is not in the book is left out."""
        with self._open() as (db, now):
            lease = rows.lease(db, lease_id)
            if lease is not None:
                ledger.add(db, lease, seconds, now, rows.policy(db))

    def seconds(
        self, user: str | None = None, since: float | None = None, by: ledger.By = "user"
    ) -> dict[str, Seconds]:
        """Add up device-seconds of everyone or one person, by ``user``, ``use_case``, ``lease`` or ``day`` (UTC)."""
        with self._open() as (db, _):
            return ledger.seconds(db, user, since, by)

    def events(self, since: float = 0.0, limit: int = 1000) -> list[Event]:
        """Return what happened, newest first."""
        with self._open() as (db, _):
            found = db.execute(
                "SELECT time, kind, user, server, lease, by, text, waited_s FROM event WHERE time >= ? ORDER BY id DESC LIMIT ?",
                (since, limit),
            )
            return [Event(*row) for row in found]

    # Quotas

    def set_quota(
        self,
        scope: quotas.Scope,
        name: str = "",
        *,
        gpu_hours: float | None = None,
        days: float | None = None,
        gpus: float | None = None,
        servers: float | None = None,
        memory_gb: float | None = None,
        disk_gb: float | None = None,
    ) -> None:
        """Set the limits of a person, a group or everyone; all None removes them, ``math.inf`` lifts a limit.

        Raises
        ------
        LeaseError
            The scope is unknown, or a limit is negative.
        """
        limits = {
            "gpu_hours": gpu_hours, "gpus": gpus, "servers": servers, "memory_gb": memory_gb, "disk_gb": disk_gb,
        }  # fmt: skip
        with self._open() as (db, _):
            quotas.put(db, scope, name, limits, days)

    def quotas(self) -> list[QuotaRow]:
        """Return every limit that was set."""
        with self._open() as (db, _):
            return quotas.all_of(db)

    def quota(self, owner: Owner) -> Quota:
        """Return what a person may have, and has."""
        with self._open() as (db, now):
            return quotas.of(db, now, owner, rows.policy(db))

    def over_quota(self) -> list[tuple[Lease, str]]:
        """Return the live leases of people whose GPU hours are used up, with the sentence for them."""
        with self._open() as (db, now):
            found = [(lease, quotas.over(db, now, lease.owner)) for lease in rows.leases(db)]
            return [(lease, words) for lease, words in found if words]

    def ask_more(self, user: str, text: str) -> More:
        """Ask an admin for more; an earlier wish without answer is replaced."""
        return self._do(wishes.ask_more, user, text)

    def requests(self, *, open_only: bool = True) -> list[More]:
        """Return wishes for more, oldest first."""
        with self._open() as (db, _):
            return wishes.all_of(db, open_only=open_only)

    def answer(self, request_id: int, *, granted: bool, by: str, text: str = "") -> More:
        """Answer a wish for more; the limit itself is set with `set_quota`.

        Raises
        ------
        LeaseError
            There is no such wish, or it was answered.
        """
        return self._do(wishes.answer, request_id, granted, by, text)

    # Transactions

    def _do(self, function: Callable[..., T], *arguments: Any) -> T:
        with self._open() as (db, now):
            return function(db, now, *arguments)

    @contextmanager
    def _open(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        try:
            with self._store.transaction() as db:
                yield db, self._now(db)
        except sqlite3.IntegrityError as error:
            # The database refused what the code above should not have tried: nothing was changed.
            raise LeaseError(
                f"The lease book refused a change that would break its rules ({error}). Try again."
            ) from error

    def _now(self, db: sqlite3.Connection) -> float:
        """Return the time; when somebody set the clock, whatever is counted from now on moves with it."""
        wall, boot = self._clock.wall(), self._clock.boot()
        offset = wall - self._clock.since_boot()
        before = rows.meta(db, "clock")
        moved = step((before[0], before[1]) if before else None, boot, offset)
        if moved:
            db.execute(
                "UPDATE lease SET started = started + ?, placed = placed + ?, deadline = deadline + ?, kept_until = kept_until + ?, "
                "used_at = used_at + ? "
                "WHERE state <> 'ended'",
                (moved,) * 5,
            )
            db.execute(
                "UPDATE ticket SET asked = asked + ?, seen = seen + ? WHERE state IN ('waiting', 'lapsed')",
                (moved,) * 2,
            )
            db.execute("UPDATE recent SET at = at + ?", (moved,))
            rows.note(db, wall, "clock", text=f"the clock was set by {moved:+.0f} s")
        if not before or moved or before[0] != boot or abs(offset - before[1]) > STEP_S:
            rows.set_meta(db, "clock", [boot, offset])
        return wall
