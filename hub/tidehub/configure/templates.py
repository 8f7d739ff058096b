"""Our pages over JupyterHub's, and what they show."""

from collections.abc import Callable, Sequence
from pathlib import Path

from traitlets.config import Config

from tidehub.disk import Measuring
from tidehub.health import Health
from tidehub.pages.base import asset_path
from tidehub.pages.context import PageContext
from tidehub.pages.gpu_state import GpuState
from tidehub.services import ServiceDefinition
from tidehub.settings import Settings
from tidelab.catalogue import Catalogue

TEMPLATES = Path(__file__).parents[1] / "templates"


def configure_templates(
    c: Config, settings: Settings, catalogue: Callable[[], Catalogue], services: Sequence[ServiceDefinition]
) -> None:
    """Set the template folder and the context of our own pages."""
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    titles = {service.name: service.title for service in services}
    local = settings.auth == "local"
    # JupyterHub calls callables with the user; what our templates call themselves is therefore wrapped once.
    c.JupyterHub.template_vars = {
        "asset": lambda user: asset_path,
        "has_accounts": local,
        "admin_pages": admin_pages(local=local, services=[service.name for service in services]),
        "service_titles": titles,
    }
    c.TidePages.page_context = PageContext(
        settings,
        catalogue,
        Health(services, wanted=settings.services),
        GpuState(none=settings.gpus == "none"),
        Measuring(engine=settings.mode == "docker"),
    )


def admin_pages(*, local: bool, services: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return path, name and words of each page that admins have and others do not."""
    return [
        ("admin", "admin", "Servers"),
        *([("accounts", "accounts", "Accounts")] if local else []),
        ("quotas", "quotas", "Limits"),
        *([("services/gpus/all", "gpus", "GPUs")] if "gpus" in services else []),
        ("disk", "disk", "Disk"),
        ("audit", "audit", "Audit"),
    ]
