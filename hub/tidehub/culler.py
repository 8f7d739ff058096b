"""The service `cull`: stops servers in which nothing works and which nobody uses (see `tidehub.idleness`)."""

import asyncio
import logging
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from tidehub.idleness import Decision, Seen, decide
from tidehub.processes import TreeUse, tree_use, variable_of
from tidehub.recent_runs import has_run_in_progress, parse_time
from tidehub.sweeper import sweep_forever

PAGE = 50
_TIMEOUT = aiohttp.ClientTimeout(total=15)
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
        self._to_hub = _bearer(settings.api_token)
        self._uses: dict[tuple[str, str], tuple[float, TreeUse]] = {}
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
        for user, name, server in await self._servers():
            present.add((user, name))
            seen = await self._see(user, name, server)
            decision = decide(seen, datetime.now(UTC), self._settings.idle_time)
            self._tell(user, name, decision)
            if decision.stop:
                await self._stop(user, name)
        self._uses = {key: use for key, use in self._uses.items() if key in present}
        self._said = {key: said for key, said in self._said.items() if key in present}

    async def _servers(self) -> list[tuple[str, str, dict[str, Any]]]:
        found, offset = [], 0
        while True:
            address = f"{self._settings.api_url}/users?state=ready&offset={offset}&limit={PAGE}"
            async with self._session.get(address, headers=self._to_hub, timeout=_TIMEOUT) as answer:
                answer.raise_for_status()
                users = await answer.json()
            for user in users:
                for name, server in (user.get("servers") or {}).items():
                    if server.get("ready"):
                        found.append((user["name"], name, server))
            if len(users) < PAGE:
                return found
            offset += PAGE

    async def _see(self, user: str, name: str, server: dict[str, Any]) -> Seen:
        state = server.get("state") or {}
        kernels = await self._ask(state, "api/kernels")
        status = await self._ask(state, "api/status")
        times = [parse_time(server.get("last_activity")), parse_time(server.get("started"))]
        if isinstance(status, dict):
            times.append(parse_time(status.get("last_activity")))
        states: tuple[str, ...] | None = None
        if isinstance(kernels, list):
            states = tuple(str(kernel.get("execution_state", "unknown")) for kernel in kernels)
            times += [parse_time(kernel.get("last_activity")) for kernel in kernels]
        busy, share = self._processes(user, name, state)
        return Seen(
            kernel_states=states,
            busy_terminals=busy,
            cpu_share=share,
            run_in_progress=has_run_in_progress(user),
            last_activity=max((moment for moment in times if moment), default=None),
        )

    async def _ask(self, state: dict[str, Any], path: str) -> Any:
        """Return a server's answer, None if it gave none: a server that cannot be asked is left alone.

        It is asked directly and with a word that keeps it from counting the question as use: the proxy counts everything.
        It is shown the token that it has itself. What listens there runs its owner's code, and a token of ours would open
        everybody's servers to it.
        """
        address = f"{state.get('address', '')}{path}?no_track_activity=1"
        token = variable_of(state.get("pid"), state.get("created"), "JUPYTERHUB_API_TOKEN")
        if not address.startswith("http://127.0.0.1:") or not token:
            return None
        try:
            async with self._session.get(address, headers=_bearer(token), timeout=_TIMEOUT) as answer:
                return await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    def _processes(self, user: str, name: str, state: dict[str, Any]) -> tuple[int | None, float | None]:
        use = tree_use(state.get("pid"), state.get("created"))
        if use is None:
            return None, None
        now, key = time.monotonic(), (user, name)
        before = self._uses.get(key)
        self._uses[key] = (now, use)
        share = use.share_since(before[1], now - before[0]) if before else None
        return use.busy_terminals, share

    async def _stop(self, user: str, name: str) -> None:
        address = f"{self._settings.api_url}/users/{quote(user)}/servers/{quote(name)}"
        async with self._session.delete(address, headers=self._to_hub, timeout=_TIMEOUT) as answer:
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


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"}


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
