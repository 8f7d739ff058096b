"""The whole environment of a single-user server: nothing is inherited from the hub, everything is named here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tidehub.panel_variables import panel_variables
from tidehub.person_profile import read_profile
from tidehub.profiles import Choice
from tidelab import paths, pseudonyms
from tidelab.catalogue import UseCase

# Places that people's kernels need as the hub has them; each is a path or a list of paths, never a secret.
_DATA_PLACES = ("TIDELAB_CHAMPIONS", "TIDELAB_MOUNTS", "TIDELAB_USECASES", "TIDELAB_PURPOSE")
_CODE_PLACES = ("TIDELAB_ROOT", "TIDELAB_STATE", "TIDELAB_ENVS")
_LOCALE = ("LANG", "LC_ALL", "TZ", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_OF_THIS_MACHINE = ("SSL_CERT_FILE", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Places:
    """Where code lies for a server: on this machine, or in an image. Data lies at the same path in both.

    Parameters
    ----------
    envs
        Folder of the environments; None: where this machine has them.
    root
        The checkout; None: this machine's.
    inherited
        Variables of the hub that hold for the server too.
    fixed
        Variables that the kind of server brings with it.
    container
        Whether it is an image: the server then cannot read what the hub keeps beside the homes.
    """

    envs: Path | None = None
    root: Path | None = None
    inherited: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    container: bool = False

    @classmethod
    def of_this_machine(cls) -> Self:
        """Servers that are processes beside the hub."""
        return cls(inherited=(*_CODE_PLACES, *_DATA_PLACES, *_LOCALE, *_OF_THIS_MACHINE))

    @classmethod
    def of_image(cls) -> Self:
        """Servers in containers (``docs/architecture.md``, image layout)."""
        root, envs = Path("/opt/tidelab"), Path("/opt/tidelab-envs")
        return cls(
            envs=envs,
            root=root,
            inherited=(*_DATA_PLACES, *_LOCALE),
            # Connection files of kernels belong to this start alone; in the home they would stay behind.
            fixed={
                "TIDELAB_ROOT": str(root),
                "TIDELAB_ENVS": str(envs),
                "JUPYTER_RUNTIME_DIR": "/tmp/jupyter-runtime",  # noqa: S108 (a file system of the container alone)
            },
            container=True,
        )

    def bin(self, environment: str) -> Path:
        """Return the folder of an environment's programs."""
        return self.envs / environment / "bin" if self.envs else paths.env_python(environment).parent

    def of_code(self, path: Path) -> Path:
        """Return where a folder of the checkout lies for the server."""
        if self.root is None or not path.is_relative_to(paths.checkout()):
            return path
        return self.root / path.relative_to(paths.checkout())


def singleuser_environment(
    use_case: UseCase,
    choice: Choice,
    *,
    user: str,
    api_token: str,
    public_url: str,
    services: tuple[str, ...],
    access: str = "local",
    places: Places | None = None,
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
    places
        Where code lies for the server; default: on this machine.
    """
    home = paths.home(user)
    places = places or Places.of_this_machine()
    environment = {name: os.environ[name] for name in places.inherited if name in os.environ}
    if "HTTP_PROXY" in environment or "HTTPS_PROXY" in environment:
        environment["NO_PROXY"] = _reached_directly(environment.get("NO_PROXY", ""), public_url)
    environment.setdefault("LANG", "C.UTF-8")
    environment |= {
        "HOME": str(home),
        "USER": user,
        "SHELL": "/bin/bash",
        "PATH": search_path(use_case, places),
        "TIDELAB_USECASE": use_case.slug,
        "TIDELAB_USER": user,
        "TIDELAB_DATA": str(paths.data()),
        "TIDELAB_RUNS": str(paths.user_runs(user)),
        "TIDELAB_FLAVOUR": choice.name,
        "TIDELAB_ACCESS": access,
        # Libraries count the machine's cores, not the ones that were asked for.
        "OMP_NUM_THREADS": str(max(1, int(choice.cpu))),
        **places.fixed,
    }
    if places.container:
        environment |= _usage_variables(user)
    if use_case.source_folder.is_dir():
        environment["PYTHONPATH"] = str(places.of_code(use_case.source_folder))
    environment |= _service_variables(services, public_url, api_token)
    return environment | panel_variables(use_case, choice, public_url, services)


def _reached_directly(already: str, public_url: str) -> str:
    """Return NO_PROXY: the hub is never behind the institute's proxy."""
    hosts = (already, "127.0.0.1", "localhost", urlsplit(public_url).hostname or "")
    return ",".join(dict.fromkeys(host for host in hosts if host))


def _usage_variables(user: str) -> dict[str, str]:
    """Return what a container's runs are counted as; the page Profile writes a file that it does not see."""
    profile = read_profile(user)
    return {
        "TIDELAB_PERSON_KIND": profile.kind,
        "TIDELAB_INSTITUTION": profile.institution,
        "TIDELAB_COUNTRY": profile.country,
        "TIDELAB_PSEUDONYM": pseudonyms.pseudonym(user, pseudonyms.secret()),
        "TIDELAB_USAGE": str(paths.user_usage(user)),
    }


def _service_variables(services: tuple[str, ...], public_url: str, api_token: str) -> dict[str, str]:
    """Return where MLflow and promotion are, and who asks there."""
    variables: dict[str, str] = {}
    if "mlflow" in services:
        variables |= {
            "MLFLOW_TRACKING_URI": f"{public_url}services/mlflow",
            "MLFLOW_TRACKING_TOKEN": api_token,
            # A dead MLflow then costs seconds; the default costs four minutes.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        }
    if "models" in services:
        variables["TIDELAB_MODELS_URL"] = f"{public_url}services/models"
    return variables


def search_path(use_case: UseCase, places: Places) -> str:
    """Return PATH: the lab, the use case's analysis stack, then the system's own programs."""
    folders = [places.bin(name) for name in ("lab", use_case.stacks.analyse)]
    system = [Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
    return os.pathsep.join(str(folder) for folder in (*folders, *system))
