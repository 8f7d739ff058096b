"""The services that the hub starts: which command, in which environment, with which rights. No code of theirs.

Each gets a free port when the configuration is read; people reach it below ``/services/<name>/``.
"""

import json
import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tidehub import guard
from tidehub.docker.service_container import contained
from tidehub.settings import PREFIX, Settings
from tidelab import paths

BASE_URL = "/"
"""Path of everything; `Settings.bind_url` has no other."""
_FIRST_PORT, _PORTS, _TRIES = 20_000, 10_000, 200
PLAN_VARIABLE = "TIDEHUB_KEEPER_PLAN"
# Lax, not Strict: a link from a mail or a page must find the person signed in.
COOKIE_OPTIONS = {"samesite": "Lax"}
_PERSONAL = ("TIDELAB_RUNS", "TIDELAB_CACHE", "TIDELAB_USER", "TIDELAB_USECASE", "TIDELAB_FACE")
_GPU_SETTINGS = (
    *("mode", "docker_network", "docker_subnet", "gpus", "gpu_shared_slots", "gpu_sample_seconds"),
    *("gpu_warn_minutes", "gpu_release_minutes", "gpu_keep_minutes", "gpu_keep_times", "gpu_max_hours"),
)
_ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_APPS_LIMITS = ("TIDELAB_APPS_MAX_KERNELS", "TIDELAB_APPS_POOL", "TIDELAB_APPS_AWAY_S", "TIDELAB_APPS_IDLE_S")


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
    in_container: bool = False

    @property
    def python(self) -> Path:
        """Interpreter of the environment it runs in."""
        return paths.env_python(self.environment_name)

    @property
    def is_installed(self) -> bool:
        """Whether its environment is there, so that it can be started; that of a container is in its image."""
        return self.in_container or self.python.exists()

    def as_config(self, token: str) -> dict[str, Any]:
        """Return the entry of ``JupyterHub.services``: one that the hub does not start itself (see `tidehub.keeper`)."""
        entry: dict[str, Any] = {"name": self.name, "api_token": token, "display": self.shown, "timeout": 0}
        # Services of ours act for people only as far as their pages say; nobody has to confirm that first.
        return entry | ({"url": self.url, "oauth_no_confirm": True} if self.url else {})

    def as_plan(self, token: str, settings: Settings) -> dict[str, Any]:
        """Return what the keeper needs to start it."""
        command = [str(self.python), *self.arguments]
        environment = {**self.variables, **hub_variables(self, token, settings)}
        entry = {"name": self.name, "command": command, "environment": environment}
        return contained(entry, self.environment_name, settings) if self.in_container else entry


def service_definitions(settings: Settings) -> list[ServiceDefinition]:
    """Return the services that the settings ask for, in the order they are started."""
    ports: dict[str, int] = {}
    for name in settings.services:
        # The hub and the proxy bind theirs later, or have been told to: free now is not free then.
        ports[name] = free_port(
            {settings.port, settings.hub_port, urlsplit(settings.proxy_api_url).port or 8001, *ports.values()}
        )
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    made = {
        "mlflow": lambda: _mlflow(settings, urls["mlflow"]),
        "models": lambda: _models(settings, urls["models"], urls["mlflow"]),
        "apps": lambda: _apps(settings, urls["apps"]),
        "cull": lambda: _cull(settings),
        "gpus": lambda: _gpus(settings, urls["gpus"]),
    }
    return [made[name]() for name in settings.services]


def hub_variables(service: ServiceDefinition, token: str, settings: Settings) -> dict[str, str]:
    """Return what JupyterHub sets for the services it starts itself, so that its client libraries find what they need."""
    api = f"http://{settings.hub_host}:{settings.hub_port}{BASE_URL}hub/api"
    scopes = json.dumps([f"access:services!service={service.name}", "access:services"])
    variables = {
        "JUPYTERHUB_SERVICE_NAME": service.name,
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_API_URL": api,
        "JUPYTERHUB_BASE_URL": BASE_URL,
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_PUBLIC_HUB_URL": f"{settings.public_url}hub/" if settings.public_url else "",
        "JUPYTERHUB_COOKIE_OPTIONS": json.dumps(COOKIE_OPTIONS),
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
    }
    if not service.url:
        return variables
    prefix = service_prefix(service.name)
    return variables | {
        "JUPYTERHUB_SERVICE_URL": service.url,
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_CLIENT_ID": f"service-{service.name}",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
    }


def keeper_config(
    services: Sequence[ServiceDefinition], tokens: Mapping[str, str], settings: Settings
) -> dict[str, Any]:
    """Return the entry of the one service that the hub starts itself: it starts and keeps the others.

    JupyterHub waits for each service with an address, one after the other, and ends itself when one does not come up.
    An MLflow that cannot start would then stop every analysis.
    """
    plan = [service.as_plan(tokens[service.name], settings) for service in services]
    python = str(paths.env_python("hub"))
    return {
        "name": "keeper",
        "command": [python, str(Path(guard.__file__)), python, "-m", "tidehub.keeper"],
        "environment": {"TIDELAB_DATA": str(paths.data()), PLAN_VARIABLE: json.dumps(plan)},
        "cwd": str(paths.data()),
        "display": False,
    }


def service_prefix(name: str) -> str:
    """Return the path below which people reach a service.

    >>> service_prefix("mlflow")
    '/services/mlflow/'
    """
    return f"{BASE_URL}services/{name}/"


def free_port(taken: Collection[int] = ()) -> int:
    """Return a TCP port of 127.0.0.1 that is free now.

    It lies below those that Linux gives to outgoing connections (``net.ipv4.ip_local_port_range`` begins at 32768), so none of those takes it
    before it is used.

    Parameters
    ----------
    taken
        Ports that are somebody's already though nobody listens there yet.
    """
    for _ in range(_TRIES):
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in taken:
                return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def place_variables() -> dict[str, str]:
    """Return the ``TIDELAB_*`` variables as the hub has them: places and limits; no secret, and nothing of one person."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("TIDELAB_") and name not in _PERSONAL
    }
    return ours | {"TIDELAB_DATA": str(paths.data())}


def servers_network(settings: Settings) -> dict[str, str]:
    """Return where servers answer, for the services that ask them (`tidehub.looking`)."""
    return {"TIDEHUB_SERVERS_NETWORK": settings.docker_subnet} if settings.mode == "docker" else {}


def _mlflow(settings: Settings, url: str) -> ServiceDefinition:
    return ServiceDefinition(
        name="mlflow",
        title="Experiments",
        environment_name="mlflow",
        arguments=("-m", "tidelab.tracking.server"),
        url=url,
        variables=place_variables() | _public_hosts(settings) | _mlflow_database(settings),
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
        variables=place_variables()
        | _public_hosts(settings)
        | {"TIDELAB_MLFLOW_URL": f"{mlflow_url}{service_prefix('mlflow').rstrip('/')}"},
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
        variables=place_variables()
        | _public_hosts(settings)
        | {"TIDELAB_ACCESS": settings.access}
        | {name: value for name, value in os.environ.items() if name in _APPS_LIMITS},
        people=True,
        in_container=settings.mode == "docker" and "apps" in settings.service_containers,
    )


def _cull(settings: Settings) -> ServiceDefinition:
    return ServiceDefinition(
        name="cull",
        title="Stops idle servers",
        environment_name="hub",
        arguments=("-m", "tidehub.culler"),
        variables=place_variables()
        | {
            "TIDEHUB_IDLE_MINUTES": str(settings.idle_minutes),
            "TIDEHUB_IDLE_CHECK_SECONDS": str(settings.idle_check_seconds),
        }
        | servers_network(settings),
        # admin:server_state gives the process id, the only way to see that a quiet terminal is working, and the address.
        scopes=(
            *("list:users", "read:users:activity", "read:servers", "admin:server_state"),
            "delete:servers",
        ),
    )


def _gpus(settings: Settings, url: str) -> ServiceDefinition:
    told = {f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in _GPU_SETTINGS}
    return ServiceDefinition(
        name="gpus",
        title="My GPU hours",
        environment_name="hub",
        arguments=("-m", "tidehub.gpus"),
        url=url,
        variables=place_variables()
        | told
        | servers_network(settings)
        | {name: value for name, value in os.environ.items() if name in _ENGINE_VARIABLES},
        # As for `cull`; a server whose GPU is given back is stopped and started again without one.
        scopes=(
            *("list:users", "read:users:activity", "read:servers", "admin:server_state"),
            *("delete:servers", "start:servers"),
        ),
        people=True,
        shown=True,
    )


def _mlflow_database(settings: Settings) -> dict[str, str]:
    # To this service alone: the address may hold a password.
    return {"TIDELAB_MLFLOW_DB": settings.mlflow_db_url.get_secret_value()} if settings.mlflow_db_url else {}


def _public_hosts(settings: Settings) -> dict[str, str]:
    # Servers in containers come by the gateway.
    hosts = (urlsplit(settings.public_url).hostname, settings.gateway if settings.mode == "docker" else None)
    named = ",".join(host for host in hosts if host)
    return {"TIDELAB_PUBLIC_HOSTS": named} if named else {}
