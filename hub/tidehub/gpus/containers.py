"""What the service asks of the container engine: which of this hub's servers run, and to stop one that is on another's card."""

import logging
from typing import Any

import requests
from docker.errors import DockerException

from tidehub.docker.engine import EngineError, connect
from tidehub.docker.seen import seen, stop_conflicting
from tidehub.docker.service_container import instance
from tidehub.settings import Settings
from tidelab.leases import Seen

log = logging.getLogger("gpus")
_ERRORS = (DockerException, requests.RequestException, EngineError, OSError)


class Containers:
    """The engine, asked when needed; in embedded mode there is none.

    Parameters
    ----------
    settings
        The hub's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def seen(self) -> list[Seen] | None:
        """Return this hub's containers; None where there is no engine, or it does not answer: then nothing may be concluded."""
        if self._settings.mode != "docker":
            return None
        try:
            found: list[Seen] = seen(self._connected(), instance(self._settings))
        except _ERRORS as error:
            self._client = None
            log.warning("The container engine does not answer, so leases are not compared with it: %s", error)
            return None
        return found

    def stop(self, place: str) -> None:
        """Stop a server that runs on a card another one has; where that fails, the next look tries again."""
        try:
            name = stop_conflicting(self._connected(), instance(self._settings), place)
        except _ERRORS as error:
            log.error("%s runs on a GPU that somebody else has and could not be stopped: %s", place, error)
        else:
            log.error("%s ran on a GPU that somebody else has and was stopped.", name or place)

    def _connected(self) -> Any:
        self._client = self._client or connect()
        return self._client
