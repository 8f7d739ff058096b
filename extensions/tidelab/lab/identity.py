"""What a server knows about itself: the variables that the hub started it with."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelab import paths

PANEL_VARIABLE = "TIDELAB_PANEL"
LEASE_VARIABLE = "TIDELAB_LEASE"
GPUS_VARIABLE = "TIDELAB_GPUS_URL"


@dataclass(frozen=True)
class Identity:
    """One single-user server.

    Parameters
    ----------
    user, server
        The person and the server's name at the hub, which is the use case's slug.
    title, flavour, detail
        Use case and size of server in words.
    app
        Path of the use case's app below the hub, empty where it has none.
    services
        Services of the hub that run.
    hub
        Address of the hub as browsers reach it, with a slash at the end: a path, or a full address where the hub has a
        host of its own.
    gpus_url
        Address of the service ``gpus`` as this process reaches it; empty: there is none.
    token
        The server's own token. Never shown, never logged.
    lease
        ``TIDELAB_LEASE`` as the hub wrote it; empty: a server without GPU.
    """

    user: str
    server: str
    title: str
    flavour: str
    detail: str
    app: str
    services: tuple[str, ...]
    hub: str
    gpus_url: str
    token: str
    lease: Mapping[str, Any]
    runs: Path

    def __repr__(self) -> str:
        return f"Identity({self.user!r}, {self.server!r})"

    @property
    def simulated(self) -> bool:
        """Whether the lease is of a pretended GPU."""
        return self.lease.get("simulated") is True


def identity(environment: Mapping[str, str] | None = None) -> Identity:
    """Read the variables; what is missing or broken counts as not given."""
    given = os.environ if environment is None else environment
    panel = _mapping(given.get(PANEL_VARIABLE, ""))
    services = panel.get("services")
    slug = given.get("TIDELAB_USECASE", "")
    host, base = given.get("JUPYTERHUB_HOST", ""), given.get("JUPYTERHUB_BASE_URL", "/")
    return Identity(
        user=given.get("TIDELAB_USER", ""),
        server=given.get("JUPYTERHUB_SERVER_NAME", slug),
        title=_text(panel, "title") or slug,
        flavour=_text(panel, "flavour") or given.get("TIDELAB_FLAVOUR", ""),
        detail=_text(panel, "detail"),
        app=_text(panel, "app"),
        services=tuple(name for name in services if isinstance(name, str))
        if isinstance(services, list)
        else (),
        hub=f"{host}{base}",
        gpus_url=given.get(GPUS_VARIABLE, "").rstrip("/"),
        token=given.get("JUPYTERHUB_API_TOKEN", ""),
        lease=_mapping(given.get(LEASE_VARIABLE, "")),
        runs=paths.runs(),
    )


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
