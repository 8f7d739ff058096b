"""Our pages: home, servers, profile, account, accounts, and the files they need."""

from typing import Any

from tidehub.pages.account import AccountHandler
from tidehub.pages.accounts import AccountsHandler
from tidehub.pages.assets import AssetHandler, PictureHandler
from tidehub.pages.audit_page import AuditHandler
from tidehub.pages.base import STATIC
from tidehub.pages.disk_page import DiskHandler
from tidehub.pages.home import HomeHandler, OffersHandler, RunsHandler, ServersHandler
from tidehub.pages.limits import LimitsHandler
from tidehub.pages.mine import MeasureHandler, MineHandler
from tidehub.pages.profile import ProfileHandler
from tidehub.pages.recorded import RECORDED
from tidehub.pages.servers import (
    DismissHandler,
    InsteadHandler,
    KeepHandler,
    OpenHandler,
    PendingHandler,
    StopHandler,
    ToHomeHandler,
)


def page_handlers(*, local_accounts: bool) -> list[tuple[Any, ...]]:
    """Return (path below the hub's prefix, handler); they come before JupyterHub's own."""
    handlers: list[tuple[Any, ...]] = [
        (r"/home", HomeHandler),
        (r"/profile", ProfileHandler),
        (r"/mine", MineHandler),
        (r"/quotas", LimitsHandler),
        (r"/disk", DiskHandler),
        (r"/audit", AuditHandler),
        (r"/tide/measure", MeasureHandler),
        (r"/tide/runs", RunsHandler),
        (r"/tide/picture/([a-z0-9-]+)", PictureHandler),
        (r"/tide/static/(.*)", AssetHandler, {"path": str(STATIC)}),
        (r"/tide/servers", ServersHandler),
        (r"/tide/offers", OffersHandler),
        (r"/tide/stop/([a-z0-9-]+)", StopHandler),
        (r"/tide/instead/([a-z0-9-]+)", InsteadHandler),
        (r"/tide/keep/([a-z0-9-]+)", KeepHandler),
        (r"/tide/dismiss/([a-z0-9]+)", DismissHandler),
        (r"/spawn", ToHomeHandler),
        (r"/spawn/([^/]+)", ToHomeHandler),
        (r"/spawn/([^/]+)/([^/]+)", OpenHandler),
        (r"/spawn-pending/([^/]+)/([^/]+)", PendingHandler),
        *RECORDED,
    ]
    if local_accounts:
        handlers += [(r"/account", AccountHandler), (r"/accounts", AccountsHandler)]
    return handlers


__all__ = ["page_handlers"]
