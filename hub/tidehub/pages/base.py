"""What our page handlers have in common: a strict content policy, the context, sentences instead of error pages."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jupyterhub.handlers.base import BaseHandler

from tidehub.health import ServiceHealth
from tidehub.origins import with_servers
from tidehub.pages.context import PageContext
from tidehub.pages.gpu_state import Mine

STATIC = Path(__file__).parents[1] / "static"

# Our templates have no inline script and no inline style.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class TideHandler(BaseHandler):  # type: ignore[misc]
    """Base of our pages."""

    def set_default_headers(self) -> None:
        """Set JupyterHub's headers, then the stricter policy."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", with_servers(CONTENT_SECURITY_POLICY, self.page.settings))

    @property
    def page(self) -> PageContext:
        """What the pages show."""
        context: PageContext = self.authenticator.page_context
        return context

    @property
    def my_groups(self) -> list[str]:
        """Hub groups of the person who asks."""
        return sorted(group.name for group in self.current_user.groups)

    async def gpus_of_mine(self) -> Mine:
        """Return the GPUs of the person who asks."""
        return await self.page.gpus.mine(self.current_user.name, self.my_groups)

    def apps_up(self, health: Sequence[ServiceHealth]) -> bool:
        """Return whether the apps can be opened."""
        wanted = "apps" in self.page.settings.services
        return wanted and all(service.answers for service in health if service.name == "apps")

    async def show(self, template: str, **values: Any) -> None:
        """Render one of our templates."""
        html = await self.render_template(template, **values)
        self.finish(html)


def asset_path(name: str) -> str:
    """Return a file of ours below the hub's base address, with its digest so that browsers may keep it."""
    return f"tide/static/{name}?v={_digest(STATIC / name)}"


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
