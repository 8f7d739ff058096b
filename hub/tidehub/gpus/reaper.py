"""Warns who holds an unused GPU, and gives it back: the server is stopped and started again without one, its home untouched.

What to do is decided in `idle` and `ladder`; here it is done, and survives a crash at any point (see `notices`). A lease of a
batch run is no business of this: it ends when its holder stops renewing it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidehub.gpus.hub_client import HubClient, HubError
from tidehub.gpus.idle import use_of
from tidehub.gpus.ladder import Rules, Standing, clock_time, released_text, step, warning_text
from tidehub.gpus.notices import Notice, Notices
from tidehub.gpus.now import Warned
from tidehub.gpus.sizes import Sizes
from tidehub.gpus.watch import Watch, Watched
from tidehub.looking import Eyes, RunningServer
from tidelab.leases import Lease, LeaseError, Request
from tidelab.leases.book import Book

log = logging.getLogger("gpus")
FILES_ARE_SAFE = "Your files are as you left them; kernels that ran have ended."


@dataclass(frozen=True)
class Judged:
    """A lease that is due, and why."""

    lease: Lease
    resources: str
    why: str


class Reaper:
    """Looks at every lease of a server again and again.

    Parameters
    ----------
    book, watch, notices
        Who holds what, what was seen of it, what people were told.
    eyes, hub
        Looks at servers; stops and starts them.
    sizes
        What the catalogue says of the sizes of servers.
    rules
        The hub's own times; a size of server may have its own.
    clock
        For tests: seconds since 1970.
    """

    def __init__(
        self,
        book: Book,
        watch: Watch,
        notices: Notices,
        eyes: Eyes,
        hub: HubClient,
        sizes: Sizes,
        rules: Rules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._book, self._watch, self._notices = book, watch, notices
        self._eyes, self._hub, self._sizes = eyes, hub, sizes
        self._rules, self._clock = rules, clock
        self._going: set[str] = set()  # ids of leases that are being given back at this moment

    async def look(self) -> None:
        """Finish what was begun, judge every lease, give back those that are due.

        Raises
        ------
        aiohttp.ClientError, TimeoutError
            The hub does not answer, or refuses.
        """
        await self.finish()
        servers = {server.key: server for server in await self._eyes.servers()}
        leases = await asyncio.to_thread(self._book.live)
        queue = await asyncio.to_thread(self._book.queue)
        over = {lease.id: words for lease, words in await asyncio.to_thread(self._book.over_quota)}
        due = []
        for lease in leases:
            if lease.pool != "interactive" or lease.state == "reserved":
                continue
            waiting = sum(1 for ticket, _ in queue if _would_fit(ticket.request, lease))
            server = servers.get((lease.owner.user, lease.owner.server))
            judged = await self._judge(lease, server, waiting, over.get(lease.id, ""))
            due += [judged] if judged else []
        await asyncio.gather(*(self.give_back(each.lease, each.resources, each.why) for each in due))

    async def _judge(
        self, lease: Lease, server: RunningServer | None, waiting: int, over_quota: str
    ) -> Judged | None:
        watched = self._watch.get(lease.id)
        if watched is None:
            return None
        now = self._clock()
        seen = await self._eyes.see(server) if server else None
        self._note_use(watched, use_of(seen, watched.card()), seen.kernel_activity if seen else None, now)
        flavour = self._sizes.of(lease.owner.server, server)
        rules = self._rules.of_flavour(flavour.idle_minutes, flavour.max_hours) if flavour else self._rules
        standing = Standing(
            started=lease.started,
            last_use=watched.last_use,
            kept_until=lease.kept_until,
            warned=watched.warned,
            waiting=waiting,
            over_quota=over_quota,
        )
        found = step(standing, rules, now)
        if found.kind == "leave":
            watched.warned = watched.warning = None
            return None
        if found.kind == "warn":
            if watched.warned is None:
                watched.warned = now
                log.info("Warned %s: the GPU of %s is given back (%s).", *_names(lease), found.reason)
            text = warning_text(found, standing, now, rules.longest_s)
            watched.warning = Warned(text, found.release_at, can_keep=found.reason == "idle")
            return None
        why = released_text(found.reason, standing, now, rules.longest_s)
        return Judged(lease, self._sizes.without_gpu(lease.owner), why)

    def _note_use(self, watched: Watched, use: str, kernels: datetime | None, now: float) -> None:
        watched.use = use
        if use:
            watched.last_use = now
        elif kernels is not None:
            watched.last_use = max(watched.last_use, min(now, kernels.timestamp()))

    async def give_back(self, lease: Lease, resources: str, why: str) -> None:
        """Stop a server, free its devices, start it again without a GPU, and tell its owner.

        Parameters
        ----------
        lease
            The server's lease.
        resources
            Size of server without a GPU; empty: it stays stopped.
        why
            The end of the sentence "... was given back because".
        """
        if lease.id in self._going:
            return
        self._going.add(lease.id)
        try:
            await self._give_back(lease, resources, why)
        finally:
            self._going.discard(lease.id)

    async def _give_back(self, lease: Lease, resources: str, why: str) -> None:
        user, server = lease.owner.user, lease.owner.server
        again = "Your server was started again without a GPU." if resources else "Your server is stopped."
        text = (
            f"Your GPU was given back at {clock_time(self._clock())} because {why}. {again} {FILES_ARE_SAFE}"
        )
        notice = Notice.new(user, server, lease.id, resources, text)
        self._notices.put(notice)
        log.info("Giving back the GPU of %s/%s: %s.", user, server, why)
        try:
            await self._hub.stop(user, server)
            await asyncio.to_thread(self._book.release_server, user, server, why)
        except (HubError, LeaseError) as error:
            # Nothing was taken: the next look decides again.
            log.warning("%s/%s could not be stopped: %s", user, server, error)
            self._notices.drop(notice)
            return
        await self._start_again(self._notices.set_stage(notice, "starting"))

    async def finish(self) -> None:
        """Bring what an earlier service began to its end, once."""
        for notice in self._notices.unfinished():
            if notice.lease in self._going:
                continue
            try:
                lease = await asyncio.to_thread(self._book.lease, notice.lease)
                status = await self._hub.status(notice.user, notice.server)
            except (HubError, LeaseError) as error:
                log.warning("What was begun for %s waits: %s", notice.user, error)
                continue
            if status == "pending":
                continue
            live = lease is not None and lease.state != "ended"
            if status == "ready" and live and notice.stage == "stopping":
                self._notices.drop(notice)  # it was never stopped, and may be in use by now
                continue
            if status == "ready":
                self._notices.set_stage(notice, "done")
                continue
            if live:
                await asyncio.to_thread(self._book.release_server, notice.user, notice.server, "given back")
            await self._start_again(self._notices.set_stage(notice, "starting"))

    async def _start_again(self, notice: Notice) -> None:
        if not notice.resources:
            self._notices.set_stage(notice, "done")
            return
        try:
            await self._hub.start(notice.user, notice.server, notice.resources)
        except HubError as error:
            log.warning("%s/%s was not started again: %s", notice.user, notice.server, error)
            told = notice.text.replace(
                "Your server was started again without a GPU.",
                f"Your server is stopped and could not be started again: {error} Open it on the home page.",
            )
            self._notices.set_stage(notice, "failed", told)
            return
        self._notices.set_stage(notice, "done")


def _would_fit(request: Request, lease: Lease) -> bool:
    """Tell whether somebody who waits would be served by what a lease holds."""
    return (request.kind, request.profile) == (lease.request.kind, lease.request.profile)


def _names(lease: Lease) -> Sequence[str]:
    return lease.owner.user, lease.owner.server
