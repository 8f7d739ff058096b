"""The pages: one's own GPU hours, everybody's for admins, the metrics."""

import asyncio
import time
from datetime import UTC, datetime

from tornado.web import HTTPError, authenticated

from tidehub import audit
from tidehub.gpus import metrics, overview, summary, weeks
from tidehub.gpus.ladder import clock_time
from tidehub.gpus.web.api import ApiHandler, keep
from tidehub.gpus.web.base import GpusHandler
from tidehub.gpus.words import duration, idle_words, kind_words, percent
from tidelab.leases import Lease

LONGEST_WHY = 300
_WORDS = {
    "duration": duration,
    "percent": percent,
    "clock": clock_time,
    "idle_words": idle_words,
    "kind_words": kind_words,
}


class MyHoursHandler(GpusHandler):
    """What one holds, what it is used for, what was used and wasted."""

    @authenticated
    async def get(self) -> None:
        """Show the page."""
        caller = self.person()
        book = self.service.book
        found = await asyncio.to_thread(summary.for_person, book, caller.name, caller.groups)
        shown = await asyncio.to_thread(weeks.weeks, book, caller.name, datetime.now(UTC))
        longest = max((bar.allocated for week in shown for bar in week.bars), default=0.0)
        self.show(
            "mine.html",
            found=found,
            weeks=shown,
            longest=longest,
            problem=self.service.measuring.now.problem,
            moment=time.time(),
            **_WORDS,
        )

    @authenticated
    def post(self) -> None:
        """Keep a GPU, or put a notice away."""
        caller = self.person()
        identifier = self.get_body_argument("lease", "")
        if self.get_body_argument("action", "") == "read":
            self.service.notices.remove(self.get_body_argument("notice", ""), caller.name)
        else:
            lease = self.service.book.lease(identifier)
            if lease is None or lease.state == "ended":
                raise HTTPError(404, "There is no such lease, or it has ended.")
            if lease.owner.user != caller.name:
                raise HTTPError(403, "This lease is somebody else's.")
            keep(self.service, lease)
        self.redirect(self.service.settings.prefix)


class AllHandler(GpusHandler):
    """Who holds what; admins take leases back and drain devices."""

    @authenticated
    async def get(self) -> None:
        """Show the page."""
        self.an_admin()
        found = await asyncio.to_thread(overview.of_all, self.service.book)
        lease = self.get_query_argument("release", "")
        asked = next((each for each in found["leases"] if each["id"] == lease), None)
        self.show("all.html", found=found, asked=asked, moment=time.time(), **_WORDS)

    @authenticated
    async def post(self) -> None:
        """Take a lease back after confirmation, or drain a device; both are audited first."""
        admin = self.an_admin().name
        action = self.get_body_argument("action", "")
        if action == "release":
            await self._release(admin, self.get_body_argument("lease", ""))
        elif action in ("drain", "undrain"):
            await self._drain(admin, self.get_body_argument("device", ""), on=action == "drain")
        else:
            raise HTTPError(400, "This page releases leases, drains devices and takes them back into use.")
        self.redirect(f"{self.service.settings.prefix}all")

    async def _release(self, admin: str, identifier: str) -> None:
        lease: Lease | None = self.service.book.lease(identifier)
        if lease is None or lease.state == "ended":
            raise HTTPError(404, "There is no such lease, or it has ended.")
        why = self.get_body_argument("why", "").strip()[:LONGEST_WHY]
        audit.record(
            admin,
            "released",
            lease.owner.user,
            lease.owner.server,
            detail=why,
            origin=self.request.remote_ip or "",
        )
        reason = f"{admin}, an admin, took it back{': ' + why if why else ''}"
        if lease.pool == "interactive":
            resources = self.service.sizes.without_gpu(lease.owner)
            # A server may take a minute to end; the page says meanwhile that it is being given back.
            self.service.in_background(self.service.reaper.give_back(lease, resources, reason))
        else:
            await asyncio.to_thread(self.service.book.release, lease.id, reason)

    async def _drain(self, admin: str, device: str, *, on: bool) -> None:
        why = self.get_body_argument("why", "").strip()[:LONGEST_WHY]
        if on and not why:
            raise HTTPError(400, "Say why the device is drained: the next admin will ask.")
        await asyncio.to_thread(self.service.book.drain, device, on, why, admin)


class AllApiHandler(ApiHandler):
    """The same as JSON."""

    async def get(self) -> None:
        """Send it."""
        self.an_admin()
        self.send(await asyncio.to_thread(overview.of_all, self.service.book))


class MetricsHandler(ApiHandler):
    """Figures for Prometheus: for admins, for tokens with ``read:metrics``, and for this machine itself."""

    async def get(self) -> None:
        """Send them."""
        caller = self.caller
        if not (caller and caller.metrics) and not self._is_from_here():
            raise HTTPError(403, "The metrics are for admins and for tokens with the scope read:metrics.")
        found = await asyncio.to_thread(metrics.text, self.service.book, self.service.measuring.now)
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(found)

    def _is_from_here(self) -> bool:
        """Tell whether a program of this machine asks directly: the proxy says for whom it asks."""
        forwarded = any(name.lower().startswith("x-forwarded") for name in self.request.headers)
        return not forwarded and self.request.remote_ip in ("127.0.0.1", "::1")


class NothingHandler(GpusHandler):
    """Every other address."""

    async def prepare(self) -> None:
        """Say that there is nothing."""
        await super().prepare()
        raise HTTPError(404)
