"""Settings of the apps service, read from the environment that the hub gives it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting that does not fit; the text names it, its value and the rule."""


@dataclass(frozen=True)
class AppsSettings:
    """How the service runs.

    Parameters
    ----------
    ip, port
        Where it listens.
    prefix
        Path below which everything lies, with a slash at both ends.
    home
        Address of the hub's home page; empty without a hub.
    max_kernels
        Most kernels at a time, those that wait for a visitor included.
    pool_size
        Kernels kept ready for each app that is used.
    away_s
        Seconds after which a kernel without a page is ended.
    idle_s
        Seconds after which a kernel whose page is open but untouched is ended; its run, if any, goes on.
    """

    ip: str = "127.0.0.1"
    port: int = 8866
    prefix: str = "/"
    home: str = ""
    max_kernels: int = 8
    pool_size: int = 1
    away_s: int = 60
    idle_s: int = 3600

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read ``JUPYTERHUB_SERVICE_URL``, ``JUPYTERHUB_SERVICE_PREFIX`` and ``TIDELAB_APPS_*``.

        Raises
        ------
        SettingsError
            When a value is not a number or out of range.
        """
        env = os.environ if environ is None else environ
        url = urlsplit(env.get("JUPYTERHUB_SERVICE_URL", ""))
        prefix = env.get("JUPYTERHUB_SERVICE_PREFIX", "/")
        base = env.get("JUPYTERHUB_BASE_URL", "")
        return cls(
            ip=url.hostname or cls.ip,
            port=url.port if url.port is not None else cls.port,
            prefix="/" + prefix.strip("/") + ("/" if prefix.strip("/") else ""),
            home=f"{env.get('JUPYTERHUB_HOST', '')}{base.rstrip('/')}/hub/home" if base else "",
            max_kernels=_number(env, "TIDELAB_APPS_MAX_KERNELS", cls.max_kernels, 1, 1000),
            pool_size=_number(env, "TIDELAB_APPS_POOL", cls.pool_size, 0, 10),
            away_s=_number(env, "TIDELAB_APPS_AWAY_S", cls.away_s, 5, 86_400),
            idle_s=_number(env, "TIDELAB_APPS_IDLE_S", cls.idle_s, 10, 604_800),
        )


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}; it must be a whole number from {low} to {high}.")
    return value
