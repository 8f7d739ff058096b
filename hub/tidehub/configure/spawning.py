"""Single-user servers: one named server per use case, nothing inherited from the hub's environment."""

from collections.abc import Callable, Sequence
from functools import partial

from traitlets.config import Config

from tidehub import quotas
from tidehub.docker.ready import account
from tidehub.docker.service_container import instance
from tidehub.gpu_lease import GpuDesk
from tidehub.services import ServiceDefinition
from tidehub.settings import Settings
from tidehub.spawners.docker import TideDockerSpawner
from tidehub.spawners.process import TideSpawner
from tidehub.spawners.start import NO_LIMIT_SECONDS, choose_profile
from tidelab.catalogue import Catalogue


def configure_spawning(
    c: Config,
    settings: Settings,
    catalogue: Callable[[], Catalogue],
    services: Sequence[ServiceDefinition],
    gpus: GpuDesk | None = None,
) -> None:
    """Set the spawner and what it derives from the catalogue."""
    in_containers = settings.mode == "docker"
    c.JupyterHub.spawner_class = TideDockerSpawner if in_containers else TideSpawner
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.redirect_to_server = False
    c.JupyterHub.default_url = "/hub/home"
    c.JupyterHub.implicit_spawn_seconds = 0
    # The hub's own limit counts those who wait for a GPU too: four of them would keep everybody else out. Starts take turns in
    # `TideStart`, and each says so.
    c.JupyterHub.concurrent_spawn_limit = 0
    c.Spawner.env_keep = []
    c.Spawner.apply_user_options = choose_profile
    c.Spawner.http_timeout = 30
    c.Spawner.start_timeout = NO_LIMIT_SECONDS
    c.Spawner.poll_interval = 10
    c.TideStart.catalogue = catalogue
    c.TideStart.proxy_url = settings.servers_url
    c.TideStart.tide_services = [service.name for service in services]
    c.TideStart.access = settings.access
    c.TideStart.prepare_seconds = settings.install_minutes * 60.0
    c.TideStart.answer_seconds = float(settings.start_seconds)
    c.TideStart.gpus = gpus
    c.TideStart.limits = partial(
        quotas.check, disk_gb=settings.disk_gb, hard_factor=settings.disk_hard_factor
    )
    c.TideSpawner.interrupt_timeout = 10
    c.TideSpawner.term_timeout = 10
    if in_containers:
        _containers(c, settings)


def _containers(c: Config, settings: Settings) -> None:
    c.TideDockerSpawner.instance = instance(settings)
    c.TideDockerSpawner.image_prefix = settings.docker_images
    c.TideDockerSpawner.may_pull = settings.docker_pull
    c.TideDockerSpawner.account = account(settings)
    c.TideDockerSpawner.network_name = settings.docker_network
    c.TideDockerSpawner.use_internal_ip = True
    # Nobody chooses an image but the catalogue.
    c.TideDockerSpawner.allowed_images = {}
    c.TideDockerSpawner.remove = True
