"""How idleness is noticed. What is idle is decided in `tidehub.idleness`, by the service `cull`."""

from collections.abc import Sequence

from traitlets.config import Config

from tidehub.services import ServiceDefinition
from tidehub.settings import Settings


def configure_culling(c: Config, settings: Settings, services: Sequence[ServiceDefinition]) -> None:
    """Set how finely activity is recorded: at least four times within the idle time."""
    if any(service.name == "cull" for service in services) and settings.idle_minutes:
        quarter = max(1, int(settings.idle_minutes * 60 / 4))
        c.JupyterHub.last_activity_interval = min(300, quarter)
        c.JupyterHub.activity_resolution = min(30, quarter)
