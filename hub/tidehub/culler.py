"""The service `cull`: stops servers in which nothing works and which nobody uses (see `tidehub.idleness`)."""

import asyncio
import logging
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import quote

import aiohttp

from tidehub.idleness import Decision, decide
from tidehub.looking import TIMEOUT, Eyes, bearer
from tidehub.sweeper import sweep_forever

log = logging.getLogger("cull")


@dataclass(frozen=True)
class CullerSettings:
    """What the hub gave the service."""

    api_url: str
    api_token: str = field(repr=False)
    idle_time: timedelta
    every_s: float

    @classmethod
    def from_environment(cls) -> Self:
        """Read them; raises KeyError or ValueError where this was not started by the hub."""
        return cls(
            api_url=os.environ["JUPYTERHUB_API_URL"].rstrip("/"),
            api_token=os.environ["JUPYTERHUB_API_TOKEN"],
            idle_time=timedelta(minutes=float(os.environ["TIDEHUB_IDLE_MINUTES"])),
            every_s=float(os.environ["TIDEHUB_IDLE_CHECK_SECONDS"]),
        )


class Culler:
    """Looks at all servers again and again.

    Parameters
    ----------
    settings
        What the hub gave the service.
    session
        Carries no token by itself: the hub is shown the service's, each server its own.
    """

    def __init__(self, settings: CullerSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._to_hub = bearer(settings.api_token)
        self._eyes = Eyes(settings.api_url, settings.api_token, session)
        self._said: dict[tuple[str, str], str] = {}

    async def run(self) -> None:
        """Look forever; a failed look is reported and repeated at the next turn."""
        while True:
            try:
                await self.look()
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                log.warning(
                    "The hub did not answer as expected (%s: %s); trying again.", type(error).__name__, error
                )
            await asyncio.sleep(self._settings.every_s)

    async def look(self) -> None:
        """Look at every running server once and stop the idle ones."""
        present = set()
        for server in await self._eyes.servers():
            present.add(server.key)
            seen = await self._eyes.see(server)
            decision = decide(seen, datetime.now(UTC), self._settings.idle_time)
            self._tell(server.user, server.name, decision)
            if decision.stop:
                await self._stop(server.user, server.name)
        self._said = {key: said for key, said in self._said.items() if key in present}

    async def _stop(self, user: str, name: str) -> None:
        address = f"{self._settings.api_url}/users/{quote(user)}/servers/{quote(name)}"
        async with self._session.delete(address, headers=self._to_hub, timeout=TIMEOUT) as answer:
            if answer.status not in (202, 204, 404):
                log.warning("%s/%s could not be stopped: the hub answered %s.", user, name, answer.status)

    def _tell(self, user: str, name: str, decision: Decision) -> None:
        """Log a stop always, and why a server is kept when the kind of reason changes."""
        kind = decision.reason.rstrip("0123456789 smin%ago.")
        if decision.stop:
            log.info("Stopping %s/%s: %s.", user, name, decision.reason)
        elif self._said.get((user, name)) != kind:
            log.info("Keeping %s/%s: %s.", user, name, decision.reason)
        self._said[user, name] = kind


async def serve() -> None:
    """Run the service."""
    settings = CullerSettings.from_environment()
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(Culler(settings, session).run(), sweep_forever())


def main() -> int:
    """Start the service; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="[cull] %(message)s", stream=sys.stdout)
    try:
        asyncio.run(serve())
    except (KeyError, ValueError) as error:
        print(
            f"The culler is started by the hub, which sets its settings; missing or wrong: {error}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
