"""``python -m tidelab.tracking.server``: MLflow as a service that the hub starts. One process, no options."""

import configparser
import logging
import os
import secrets
import sys
import threading
import warnings
from pathlib import Path

import uvicorn

from tidelab import paths

from .settings import HubService, SettingsError, private_folder, secret_key
from .surface import Surface

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def environment(service: HubService, folder: Path) -> dict[str, str]:
    """Return the variables that MLflow 3.17 reads when it is imported.

    Those with a leading underscore are the ones its own command line sets for its workers.
    """
    # Who may do what stays in a file of its own (auth_config), whatever holds the experiments.
    store = os.environ.get("TIDELAB_MLFLOW_DB") or f"sqlite:///{folder / 'mlflow.db'}"
    return {
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_REGISTRY_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(private_folder(folder / "artifacts")),
        "_MLFLOW_STATIC_PREFIX": service.prefix,
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_ENABLE_WORKSPACES": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "true",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(allowed_hosts(service)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(
            f"{scheme}://{host}" for host in service.hosts for scheme in ("http", "https")
        ),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret_key(folder / "flask_secret"),
        "MLFLOW_AUTH_CONFIG_PATH": str(auth_config(folder)),
        "MLFLOW_AUTH_ADMIN_USERNAME": "bootstrap:nobody",
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_urlsafe(
            32
        ),  # MLflow insists; no password is ever accepted
    }


def allowed_hosts(service: HubService) -> list[str]:
    """Return the ``Host`` headers that are answered: this machine's and the names people use, on any port.

    MLflow reads ``[`` as the start of a character class only where the pattern holds a ``*``.
    """
    hosts = [*LOCAL_HOSTS, *service.hosts]
    return [*hosts, *(f"{host.replace('[', '[[]', 1)}:*" for host in hosts)]


def auth_config(folder: Path) -> Path:
    """Write MLflow's auth configuration: our function decides who calls, and nobody has a right by default."""
    config = configparser.ConfigParser(interpolation=None)
    config["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": f"sqlite:///{folder / 'auth.db'}",
        "authorization_function": "tidelab.tracking.server.permissions:authorize",
        "grant_default_workspace_access": "false",
    }
    path = folder / "auth.ini"
    with path.open("w", encoding="utf-8") as file:
        config.write(file)
    return path


def main() -> int:
    """Serve until the hub ends this process."""
    logging.basicConfig(level=logging.WARNING, format="mlflow: %(levelname)s %(message)s")
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # MLflow's own, on every start
    try:
        service = HubService.from_environment()
        folder = private_folder(paths.data() / "mlflow")
        os.environ.update(environment(service, folder))
    except SettingsError as error:
        sys.stderr.write(f"The MLflow service cannot start. {error}\n")
        return 2
    surface = Surface(service.prefix)
    threading.Thread(target=_load, args=(surface,), name="load MLflow", daemon=True).start()
    host, port = service.address
    uvicorn.run(
        surface, host=host, port=port, log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    return 0


def _load(surface: Surface) -> None:
    """Import MLflow and its databases behind the answering surface; a failure ends the process, and the hub says so."""
    try:
        from .app import create

        surface.application = create()
    except BaseException:
        logging.getLogger(__name__).exception("MLflow cannot start")
        logging.shutdown()
        os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main())
