"""The services that the hub starts: which command, in which environment, with which rights. No code of theirs.

Each gets a free port when the configuration is read; people reach it below ``/services/<name>/``.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tidelab import paths

from tidehub import guard
from tidehub.settings import Settings

_PERSONAL = ("TIDELAB_RUNS", "TIDELAB_CACHE", "TIDELAB_USER", "TIDELAB_USECASE", "TIDELAB_FACE")


@dataclass(frozen=True)
class ServiceDefinition:
    """One service of the hub.

    ``scopes`` is what its own token may do at the hub; ``people`` is whether everyone who may sign in may open it.
    """

    name: str
    title: str
    environment_name: str
    arguments: tuple[str, ...]
    url: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    people: bool = False
    shown: bool = False

    @property
    def python(self) -> Path:
        """Interpreter of the environment it runs in."""
        return paths.env_python(self.environment_name)

    @property
    def is_installed(self) -> bool:
        """Whether its environment is there, so that it can be started."""
        return self.python.exists()

    def as_config(self) -> dict[str, Any]:
        """Return the entry of ``JupyterHub.services``."""
        entry: dict[str, Any] = {
            "name": self.name,
            "command": [str(self.python), str(Path(guard.__file__)), str(self.python), *self.arguments],
            "environment": dict(self.variables),
            "cwd": str(paths.data()),
            "display": self.shown,
        }
        # Services of ours act for people only as far as their pages say; nobody has to confirm that first.
        return entry | ({"url": self.url, "oauth_no_confirm": True} if self.url else {})


def service_definitions(settings: Settings) -> list[ServiceDefinition]:
    """Return the services that the settings ask for, in the order they are started."""
    ports = {name: free_port() for name in settings.services}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    made = {
        "mlflow": lambda: _mlflow(settings, urls["mlflow"]),
        "models": lambda: _models(settings, urls["models"], urls["mlflow"]),
        "apps": lambda: _apps(settings, urls["apps"]),
        "cull": lambda: _cull(settings),
    }
    return [made[name]() for name in settings.services]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def place_variables() -> dict[str, str]:
    """Return the ``TIDELAB_*`` variables as the hub has them: places and limits; no secret, and nothing of one person."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("TIDELAB_") and name not in _PERSONAL}
    return ours | {"TIDELAB_DATA": str(paths.data())}


def _mlflow(settings: Settings, url: str) -> ServiceDefinition:
    return ServiceDefinition(
        name="mlflow",
        title="Experiments",
        environment_name="mlflow",
        arguments=("-m", "tidelab.tracking.server"),
        url=url,
        variables=place_variables() | _public_hosts(settings),
        people=True,
        shown=True,
    )


def _models(settings: Settings, url: str, mlflow_url: str) -> ServiceDefinition:
    return ServiceDefinition(
        name="models",
        title="Promotion",
        environment_name="mlflow",
        arguments=("-m", "tidelab.tracking.server.models"),
        url=url,
        variables=place_variables() | _public_hosts(settings) | {"TIDELAB_MLFLOW_URL": f"{mlflow_url}/services/mlflow"},
        scopes=("access:services!service=mlflow",),
        people=True,
        shown=True,
    )


def _apps(settings: Settings, url: str) -> ServiceDefinition:
    return ServiceDefinition(
        name="apps",
        title="Apps",
        environment_name="lab",
        arguments=("-m", "tidelab.apps"),
        url=url,
        variables=place_variables() | _public_hosts(settings),
        people=True,
    )


def _cull(settings: Settings) -> ServiceDefinition:
    return ServiceDefinition(
        name="cull",
        title="Stops idle servers",
        environment_name="hub",
        arguments=("-m", "tidehub.culler"),
        variables=place_variables()
        | {
            "TIDEHUB_PROXY_URL": settings.local_url,
            "TIDEHUB_IDLE_MINUTES": str(settings.idle_minutes),
            "TIDEHUB_IDLE_CHECK_SECONDS": str(settings.idle_check_seconds),
        },
        # admin:server_state gives the process id, the only way to see that a quiet terminal is working.
        scopes=(
            *("list:users", "read:users:activity", "read:servers", "admin:server_state"),
            *("delete:servers", "access:servers"),
        ),
    )


def _public_hosts(settings: Settings) -> dict[str, str]:
    host = urlsplit(settings.public_url).hostname
    return {"TIDELAB_PUBLIC_HOSTS": host} if host else {}
