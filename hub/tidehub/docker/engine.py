"""The Docker Engine: reaching it, what it can do, and what its errors mean in words."""

import os
from dataclasses import dataclass
from typing import Any, Final

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

OLDEST: Final = (20, 10)
CDI_FROM: Final = 25
SOCKET: Final = "/var/run/docker.sock"
TIMEOUT_SECONDS: Final = 120
"""For one call: a busy disk may take a minute to make a container's file system."""
_POOL: Final = 32


class EngineError(RuntimeError):
    """The engine does not answer or refuses; the text says what failed and what to do."""


@dataclass(frozen=True)
class Abilities:
    """What an engine can do.

    Parameters
    ----------
    version
        E.g. ``20.10.24``.
    cdi
        Whether it gives out devices by their CDI names.
    """

    version: str
    cdi: bool


def connect() -> Any:
    """Return a client of the engine (``DOCKER_HOST``, else the local socket), after asking whether it answers.

    Raises
    ------
    EngineError
        Nothing answers, this account may not ask, or the engine is too old.
    """
    try:
        client = docker.APIClient(
            version="auto", timeout=TIMEOUT_SECONDS, max_pool_size=_POOL, **docker.utils.kwargs_from_env()
        )
        version = str(client.version()["Version"])
    except (DockerException, requests.RequestException, OSError) as error:
        raise EngineError(_unreachable(error)) from None
    if _numbers(version) < OLDEST:
        raise EngineError(
            f"The Docker Engine here is {version}; servers in containers need {OLDEST[0]}.{OLDEST[1]} or newer. "
            "How to install one: docs/howto/docker-host.md."
        )
    return client


def abilities(client: Any) -> Abilities:
    """Ask an engine what it can do."""
    version = str(client.version()["Version"])
    # Empty or absent where the feature is switched off.
    cdi = bool(client.info().get("CDISpecDirs")) and _numbers(version)[0] >= CDI_FROM
    return Abilities(version, cdi)


def explain(error: Exception, doing: str) -> str:
    """Return the sentence for an error of the engine.

    Parameters
    ----------
    error
        What docker-py raised.
    doing
        What was tried, e.g. ``start the container``.
    """
    if isinstance(error, ImageNotFound) or (isinstance(error, APIError) and error.status_code == 404):
        return f"Could not {doing}: {_said(error)}."
    if not isinstance(error, APIError):
        return f"Could not {doing}. {_unreachable(error)}"
    said = _said(error)
    small = said.lower()
    for words, meaning in _MEANINGS:
        if words in small:
            return f"Could not {doing}: {meaning}"
    return f"Could not {doing}. The Docker Engine says: {said[:300]}"


_MEANINGS: Final = (
    (
        "no space left",
        "the disk of the Docker Engine is full. Ask an admin to make room (`docker system df` shows what fills it).",
    ),
    (
        "could not select device driver",
        "the engine cannot hand out NVIDIA GPUs: the NVIDIA Container Toolkit is not installed or not configured. "
        "An admin finds the steps in docs/howto/docker-host.md.",
    ),
    (
        "unresolvable cdi devices",
        "the GPU that was leased is unknown to the engine. Ask an admin to renew its list (`nvidia-ctk cdi generate`).",
    ),
    (
        "nvidia-container-cli",
        "the GPU that was leased does not answer the driver. Try again in a minute; if it stays so, tell an admin.",
    ),
    (
        "unknown device",
        "the GPU that was leased is not there any more. Try again; if it stays so, tell an admin.",
    ),
    (
        "bind source path does not exist",
        "a folder that servers get is not there. Ask an admin to look at TIDELAB_MOUNTS and TIDELAB_USECASES.",
    ),
    (
        "no available ipv4 addresses",
        "every address of the servers' network is taken. Ask an admin for a larger TIDEHUB_DOCKER_SUBNET.",
    ),
    ("network", "the servers' network is gone. Ask an admin to start the hub again, which makes it."),
)


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "explanation", None) or error).split())


def _unreachable(error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")
    text = str(error)
    if "Permission denied" in text or isinstance(error, PermissionError):
        return (
            f"This account may not use the Docker Engine at {where}. Add it to the group of the socket "
            "(`sudo usermod -aG docker $USER`), sign in again and start the hub again."
        )
    if "Timeout" in type(error).__name__ or "timed out" in text:
        return f"The Docker Engine at {where} did not answer within {TIMEOUT_SECONDS} seconds. The machine may be overloaded."
    return (
        f"No Docker Engine answers at {where}. Start it (`sudo systemctl start docker`), or install it: "
        "docs/howto/docker-host.md."
    )


def _numbers(version: str) -> tuple[int, int]:
    parts = [
        int(digits) if (digits := "".join(c for c in part if c.isdigit())) else 0
        for part in version.split(".")
    ]
    return (parts[0], parts[1] if len(parts) > 1 else 0)
