"""The addresses below ``<server>/tidelab/api/``. All need the person's own session; what changes something needs its XSRF token."""

import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from tidelab.lab.gpus import RefusedError

if TYPE_CHECKING:
    from tidelab.lab.extension import LabSide


class _Handler(APIHandler):
    auth_resource = "tidelab"
    # A page that asks how things stand is no use of the server: nothing would ever be idle.
    _track_activity = False

    def initialize(self, side: "LabSide") -> None:
        """Take what the handlers share."""
        self.side = side

    def _answer(self, value: dict[str, Any]) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(value))

    async def _status(self) -> None:
        self._answer(await self.side.status())

    def _refuse(self, error: RefusedError) -> None:
        self.set_status(error.status)
        self._answer({"message": str(error)})


class StatusHandler(_Handler):
    """What the panel draws."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return it."""
        await self._status()


class KeepHandler(_Handler):
    """*Keep* for one lease."""

    @web.authenticated
    @authorized
    async def post(self, lease: str) -> None:
        """Ask the service; answer with the new state or with the sentence that says why not."""
        try:
            await self.side.gpus.keep(lease)
        except RefusedError as error:
            self._refuse(error)
            return
        await self._status()


class LeaseHandler(_Handler):
    """One lease."""

    @web.authenticated
    @authorized
    async def delete(self, lease: str) -> None:
        """Give it back now."""
        try:
            await self.side.gpus.give_back(lease)
        except RefusedError as error:
            self._refuse(error)
            return
        await self._status()


class SelfTestHandler(_Handler):
    """The test of the GPU."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make it again; one that is being made goes on."""
        self.side.selftest.start()
        await self._status()
