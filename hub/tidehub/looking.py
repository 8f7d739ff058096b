"""What can be seen of people's servers from outside: the hub's list, their kernels, terminals, processes and runs.

Shared by the services that end what is idle. What is found is judged elsewhere (`tidehub.idleness`, `tidehub.gpus.idle`).
"""

import ipaddress
import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tidehub.idleness import Seen
from tidehub.processes import TreeUse, tree_use, variable_of
from tidehub.recent_runs import has_run_in_progress, parse_time

PAGE = 50
TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True)
class RunningServer:
    """One server that is ready, as the hub describes it.

    Parameters
    ----------
    user, name
        Its owner and its name, which is the slug of its use case.
    model
        The hub's whole answer: ``state``, ``user_options``, ``last_activity``, ``started``.
    """

    user: str
    name: str
    model: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """Owner and name."""
        return self.user, self.name

    @property
    def state(self) -> dict[str, Any]:
        """What the spawner keeps of it; the service needs the scope ``admin:server_state``."""
        return self.model.get("state") or {}


class Eyes:
    """Looks at servers, and remembers from one look to the next how much processor time each had used.

    Parameters
    ----------
    api_url, api_token
        The hub's API and the service's own token.
    session
        Carries no token by itself: the hub is shown the service's, each server its own.
    """

    def __init__(self, api_url: str, api_token: str, session: aiohttp.ClientSession) -> None:
        self._api_url = api_url
        self._session = session
        self._to_hub = bearer(api_token)
        self._uses: dict[tuple[str, str], tuple[float, TreeUse]] = {}

    async def servers(self) -> list[RunningServer]:
        """Return every server that is ready.

        Raises
        ------
        aiohttp.ClientError, TimeoutError
            The hub does not answer, or refuses.
        """
        found: list[RunningServer] = []
        offset = 0
        while True:
            address = f"{self._api_url}/users?state=ready&offset={offset}&limit={PAGE}"
            async with self._session.get(address, headers=self._to_hub, timeout=TIMEOUT) as answer:
                answer.raise_for_status()
                users = await answer.json()
            for user in users:
                for name, server in (user.get("servers") or {}).items():
                    if server.get("ready"):
                        found.append(RunningServer(user["name"], name, server))
            if len(users) < PAGE:
                present = {server.key for server in found}
                self._uses = {key: use for key, use in self._uses.items() if key in present}
                return found
            offset += PAGE

    async def see(self, server: RunningServer) -> Seen:
        """Return what one server does now; None stands where it could not be seen."""
        state = server.state
        kernels = await self._ask(state, "api/kernels")
        status = await self._ask(state, "api/status")
        times = [parse_time(server.model.get("last_activity")), parse_time(server.model.get("started"))]
        if isinstance(status, dict):
            times.append(parse_time(status.get("last_activity")))
        states: tuple[str, ...] | None = None
        of_kernels = []
        if isinstance(kernels, list):
            states = tuple(str(kernel.get("execution_state", "unknown")) for kernel in kernels)
            of_kernels = [moment for kernel in kernels if (moment := parse_time(kernel.get("last_activity")))]
        busy, share = self._processes(server)
        return Seen(
            kernel_states=states,
            busy_terminals=busy,
            cpu_share=share,
            run_in_progress=has_run_in_progress(server.user),
            last_activity=max((moment for moment in (*times, *of_kernels) if moment), default=None),
            kernel_activity=max(of_kernels, default=None),
        )

    async def _ask(self, state: dict[str, Any], path: str) -> Any:
        """Return a server's answer, None if it gave none: a server that cannot be asked is left alone.

        It is asked directly and with a word that keeps it from counting the question as use: the proxy counts everything.
        It is shown the token that it has itself. What listens there runs its owner's code, and a token of ours would open
        everybody's servers to it.
        """
        address = f"{state.get('address', '')}{path}?no_track_activity=1"
        token = variable_of(state.get("pid"), state.get("created"), "JUPYTERHUB_API_TOKEN")
        if not is_of_a_server(address) or not token:
            return None
        try:
            async with self._session.get(address, headers=bearer(token), timeout=TIMEOUT) as answer:
                return await answer.json() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    def _processes(self, server: RunningServer) -> tuple[int | None, float | None]:
        use = tree_use(server.state.get("pid"), server.state.get("created"))
        if use is None:
            return None, None
        now = time.monotonic()
        before = self._uses.get(server.key)
        self._uses[server.key] = (now, use)
        share = use.share_since(before[1], now - before[0]) if before else None
        return use.busy_terminals, share


def is_of_a_server(address: str) -> bool:
    """Tell whether an address lies where servers are: on this machine, or in the network of the containers.

    That network is in ``TIDEHUB_SERVERS_NETWORK`` where servers are containers.
    """
    parts = urlsplit(address)
    try:
        host = ipaddress.IPv4Address(parts.hostname or "")
        network = ipaddress.IPv4Network(os.environ.get("TIDEHUB_SERVERS_NETWORK") or "127.0.0.1/32")
    except ValueError:
        return False
    return parts.scheme == "http" and host in network


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token to the hub or to a server."""
    return {"Authorization": f"token {token}"}
