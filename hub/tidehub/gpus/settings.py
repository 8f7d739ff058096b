"""What the hub tells the service, and what the service makes of it."""

import os
from dataclasses import dataclass, field
from typing import Self

from tidehub.gpus.ladder import Rules
from tidehub.settings import Settings, load_settings


@dataclass(frozen=True)
class GpusSettings:
    """Where to listen, how to reach the hub, and the admin's settings.

    Parameters
    ----------
    url, prefix
        Address to listen at, and the path below which people reach it.
    api_url, api_token
        The hub's API and the service's own token.
    hub
        The hub's settings as far as they concern GPUs; the others have their defaults.
    """

    url: str
    prefix: str
    api_url: str
    api_token: str = field(repr=False)
    hub: Settings

    @classmethod
    def from_environment(cls) -> Self:
        """Read them.

        Raises
        ------
        KeyError, tidehub.settings.SettingsError
            This was not started by the hub.
        """
        return cls(
            url=os.environ["JUPYTERHUB_SERVICE_URL"],
            prefix=os.environ["JUPYTERHUB_SERVICE_PREFIX"],
            api_url=os.environ["JUPYTERHUB_API_URL"].rstrip("/"),
            api_token=os.environ["JUPYTERHUB_API_TOKEN"],
            hub=load_settings(),
        )

    @property
    def rules(self) -> Rules:
        """The hub's own times."""
        return Rules(
            warn_s=self.hub.gpu_warn_minutes * 60,
            release_s=self.hub.gpu_release_minutes * 60,
            longest_s=self.hub.gpu_max_hours * 3600,
        )

    @property
    def judge_every_s(self) -> float:
        """How often leases are judged: several times within the shortest time that matters."""
        shortest = min(
            (span for span in (self.rules.warning_s, self.rules.notice_s) if span > 0), default=60.0
        )
        return max(1.0, min(15.0, shortest / 4))
