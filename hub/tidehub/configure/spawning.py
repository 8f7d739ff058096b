"""Single-user servers: one named server per use case, nothing inherited from the hub's environment."""

from collections.abc import Callable, Sequence

from traitlets.config import Config

from tidehub.services import ServiceDefinition
from tidehub.settings import Settings
from tidehub.spawner import TideSpawner, choose_profile
from tidelab.catalogue import Catalogue


def configure_spawning(
    c: Config, settings: Settings, catalogue: Callable[[], Catalogue], services: Sequence[ServiceDefinition]
) -> None:
    """Set the spawner and what it derives from the catalogue."""
    c.JupyterHub.spawner_class = TideSpawner
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.redirect_to_server = False
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.implicit_spawn_seconds = 0
    # Two at once keep a small machine usable; the others wait for their turn with a sentence.
    c.JupyterHub.concurrent_spawn_limit = 4
    c.Spawner.env_keep = []
    c.Spawner.apply_user_options = choose_profile
    c.Spawner.http_timeout = 30
    c.Spawner.start_timeout = int(settings.start_seconds + settings.install_minutes * 60)
    c.Spawner.poll_interval = 10
    c.TideSpawner.catalogue = catalogue
    c.TideSpawner.proxy_url = settings.local_url
    c.TideSpawner.tide_services = [service.name for service in services]
    c.TideSpawner.access = settings.access
    c.TideSpawner.answer_seconds = float(settings.start_seconds)
    c.TideSpawner.interrupt_timeout = 10
    c.TideSpawner.term_timeout = 10
