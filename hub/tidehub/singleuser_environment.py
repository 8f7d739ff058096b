"""The whole environment of a single-user server: nothing is inherited from the hub, everything is named here."""

import os
from pathlib import Path

from tidehub.profiles import Choice
from tidelab import paths
from tidelab.catalogue import UseCase

# Places that people's kernels need as the hub has them; each is a path or a list of paths, never a secret.
_PLACES = (
    "TIDELAB_ROOT",
    "TIDELAB_STATE",
    "TIDELAB_ENVS",
    "TIDELAB_DATA",
    "TIDELAB_CHAMPIONS",
    "TIDELAB_MOUNTS",
    "TIDELAB_USECASES",
    "TIDELAB_PURPOSE",
)
_LOCALE = (
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "CUDA_VISIBLE_DEVICES",
)


def singleuser_environment(
    use_case: UseCase,
    choice: Choice,
    *,
    user: str,
    api_token: str,
    public_url: str,
    services: tuple[str, ...],
    access: str = "local",
) -> dict[str, str]:
    """Return the variables that Tidelab adds to what JupyterHub itself sets.

    Parameters
    ----------
    use_case
        The server's use case.
    choice
        The size of server the person chose.
    user
        Name of the hub user.
    api_token
        The server's own token, which is also its identity at MLflow.
    public_url
        Address of the hub's proxy as this machine reaches it, with a slash at the end.
    services
        Names of the services that run.
    access
        How people reach the hub (`tidehub.settings.Settings.access`), for the statistics.
    """
    home = paths.home(user)
    environment = {name: os.environ[name] for name in (*_PLACES, *_LOCALE) if name in os.environ}
    environment.setdefault("LANG", "C.UTF-8")
    environment |= {
        "HOME": str(home),
        "USER": user,
        "SHELL": "/bin/bash",
        "PATH": search_path(use_case),
        "TIDELAB_USECASE": use_case.slug,
        "TIDELAB_USER": user,
        "TIDELAB_DATA": str(paths.data()),
        "TIDELAB_RUNS": str(paths.user_runs(user)),
        "TIDELAB_FLAVOUR": choice.name,
        "TIDELAB_ACCESS": access,
        # Libraries count the machine's cores, not the ones that were asked for.
        "OMP_NUM_THREADS": str(max(1, int(choice.cpu))),
    }
    if use_case.source_folder.is_dir():
        environment["PYTHONPATH"] = str(use_case.source_folder)
    if "mlflow" in services:
        environment |= {
            "MLFLOW_TRACKING_URI": f"{public_url}services/mlflow",
            "MLFLOW_TRACKING_TOKEN": api_token,
            # A dead MLflow then costs seconds; the default costs four minutes.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        }
    if "models" in services:
        environment["TIDELAB_MODELS_URL"] = f"{public_url}services/models"
    return environment


def search_path(use_case: UseCase) -> str:
    """Return PATH: the lab, the use case's analysis stack, then the system's own programs."""
    folders = [paths.env_python(name).parent for name in ("lab", use_case.stacks.analyse)]
    system = [Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
    return os.pathsep.join(str(folder) for folder in (*folders, *system))
