"""Voila as a service of the hub: only apps are served, and of Jupyter's interfaces only what a page of widgets needs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.utils import url_path_join
from jupyterlab_server.themes_handler import ThemesHandler
from traitlets.config import Config
from voila.app import Voila
from voila.static_file_handler import MultiStaticFileHandler
from voila.utils import get_voila_labextensions_path

from tidelab import paths
from tidelab.apps.contents import AppContents
from tidelab.apps.handlers import (
    AppHandler,
    NoSuchPage,
    OwnKernel,
    OwnShutdown,
    OwnSocket,
    TemplateFiles,
    Top,
)
from tidelab.apps.held import say_whether_held
from tidelab.apps.identity import HubIdentity, PersonIdentity
from tidelab.apps.kernels import AppPool
from tidelab.apps.settings import AppsSettings
from tidelab.apps.shown import load_apps
from tidelab.domain import ticket

_WEBSOCKET_BYTES: Final = 209_715_200
_KERNEL: Final = r"(?P<kernel_id>[0-9a-f]+(?:-[0-9a-f]+){4})"
_SOCKET_PATH_LIMIT: Final = 107
"""Longest path of a unix socket; a longer one kills the kernel without a word."""
_KERNEL_FILE: Final = "/kernel-00000000-0000-0000-0000-000000000000-ipc-5"


class AppsServer(Voila):
    """The apps service."""

    settings_: AppsSettings
    ticket_key: Ed25519PrivateKey
    kernel_manager: Any

    def init_settings(self) -> dict[str, Any]:
        """Set up what the handlers share."""
        settings: dict[str, Any] = super().init_settings()
        self.contents_manager = AppContents(parent=self)
        # The one that Voila made is replaced before it has started anything: the folder it looked in is empty.
        self.kernel_manager = AppPool(
            parent=self,
            connection_dir=self.connection_dir,
            kernel_spec_manager=self.kernel_spec_manager,
            allowed_message_types=list(self.kernel_manager.allowed_message_types),
        )
        settings.update(
            contents_manager=self.contents_manager,
            kernel_manager=self.kernel_manager,
            tidelab_home=self.settings_.home,
            tidelab_ticket_key=self.ticket_key,
        )
        return settings

    def init_handlers(self) -> list[Any]:
        """Return the routes: apps, their assets, their widget traffic; all else is a page that says no."""
        at = self.server_url
        static = {"paths": self.static_paths, "default_filename": "index.html"}
        labextensions = get_voila_labextensions_path(self.voila_configuration.extra_labextensions_path)
        themes = {
            "themes_url": "/voila/api/themes", "path": self.themes_dir, "labextensions_path": labextensions, "no_cache_paths": ["/"],
        }  # fmt: skip
        page = {
            "template_paths": self.template_paths, "config": self.config, "voila_configuration": self.voila_configuration,
        }  # fmt: skip
        routes = [
            (rf"/api/kernels/{_KERNEL}", OwnKernel),
            (rf"/api/kernels/{_KERNEL}/channels", OwnSocket),
            (rf"/voila/api/shutdown/{_KERNEL}", OwnShutdown),
            (r"/voila/templates/(.*)", TemplateFiles),
            (r"/voila/static/(.*)", MultiStaticFileHandler, static),
            (r"/voila/api/themes/(.*)", ThemesHandler, themes),
            (r"/voila/labextensions/(.*)", FileFindHandler, {"path": labextensions}),
            (r"/([a-z][a-z0-9-]*)/?", AppHandler, page),
            (r"/", Top),
            (r"/(.*)", NoSuchPage),
        ]
        provided = list(self.identity_provider.get_handlers())
        return provided + [(url_path_join(at, route[0]), *route[1:]) for route in routes]

    def listen(self) -> None:
        """Pre-heat a kernel for the first apps, then serve."""
        budget = self.settings_.max_kernels // 2
        for app in list(load_apps().values())[:budget]:
            if app.kernel in self.kernel_spec_manager.find_kernel_specs():
                self.kernel_manager.prepare(app.key, app.version)
        super().listen()


def configuration(settings: AppsSettings, empty: Path) -> Config:
    """Return Voila's configuration for these settings; `empty` is a folder in which there is nothing to serve."""
    c = Config()
    c.Voila.ip, c.Voila.port, c.Voila.port_retries = settings.ip, settings.port, 0
    c.Voila.base_url, c.Voila.open_browser = settings.prefix, False
    c.Voila.root_dir = str(empty)
    c.Voila.connection_dir_root = short_folder()
    c.Voila.tornado_settings = {"websocket_max_message_size": _WEBSOCKET_BYTES}
    c.Voila.identity_provider_class = HubIdentity if "JUPYTERHUB_API_TOKEN" in os.environ else PersonIdentity
    c.VoilaConfiguration.template = "tidelab"
    c.VoilaConfiguration.allow_template_override = "NO"
    c.VoilaConfiguration.allow_theme_override = "NO"
    c.VoilaConfiguration.show_tracebacks = False
    c.VoilaConfiguration.resources = {"tidelab": {"home": settings.home}}
    c.VoilaConfiguration.extension_allowlist = [
        "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget",
    ]  # fmt: skip
    c.AppPool.kernel_pools_config = {"default": {"pool_size": settings.pool_size}}
    c.AppPool.max_kernels, c.AppPool.untouched_s = settings.max_kernels, settings.idle_s
    c.AppPool.cull_idle_timeout, c.AppPool.cull_interval = settings.away_s, max(5, settings.away_s // 3)
    c.AppPool.cull_connected = False
    # Not TCP: ports of pre-heated kernels clash, and any local process could reach them.
    c.KernelManager.transport = "ipc"
    c.KernelSpecManager.ensure_native_kernel = False
    return c


def short_folder() -> str:
    """Return a folder for sockets whose paths stay below the system's limit."""
    wanted = tempfile.gettempdir()
    if len(wanted) + len("/voila_00000000") + len(_KERNEL_FILE) <= _SOCKET_PATH_LIMIT:
        return wanted
    return "/tmp"  # noqa: S108 (Voila makes a private folder in it)


def serve(settings: AppsSettings) -> None:
    """Serve the apps until the process is told to stop."""
    templates = paths.checkout() / "voila-apps"
    found = [str(templates), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(found)
    key = Ed25519PrivateKey.generate()
    os.environ["TIDELAB_TICKET_KEY"] = ticket.public_text(key)
    AppsServer.settings_, AppsServer.ticket_key = settings, key
    with tempfile.TemporaryDirectory(prefix="tl-apps-") as empty:
        # Voila reads voila.json from the working directory: ours is a folder that nobody else writes.
        os.chdir(empty)
        sys.argv = ["voila"]
        app = AppsServer(config=configuration(settings, Path(empty)))
        app.initialize([])
        # Here and not in the kernels: nobody reads what those print.
        say_whether_held(app.log)
        app.start()
