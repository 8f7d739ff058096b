"""MLflow's application with the hub's identity and Tidelab's rules."""

import os
from typing import cast

from mlflow.server import app as flask_app
from mlflow.server.auth import create_app
from mlflow.server.constants import (
    ARTIFACT_ROOT_ENV_VAR,
    BACKEND_STORE_URI_ENV_VAR,
    REGISTRY_STORE_URI_ENV_VAR,
)
from mlflow.server.handlers import initialize_backend_stores

from . import permissions, policy
from .application import Application


def create() -> Application:
    """Return the application. The environment must be set (:mod:`.__main__`) before this module is imported."""
    # Before the first request: two first requests at once would both create the tables, and all later ones fail.
    initialize_backend_stores(
        os.environ[BACKEND_STORE_URI_ENV_VAR],
        os.environ[REGISTRY_STORE_URI_ENV_VAR],
        os.environ[ARTIFACT_ROOT_ENV_VAR],
    )
    application = create_app()
    permissions.prepare_roles()
    policy.install(flask_app)
    return cast(Application, application)
