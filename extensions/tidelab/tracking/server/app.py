"""MLflow's server with the hub's identity, Tidelab's rules and only the routes that are used."""

from typing import cast

from mlflow.server import app as flask_app
from mlflow.server.auth import create_app

from . import permissions, policy
from .settings import HubService
from .surface import Application, Surface


def create() -> Surface:
    """Return the application to serve. The environment must be set (:mod:`.__main__`) before this module is imported."""
    application = create_app()
    permissions.prepare_roles()
    policy.install(flask_app)
    return Surface(cast(Application, application), HubService.from_environment().prefix)
