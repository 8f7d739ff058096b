"""What the service asks of the hub: stop a server, start it again with another size, say how it stands."""

import asyncio
from typing import Any, Literal
from urllib.parse import quote

import aiohttp

from tidehub.looking import TIMEOUT, bearer

Status = Literal["ready", "pending", "stopped"]
STOP_S = 90.0
_EVERY_S = 0.5


class HubError(Exception):
    """The hub refused; the text is its sentence, or what went wrong."""


class HubClient:
    """The hub's API with the service's own token.

    Parameters
    ----------
    api_url, api_token
        The hub's API and the service's token.
    session
        Carries no token by itself.
    """

    def __init__(self, api_url: str, api_token: str, session: aiohttp.ClientSession) -> None:
        self._api_url = api_url
        self._session = session
        self._headers = bearer(api_token)

    async def status(self, user: str, server: str) -> Status:
        """Return how a server stands.

        Raises
        ------
        HubError
            The hub does not answer, or refuses.
        """
        code, answer = await self._call("GET", f"users/{quote(user)}")
        if code == 404:
            return "stopped"
        if code != 200:
            raise HubError(_sentence(code, answer))
        found = (answer.get("servers") or {}).get(server)
        if not found:
            return "stopped"
        return "ready" if found.get("ready") else "pending" if found.get("pending") else "stopped"

    async def stop(self, user: str, server: str) -> None:
        """Stop a server and wait until it is stopped; nothing happens to one that does not run.

        Raises
        ------
        HubError
            It did not stop in time, or the hub refuses.
        """
        code, answer = await self._call("DELETE", _path(user, server))
        if code not in (202, 204, 404) and not (code == 400 and await self.status(user, server) == "stopped"):
            raise HubError(_sentence(code, answer))
        for _ in range(int(STOP_S / _EVERY_S)):
            if await self.status(user, server) == "stopped":
                return
            await asyncio.sleep(_EVERY_S)
        raise HubError(f"The server did not stop within {STOP_S:g} seconds.")

    async def start(self, user: str, server: str, resources: str) -> None:
        """Start a server with a size; one that starts or runs is left as it is.

        Raises
        ------
        HubError
            The hub or the spawner refuses; the text says why.
        """
        body = {"user_options": {"use_case": server, "resources": resources}}
        code, answer = await self._call("POST", _path(user, server), json=body)
        if code not in (201, 202) and await self.status(user, server) == "stopped":
            raise HubError(_sentence(code, answer))

    async def _call(self, method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        address = f"{self._api_url}/{path}"
        try:
            async with self._session.request(
                method, address, headers=self._headers, timeout=TIMEOUT, **body
            ) as answer:
                said = await answer.json(content_type=None) if answer.content_length != 0 else {}
                return answer.status, said if isinstance(said, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise HubError(f"The hub did not answer ({type(error).__name__}: {error}).") from None


def _path(user: str, server: str) -> str:
    return f"users/{quote(user)}/servers/{quote(server)}"


def _sentence(code: int, answer: dict[str, Any]) -> str:
    return str(answer.get("message") or f"The hub answered with status {code}.")[:500]
