"""JSON for the Lab and for batch runs: one's own leases, Keep, and leases of programs that run anywhere."""

import asyncio
import re
import secrets
import time
from typing import Any

from tornado.web import HTTPError

from tidehub.gpus import summary
from tidehub.gpus.web.base import Caller, GpusHandler
from tidelab.leases import Lease, LeaseError, NoSuchGpuError, Owner, Request
from tidelab.leases.model import Asked

RENEW_S = 600.0
ANSWER_S = 1.5
"""A server is stopped so long after its owner asked for it, so that the answer still passes through it."""
"""How long a batch lease lives from each renewal."""
LONGEST_WAIT_S = 30.0
_RUN = re.compile(r"^[a-z0-9][a-z0-9-]{0,39}$")
_SLUG = re.compile(r"^([a-z0-9][a-z0-9-]{0,63})?$")
_FIELDS = ("kind", "count", "profile", "use_case", "wait", "run")


class ApiHandler(GpusHandler):
    """Base of the JSON handlers."""

    is_api = True

    def own_lease(self, identifier: str, caller: Caller) -> Lease:
        """Return a live lease of the caller.

        Raises
        ------
        tornado.web.HTTPError
            404: there is none of that name, or it ended; 403: it is somebody else's.
        """
        lease = self.service.book.lease(identifier)
        if lease is None or lease.state == "ended":
            why = f" ({lease.why})" if lease is not None and lease.owner.user == caller.name else ""
            raise HTTPError(404, f"There is no such lease, or it has ended{why}.")
        if lease.owner.user != caller.name:
            raise HTTPError(403, "This lease is somebody else's.")
        return lease


class MineHandler(ApiHandler):
    """What the caller holds, waits for, may have and used."""

    async def get(self) -> None:
        """Send it."""
        caller = self.person()
        found = await asyncio.to_thread(summary.for_person, self.service.book, caller.name, caller.groups)
        self.send(found)


class KeepHandler(ApiHandler):
    """Keep an idle GPU for longer, within policy."""

    def post(self, identifier: str) -> None:
        """Do it; 409 with the sentence when the policy says no."""
        lease = self.own_lease(identifier, self.person())
        self.send({"kept_until": keep(self.service, lease).kept_until})


class NoticeHandler(ApiHandler):
    """What a person has read."""

    def delete(self, identifier: str) -> None:
        """Forget it."""
        if not self.service.notices.remove(identifier, self.person().name):
            raise HTTPError(404, "There is no such notice of yours.")
        self.set_status(204)


class LeasesHandler(ApiHandler):
    """Leases of batch runs, from anywhere, out of the same book."""

    async def post(self) -> None:
        """Ask for one; 200 with the lease, or 202 with the place in the queue (then ask again with the same ``run``)."""
        caller = self.person()
        request, owner, wait_s = _asked(self.body(), caller)
        book = self.service.book
        try:
            answer = await asyncio.to_thread(book.ask, owner, request, "batch")
        except NoSuchGpuError as error:
            raise HTTPError(404, str(error)) from None
        deadline = time.monotonic() + wait_s
        while answer.ticket is not None and time.monotonic() < deadline:
            await asyncio.sleep(1.0)
            answer = await asyncio.to_thread(book.again, answer.ticket.id)
        if answer.lease is not None:
            lease = await asyncio.to_thread(book.renew, answer.lease.id, RENEW_S)
            self.send(self._of(lease))
        else:
            self.send(_waiting(answer), 202)

    def _of(self, lease: Lease) -> dict[str, Any]:
        devices = {each.device.id: each.device for each in self.service.book.devices()}
        held = [devices[place.device] for place in lease.held if place.device in devices]
        return {
            "id": lease.id,
            "run": lease.owner.server.removeprefix("run:"),
            "devices": [
                {"id": each.id, "name": each.name, "memory_mb": each.memory_mb, "index": each.index}
                for each in held
            ],
            "deadline": lease.deadline,
            "renew_s": RENEW_S / 2,
            "promise": summary.promise(
                lease, [each for each in self.service.book.devices() if each.device in held]
            ),
        }


class RenewHandler(ApiHandler):
    """The sign of life of a batch run."""

    def post(self, identifier: str) -> None:
        """Let its lease live on."""
        lease = self.own_lease(identifier, self.person())
        self.send({"deadline": self.service.book.renew(lease.id, RENEW_S).deadline})


class LeaseHandler(ApiHandler):
    """Giving a lease back before it ends by itself."""

    async def delete(self, identifier: str) -> None:
        """End a batch run's lease (204); a server is stopped and started again without a GPU meanwhile (202)."""
        lease = self.own_lease(identifier, self.person())
        if lease.pool == "batch":
            await asyncio.to_thread(self.service.book.release, lease.id, "given back by its run")
            self.set_status(204)
            return
        if lease.state == "reserved":
            raise HTTPError(409, "Its server is starting. Stop the server, or wait until it runs.")
        resources = self.service.sizes.without_gpu(lease.owner)
        self.service.in_background(self._after_the_answer(lease, resources))
        self.send({"resources": resources}, 202)

    async def _after_the_answer(self, lease: Lease, resources: str) -> None:
        # The wish often comes through the very server that is stopped: its answer has to be out first, or the person sees an error.
        await asyncio.sleep(ANSWER_S)
        await self.service.reaper.give_back(lease, resources, "you asked for it")


def keep(service: Any, lease: Lease) -> Lease:
    """Let a person keep a lease for longer.

    Raises
    ------
    LeaseError
        Nothing would be taken now, or it was kept as often as may be.
    """
    watched = service.watch.get(lease.id)
    warning = watched.warning if watched else None
    if warning is None:
        raise LeaseError("Nothing takes this GPU from you at the moment, so there is nothing to keep.")
    if not warning.can_keep:
        raise LeaseError(f"{warning.text} This cannot be put off with Keep.")
    hub = service.settings.hub
    kept: Lease = service.book.keep(lease.id, hub.gpu_keep_minutes, hub.gpu_keep_times)
    watched.warned = watched.warning = None
    service.measuring.show_now(lease.id)
    return kept


def _asked(said: dict[str, Any], caller: Caller) -> tuple[Request, Owner, float]:
    if unknown := sorted(set(said) - set(_FIELDS)):
        raise HTTPError(400, f"A lease takes {', '.join(_FIELDS)}, not {', '.join(unknown)[:100]}.")
    kind, count, profile = said.get("kind", "whole"), said.get("count", 1), said.get("profile", "")
    if kind not in ("whole", "mig", "shared"):
        raise HTTPError(400, "kind is whole, mig or shared.")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 16:
        raise HTTPError(400, "count is a number from 1 to 16.")
    use_case, run = said.get("use_case", ""), said.get("run") or secrets.token_hex(5)
    if not isinstance(profile, str) or len(profile) > 20:
        raise HTTPError(400, "profile is the name of a MIG slice, e.g. 1g.10gb.")
    if not isinstance(use_case, str) or not _SLUG.match(use_case):
        raise HTTPError(400, "use_case is the slug of a use case.")
    if not isinstance(run, str) or not _RUN.match(run):
        raise HTTPError(400, "run has 1 to 40 small letters, digits and hyphens.")
    wait = said.get("wait", 0)
    if not isinstance(wait, int | float) or not 0 <= wait <= 86_400:
        raise HTTPError(400, "wait is how long to wait for an answer, seconds, or true.")
    wait_s = LONGEST_WAIT_S if wait is True else min(LONGEST_WAIT_S, float(wait))
    owner = Owner(caller.name, f"run:{run}", use_case, caller.groups)
    return Request(kind, count, profile), owner, wait_s


def _waiting(answer: Asked) -> dict[str, Any]:
    assert answer.ticket is not None
    place = answer.place
    return {
        "run": answer.ticket.owner.server.removeprefix("run:"),
        "ticket": {
            "id": answer.ticket.id,
            "position": place.position if place else None,
            "of": place.of if place else None,
            "wait_s": place.wait_s if place else None,
            "ask_again_s": 10,
        },
    }
