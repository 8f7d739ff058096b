"""``python -m tidelab.tracking.server.models``: the model service, started by the hub."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication

from tidelab import paths
from tidelab.tracking.connection import Connection

from ..identity import HubIdentity
from ..login import HubLogin
from ..settings import HubService, SettingsError, private_folder, secret_key
from .app import create_app
from .promotion import Promotion
from .reconcile import Reconciler
from .records import Records
from .registry import Registry


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one process and a few threads: one person decides at a time, some look on."""

    def __init__(self, load: Callable[[], Any], address: tuple[str, int]) -> None:
        self._load = load
        self._address = address
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from Gunicorn's defaults."""
        host, port = self._address
        settings = {
            "bind": f"{host}:{port}", "workers": 1, "threads": 8, "worker_class": "gthread", "timeout": 300,
            "graceful_timeout": 10, "loglevel": "warning", "limit_request_line": 4094, "proc_name": "tidelab-models",
            "control_socket_disable": True,
        }  # fmt: skip
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application in the worker, with the thread that reconciles."""
        return self._load()


def build(service: HubService, mlflow_url: str) -> Any:
    """Return the WSGI application and start reconciling."""
    folder = private_folder(paths.data() / "promotion")
    secret = secret_key(folder / "secret")
    promotion = Promotion(Registry(Connection(mlflow_url.rstrip("/"), service.api_token)), Records(folder))
    reconciler = Reconciler(promotion)
    reconciler.start()
    login = HubLogin(HubIdentity(service), secret, "The model service")
    return create_app(login, promotion, reconciler, secret)


def main() -> int:
    """Serve until the hub ends this process."""
    logging.basicConfig(level=logging.WARNING, format="models: %(levelname)s %(message)s")
    try:
        service = HubService.from_environment()
        mlflow_url = os.environ.get("TIDELAB_MLFLOW_URL", "")
        if not mlflow_url.startswith(("http://", "https://")):
            raise SettingsError(
                "TIDELAB_MLFLOW_URL is not set. The hub gives it to the service `models`: the address of the service "
                "`mlflow` on this machine with its prefix, for example http://127.0.0.1:5603/services/mlflow."
            )
        Server(lambda: build(service, mlflow_url), service.address).run()
    except SettingsError as error:
        sys.stderr.write(f"The model service cannot start. {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
