"""What the hub tells a service it manages, and where the two services keep their files."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A service cannot start; the text says what is missing and who gives it."""


@dataclass(frozen=True)
class HubService:
    """One service as the hub started it.

    Parameters
    ----------
    name
        Name of the service, which the scope ``access:services!service=<name>`` names.
    api_url
        The hub's API as this machine reaches it, without a final slash.
    api_token
        The service's own token. Never logged, never sent to anybody but the hub.
    client_id
        OAuth client id of the service.
    base_url
        Base URL of the hub as a browser sees it, ``/`` or ``/prefix/``.
    prefix
        Path of the service as a browser sees it, without a final slash: ``/services/mlflow``.
    url
        Where the service listens: ``http://127.0.0.1:5603``.
    hosts
        Names under which people reach the hub, besides the local ones.
    """

    name: str
    api_url: str
    api_token: str
    client_id: str
    base_url: str
    prefix: str
    url: str
    hosts: tuple[str, ...] = ()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80

    @property
    def access_scopes(self) -> frozenset[str]:
        """Scopes of which a caller needs one."""
        return frozenset({"access:services", f"access:services!service={self.name}"})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "HubService":
        """Read what JupyterHub sets for a managed service.

        Raises
        ------
        SettingsError
            If a variable is missing: then this process was not started by a hub.
        """

        def need(name: str) -> str:
            value = environ.get(name, "")
            if not value:
                raise SettingsError(
                    f"The environment variable {name} is not set. The hub sets it for the services it starts: start "
                    "Tidelab with `make run`, or add this command to JupyterHub.services with a `url`."
                )
            return value

        hosts = [host.strip() for host in environ.get("TIDELAB_PUBLIC_HOSTS", "").split(",")]
        hosts += [urlsplit(environ.get("JUPYTERHUB_PUBLIC_HUB_URL", "")).hostname or ""]
        return cls(
            name=need("JUPYTERHUB_SERVICE_NAME"),
            api_url=need("JUPYTERHUB_API_URL").rstrip("/"),
            api_token=need("JUPYTERHUB_API_TOKEN"),
            client_id=need("JUPYTERHUB_CLIENT_ID"),
            base_url=environ.get("JUPYTERHUB_BASE_URL", "/"),
            prefix=need("JUPYTERHUB_SERVICE_PREFIX").rstrip("/"),
            url=need("JUPYTERHUB_SERVICE_URL"),
            hosts=tuple(dict.fromkeys(host for host in hosts if host)),
        )


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner may open."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def secret_key(path: Path) -> str:
    """Return the secret kept in a file that only its owner may read; make it at first use."""
    private_folder(path.parent)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_text("ascii").strip()
        if len(key) < 32:
            raise SettingsError(
                f"The secret in {path} is too short ({len(key)} characters, expected 64). Delete the file: the next "
                "start makes a new one, and everybody is asked to log in again."
            ) from None
        path.chmod(0o600)
        return key
    with os.fdopen(handle, "w") as file:
        key = secrets.token_hex(32)
        file.write(key)
    return key
