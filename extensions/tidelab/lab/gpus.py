"""Asks the hub's service ``gpus`` in the name of this server's owner, gently, and remembers how busy the GPU was."""

import asyncio
import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from tidelab.lab.answers import Mine, read_mine, text
from tidelab.lab.identity import Identity

FRESH_S = 6.0
"""An answer is shared by every tab for so long."""
PAUSES_S = (10.0, 20.0, 40.0, 80.0, 120.0)
"""How long a service that did not answer is left alone, after the first failure, the second, ..."""
HISTORY_S = 600.0
MAX_BYTES = 1_000_000
_LEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")

Absent = "absent"
Answers = "answers"
Away = "away"


class RefusedError(Exception):
    """The service refused, or does not answer; the text is a sentence for the person."""

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status


class Gpus:
    """One server's view of the service.

    Attributes
    ----------
    state : str
        ``absent`` (this hub has none), ``answers`` or ``away``.
    mine : Mine
        The last answer; empty before the first.
    readings : deque of (float, float)
        Of this server's lease: time (seconds since 1970) and busy share, for the last ten minutes.
    """

    def __init__(
        self,
        who: Identity,
        log: logging.Logger,
        clock: Callable[[], float] = time.time,
        timeout_s: float = 4.0,
    ) -> None:
        self._who, self._log, self._clock, self._timeout_s = who, log, clock, timeout_s
        self.state = Answers if who.gpus_url else Absent
        self.mine = Mine()
        self.readings: deque[tuple[float, float]] = deque(maxlen=200)
        self._asked = float("-inf")
        self._failures = 0
        self._lock = asyncio.Lock()

    async def refresh(self, *, now: bool = False) -> None:
        """Ask again unless the last answer is fresh, or the service is being left alone; raises nothing."""
        if self.state == Absent:
            return
        async with self._lock:
            rest = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1] if self._failures else FRESH_S
            if not now and self._clock() - self._asked < rest:
                return
            try:
                answer = await self._request("GET", "api/mine")
                self._answered(read_mine(_json(answer)))
            except (OSError, HTTPClientError, ValueError) as error:
                self._failed(error)

    async def keep(self, lease: str) -> None:
        """Press *Keep* for a lease.

        Raises
        ------
        RefusedError
            The service said no, or nothing.
        """
        await self._act("POST", f"api/leases/{self._checked(lease)}/keep")

    async def give_back(self, lease: str) -> None:
        """Give a lease back now.

        Raises
        ------
        RefusedError
            The service said no, or nothing.
        """
        await self._act("DELETE", f"api/leases/{self._checked(lease)}")

    async def _act(self, method: str, path: str) -> None:
        if self.state == Absent:
            raise RefusedError("This hub has no service for GPUs.", 404)
        try:
            await self._request(method, path)
        except HTTPClientError as error:
            raise RefusedError(
                _sentence(error), error.code if error.code in (403, 404, 409) else 502
            ) from None
        except OSError:
            raise RefusedError(
                "The hub's service for GPUs does not answer. Nothing was changed; try again in a minute.", 502
            ) from None
        await self.refresh(now=True)

    def _checked(self, lease: str) -> str:
        if not _LEASE_ID.fullmatch(lease):
            raise RefusedError("There is no such lease.", 404)
        return quote(lease, safe="")

    async def _request(self, method: str, path: str) -> HTTPResponse:
        request = HTTPRequest(
            f"{self._who.gpus_url}/{path}",
            method=method,
            headers={"Authorization": f"token {self._who.token}", "Accept": "application/json"},
            body=b"" if method == "POST" else None,
            connect_timeout=self._timeout_s / 2,
            request_timeout=self._timeout_s,
            # A redirect leads to a page for signing in: it says that the token is not accepted.
            follow_redirects=False,
        )
        client = AsyncHTTPClient(force_instance=True, max_body_size=MAX_BYTES)
        try:
            return await client.fetch(request)
        finally:
            client.close()

    def _answered(self, mine: Mine) -> None:
        if self.state == Away:
            self._log.info("The hub's service for GPUs answers again.")
        self.state, self._failures, self._asked, self.mine = Answers, 0, self._clock(), mine
        lease = mine.lease_of(self._who.server)
        if lease and lease.busy_now is not None:
            self.readings.append((self._asked, lease.busy_now))
        if lease is None:
            self.readings.clear()
        while self.readings and self.readings[0][0] < self._asked - HISTORY_S:
            self.readings.popleft()

    def _failed(self, error: Exception) -> None:
        self._asked = self._clock()
        self._failures += 1
        if self.state != Away:
            # Said once. The class alone: a text of the network may hold an address with more in it.
            code = f" {error.code}" if isinstance(error, HTTPClientError) else ""
            self._log.warning(
                "The hub's service for GPUs does not answer (%s%s).", type(error).__name__, code
            )
        self.state = Away


def _json(answer: HTTPResponse) -> Any:
    try:
        return json.loads(answer.body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _sentence(error: HTTPClientError) -> str:
    """Return the service's own sentence, else one about its status."""
    body = error.response.body if error.response is not None else b""
    try:
        answer = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        answer = {}
    said = text(answer.get("message")) if isinstance(answer, dict) else ""
    if said:
        return said
    if error.code == 599:
        return "The hub's service for GPUs does not answer. Nothing was changed; try again in a minute."
    return f"The hub's service for GPUs refused this (status {error.code})."
