"""Looks at the devices every few seconds, writes the seconds into the book and the present into a file."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import psutil

from tidehub.gpus import now
from tidehub.gpus.driver import DeviceUse, Driver
from tidehub.gpus.holders import Holders
from tidehub.gpus.sampler import Intruder, Look, attribute, seconds
from tidehub.gpus.watch import Watch
from tidelab.leases import Lease, LeaseError, Seconds
from tidelab.leases.book import Book

log = logging.getLogger("gpus")
NOT_LISTED = "the driver does not list it"


class Measuring:
    """The loop that measures.

    Parameters
    ----------
    book, driver, watch
        Where seconds are kept, what is asked, what is remembered from look to look.
    every_s
        Time between looks.
    keep
        Minutes that Keep adds, and how often it may be pressed: written beside what was seen, for the pages.
    holders
        How the lease of a process is found.
    """

    def __init__(
        self,
        book: Book,
        driver: Driver,
        watch: Watch,
        every_s: float,
        keep: tuple[float, int],
        holders: Callable[[Sequence[Lease]], Holders] = Holders,
    ) -> None:
        self._book, self._driver, self._watch = book, driver, watch
        self._every_s, self._keep, self._holders = every_s, keep, holders
        self._last: float | None = None
        self._told: set[object] = set()
        self.now = now.Now()

    async def run(self) -> None:
        """Look forever; a failed look is reported and repeated at the next turn."""
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(self.look)
            except (LeaseError, OSError) as error:
                log.warning("Use could not be measured: %s", error)
            await asyncio.sleep(max(0.1, self._every_s - (time.monotonic() - began)))

    def look(self, tick: float | None = None, moment: float | None = None) -> None:
        """Look once.

        Parameters
        ----------
        tick, moment
            The present by a clock that is never set, and in seconds since 1970; tests give their own.

        Raises
        ------
        LeaseError, OSError
            The book, or the file, cannot be written.
        """
        leases = self._book.live()
        devices = self._driver.look()
        tick = time.monotonic() if tick is None else tick
        moment = time.time() if moment is None else moment
        elapsed, self._last = (tick - self._last if self._last is not None else 0.0), tick
        found = attribute(devices, leases, self._holders(leases).lease_of)
        for lease in leases:
            use = found.uses[lease.id]
            self._watch.see(lease.id, use, moment)
            added = seconds(use, elapsed, self._every_s, moment - lease.started)
            if added != Seconds():
                self._book.add_seconds(lease.id, added)
        self._watch.keep_only({lease.id for lease in leases})
        self._mark_lost(leases, found)
        self.write(devices, found, moment)

    def write(self, devices: Sequence[DeviceUse], found: Look, moment: float) -> None:
        """Replace the file that the pages read."""
        lost = {device.id: device.lost for device in devices if device.lost}
        watched = {lease: self._watch.get(lease) for lease in found.uses}
        self.now = now.Now(
            written=moment,
            every_s=self._every_s,
            keep_minutes=self._keep[0],
            keep_times=self._keep[1],
            problem=self._driver.problem,
            leases={lease: each.now(moment) for lease, each in watched.items() if each},
            strangers=tuple(_stranger(each) for each in found.intruders),
            lost=lost,
        )
        now.save(self.now)
        self._tell(found.intruders, lost)

    def show_now(self, lease: str) -> None:
        """Show what is remembered of one lease before the next look, after its holder did something."""
        watched = self._watch.get(lease)
        if watched and lease in self.now.leases:
            leases = self.now.leases | {lease: watched.now(time.time())}
            self.now = replace(self.now, leases=leases)
            now.save(self.now)

    def _mark_lost(self, leases: Sequence[Lease], found: Look) -> None:
        """Note in the book which leases cannot be seen any more, and which can again."""
        for lease in leases:
            why = found.uses[lease.id].lost
            if why and lease.state == "active":
                self._book.mark(lease.id, "unknown", f"{_LOST}{why}")
            elif not why and lease.state == "unknown" and lease.why.startswith(_LOST):
                self._book.mark(lease.id, "active", "")

    def _tell(self, intruders: Sequence[Intruder], lost: dict[str, str]) -> None:
        """Log what an admin must know, once while it lasts."""
        present: set[object] = {(each.device, each.pid) for each in intruders} | set(lost.items())
        for each in intruders:
            if (each.device, each.pid) not in self._told:
                log.warning("Process %s is on GPU %s without a lease of it.", each.pid, each.device)
        for device, why in lost.items():
            if (device, why) not in self._told:
                log.error("GPU %s is lost: %s.", device, why)
        self._told = present


_LOST = "the GPU does not answer: "


def _stranger(found: Intruder) -> now.Stranger:
    """Name a process for admins: account and program, never its arguments."""
    try:
        process = psutil.Process(found.pid)
        with process.oneshot():
            user, command = str(process.username()), str(process.name())
    except (psutil.Error, KeyError):
        user, command = "?", "?"
    return now.Stranger(found.device, found.pid, user[:64], command[:64], found.memory_mb)
