"""Whether the services answer, in words for the home page; asked at most every few seconds, never waited for long."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import HTTPTimeoutError

from tidehub.services import ServiceDefinition, service_prefix

ASK_SECONDS = 3.0
REMEMBER_SECONDS = 5.0
BUSY_SECONDS = 60.0
"""A service that answered this recently and is slow now is busy, not gone: its pages stay open to people."""

_MEANING = {
    "mlflow": "Experiments (MLflow) are not ready: after a start that takes up to a minute. Analysing works as usual; training cannot be logged and models "
    "cannot be registered until it is back.",
    "models": "The promotion of models does not answer. Analysing works as usual; a model cannot be promoted until it is back.",
    "gpus": "The measuring of GPUs does not answer. Servers and their GPUs go on as they are; nothing is given back, and figures of use are missing until it "
    "is back.",
    "apps": "The apps do not answer (just after a start that takes some seconds), so Analyse is switched off. The same analysis works in the Lab: Open in Lab, then "
    "Run, Run All Cells.",
}


@dataclass(frozen=True)
class ServiceHealth:
    """One service: does it answer, and what it means for people if it does not."""

    name: str
    answers: bool
    sentence: str = ""


class Health:
    """Asks the services over HTTP.

    Parameters
    ----------
    services
        Those that were started.
    wanted
        Names that the settings ask for; one that is not among the started ones is not installed.
    """

    def __init__(self, services: Sequence[ServiceDefinition], wanted: Iterable[str] = ()) -> None:
        self._services = [service for service in services if service.url]
        started = {service.name for service in services}
        self._missing = [name for name in wanted if name not in started]
        self._known: list[ServiceHealth] = []
        self._asked = float("-inf")
        self._answered: dict[str, float] = {}

    async def check(self) -> list[ServiceHealth]:
        """Return the state of every service."""
        if time.monotonic() - self._asked > REMEMBER_SECONDS:
            client = AsyncHTTPClient()
            asked = await asyncio.gather(*(self._ask(client, service) for service in self._services))
            self._known = [*asked, *(_not_installed(name) for name in self._missing)]
            self._asked = time.monotonic()
        return self._known

    async def _ask(self, client: AsyncHTTPClient, service: ServiceDefinition) -> ServiceHealth:
        address = f"{service.url}{service_prefix(service.name)}"
        now = time.monotonic()
        try:
            answer = await client.fetch(
                address,
                raise_error=False,
                follow_redirects=False,
                request_timeout=ASK_SECONDS,
                connect_timeout=ASK_SECONDS,
            )
            answers = answer.code < 500
        except HTTPTimeoutError:
            answers = now - self._answered.get(service.name, float("-inf")) < BUSY_SECONDS
        except Exception:  # a service may fail in any way; the page that says so must not
            answers = False
        else:
            if answers:
                self._answered[service.name] = now
        return ServiceHealth(
            service.name, answers, "" if answers else _MEANING.get(service.name, service.title)
        )

    def __deepcopy__(self, memo: object) -> "Health":
        """Return itself: traitlets copies configuration values."""
        return self


def _not_installed(name: str) -> ServiceHealth:
    return ServiceHealth(
        name, False, f"The service {name!r} is not installed on this machine. `make run` installs it."
    )
