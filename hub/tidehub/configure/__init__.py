"""Turns settings into JupyterHub's configuration: one module a concern, each function sets and never appends or mutates.

So the order does not matter, and a test needs no hub: ``c = Config(); apply(c, settings, catalogue); assert c.X.y == z``.
"""

from collections.abc import Callable

from traitlets.config import Config

from tidehub.configure.auth import configure_auth
from tidehub.configure.culling import configure_culling
from tidehub.configure.network import configure_network
from tidehub.configure.roles import configure_roles
from tidehub.configure.spawning import configure_spawning
from tidehub.configure.storage import configure_storage
from tidehub.configure.templates import configure_templates
from tidehub.gpu_lease import GpuDesk
from tidehub.services import service_definitions
from tidehub.settings import Settings
from tidelab.catalogue import Catalogue


def apply(
    c: Config, settings: Settings, catalogue: Callable[[], Catalogue], gpus: GpuDesk | None = None
) -> None:
    """Set everything.

    Parameters
    ----------
    c
        JupyterHub's configuration object.
    settings
        What the admin set.
    catalogue
        Gives the catalogue as it is at the moment of the call.
    gpus
        Where servers get their GPUs; None: they get none.
    """
    services = [service for service in service_definitions(settings) if service.is_installed]
    configure_storage(c, settings)
    configure_network(c, settings, services)
    configure_auth(c, settings)
    configure_spawning(c, settings, catalogue, services, gpus)
    configure_culling(c, settings, services)
    configure_roles(c, settings, catalogue(), services)
    configure_templates(c, settings, catalogue, services)


__all__ = ["apply"]
