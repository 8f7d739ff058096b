"""MLflow's application with the hub's identity and Tidelab's rules."""

from typing import cast

from mlflow.server import app as flask_app
from mlflow.server.auth import create_app

from . import permissions, policy
from .surface import Application


def create() -> Application:
    """Return the application. The environment must be set (:mod:`.__main__`) before this module is imported."""
    application = create_app()
    permissions.prepare_roles()
    policy.install(flask_app)
    return cast(Application, application)
