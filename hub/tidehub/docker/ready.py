"""What docker mode needs before the hub starts: an engine that answers, the servers' network, nothing left of a crash."""

import contextlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from docker.errors import DockerException

from tidehub.docker import engine
from tidehub.docker.container import Account
from tidehub.docker.network import ensure_network
from tidehub.docker.seen import containers, remove_ended
from tidehub.docker.service_container import instance, user
from tidehub.settings import Settings, SettingsError
from tidelab import paths

STOP_SECONDS = 10
_AT_ONCE = 16
log = logging.getLogger("tidehub")


def account(settings: Settings) -> Account:
    """Return who the processes in containers are.

    Raises
    ------
    SettingsError
        ``TIDEHUB_DOCKER_USER`` is not uid:gid, or root.
    """
    try:
        return Account.parse(user(settings))
    except ValueError as error:
        raise SettingsError(str(error)) from None


def get_ready(settings: Settings) -> Any:
    """Reach the engine, make the network, remove what ended while no hub ran; return the client.

    Raises
    ------
    tidehub.docker.engine.EngineError, SettingsError
        In words for the admin.
    """
    account(settings)
    client = engine.connect()
    ensure_network(client, settings)
    for folder in (paths.champions(), paths.data() / "shared"):
        folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        log.warning(
            "The hub runs as root, so its servers run as %s and are given the homes. Give the hub an account of its own: "
            "docs/howto/docker-host.md.",
            user(settings),
        )
        (paths.data() / "shared").chmod(0o755)
    for name in remove_ended(client, instance(settings)):
        log.warning("Removed the container %s, which had ended while no hub ran.", name)
    return client


def end_servers(settings: Settings) -> int:
    """End this hub's servers and remove their containers, as Ctrl-C of ``make run`` promises; return how many there were.

    Raises
    ------
    tidehub.docker.engine.EngineError
        The engine does not answer.
    """
    client = engine.connect()

    def end(container: dict[str, Any]) -> None:
        with contextlib.suppress(DockerException):
            client.stop(container["Id"], timeout=STOP_SECONDS)
        with contextlib.suppress(DockerException):
            client.remove_container(container["Id"], v=True, force=True)

    try:
        found = containers(client, instance(settings))
    except DockerException as error:
        raise engine.EngineError(engine.explain(error, "end the servers")) from None
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(end, found))
    return len(found)
