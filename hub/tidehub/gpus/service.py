"""The service put together: one book, one driver, three loops and the pages."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp

from tidehub.gpus.containers import Containers
from tidehub.gpus.driver import Driver, NoDriver
from tidehub.gpus.hub_client import HubClient
from tidehub.gpus.measuring import Measuring
from tidehub.gpus.notices import Notices
from tidehub.gpus.reaper import Reaper
from tidehub.gpus.settings import GpusSettings
from tidehub.gpus.simulated import SimulatedDriver
from tidehub.gpus.sizes import Sizes
from tidehub.gpus.watch import Watch
from tidehub.live_catalogue import LiveCatalogue
from tidehub.looking import Eyes
from tidehub.settings import Settings
from tidelab import paths
from tidelab.leases import LeaseError, inventory
from tidelab.leases.book import Book
from tidelab.leases.model import Device

RECONCILE_S = 30.0
log = logging.getLogger("gpus")


class Service:
    """Everything the pages and loops share.

    Parameters
    ----------
    settings
        What the hub said.
    session
        For the hub and the servers; carries no token by itself.
    """

    def __init__(self, settings: GpusSettings, session: aiohttp.ClientSession) -> None:
        self.settings = settings
        hub = settings.hub
        self.book = Book(paths.leases())
        self.notices = Notices()
        self.watch = Watch()
        self.sizes = Sizes(LiveCatalogue())
        self.hub = HubClient(settings.api_url, settings.api_token, session)
        self.driver = driver_of(hub)
        self.measuring = Measuring(
            self.book,
            self.driver,
            self.watch,
            hub.gpu_sample_seconds,
            (hub.gpu_keep_minutes, hub.gpu_keep_times),
        )
        self.reaper = Reaper(
            self.book,
            self.watch,
            self.notices,
            Eyes(settings.api_url, settings.api_token, session),
            self.hub,
            self.sizes,
            settings.rules,
        )
        self._tasks: set[asyncio.Future[None]] = set()
        self._inventory: list[Device] | None = None
        self._engine = Containers(hub)

    async def run(self) -> None:
        """Measure, judge and reconcile until the service ends."""
        await asyncio.gather(
            self.measuring.run(),
            self._repeat(self.reaper.look, self.settings.judge_every_s, "Leases could not be judged"),
            self._repeat(
                lambda: asyncio.to_thread(self.reconcile), RECONCILE_S, "The book could not be reconciled"
            ),
        )

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that outlives the request that asked for it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reconcile(self) -> None:
        """Make the book say what runs and what the machine has.

        Raises
        ------
        LeaseError
            The book cannot be used.
        """
        hub = self.settings.hub
        found = inventory.look(hub.gpus, hub.gpu_shared_slots)
        if list(found.devices) != self._inventory:
            self._inventory = list(found.devices)
            self.book.set_inventory(self._inventory)
            log.info("%s", found.words)
        asked = time.time()
        for action in self.book.reconcile(self._engine.seen(), as_of=asked):
            owner = action.lease.owner
            log.info("Lease of %s/%s %s: %s.", owner.user, owner.server, action.kind, action.why)
            if action.kind == "conflict" and action.stop:
                self._engine.stop(action.stop)

    async def _repeat(self, turn: Callable[[], Any], every_s: float, words: str) -> None:
        while True:
            try:
                await turn()
            except (aiohttp.ClientError, TimeoutError, ValueError, LeaseError, OSError) as error:
                log.warning("%s (%s: %s); trying again.", words, type(error).__name__, error)
            await asyncio.sleep(every_s)


def driver_of(settings: Settings) -> Driver:
    """Return who answers for this machine's GPUs."""
    if settings.gpus == "none":
        return NoDriver()
    if settings.gpus.startswith("simulated:"):
        return SimulatedDriver(inventory.look(settings.gpus, settings.gpu_shared_slots).devices)
    from tidehub.gpus.nvml import NvmlDriver

    return NvmlDriver()
