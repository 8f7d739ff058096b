"""A service of the hub in a container: it parses people's files, so it runs away from the hub's databases and the engine's socket.

`contained` turns what the keeper would start into a call of this module, which takes away a leftover of the same name and becomes
``docker run``: the client passes signals on, so the keeper ends, watches and logs a container as it does a process.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tidehub.settings import Settings
from tidelab import paths
from tidelab.containers import names

SERVICE: Final = names.LABEL + "service"
"""Label of these containers; servers of people bear `names.SERVER`."""
_CHECKOUT, _ENVS = Path("/opt/tidelab"), Path("/opt/tidelab-envs")
# Where the checkout and the environments are is the image's knowledge.
_OF_THE_HOST = frozenset({"TIDELAB_ROOT", "TIDELAB_STATE", "TIDELAB_ENVS", "PATH", "HOME", "TMPDIR"})
_WRITTEN: Final = ("homes", "usage", "cache", "run-slots")
_READ: Final = ("profiles", "shared")
_TMP: Final = "/tmp"  # noqa: S108 (the container's own, a tmpfs)
_TMP_BYTES: Final = 2 * 1024**3
_PIDS: Final = 4096
_MEMORY_SHARE: Final = 0.75
_FOR_THE_CLIENT: Final = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)
CONFINED: Final = (
    *("--rm", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"),
    *("--pids-limit", str(_PIDS), "--ipc", "private"),
    *("--tmpfs", f"{_TMP}:rw,nosuid,nodev,size={_TMP_BYTES}", "--env", f"HOME={_TMP}", "--workdir", _TMP),
)
"""What holds for every one of them: no capability, nothing writable but /tmp and what is mounted so."""


def contained(entry: Mapping[str, Any], environment_name: str, settings: Settings) -> dict[str, Any]:
    """Return the keeper's entry that starts the same service in a container.

    Parameters
    ----------
    entry
        ``name``, ``command`` (interpreter first) and ``environment`` of the service on this machine.
    environment_name
        Environment whose interpreter it is; the image has one of the same name.
    settings
        The hub's settings.

    Returns
    -------
    dict
        An entry of the same form. Values of variables are in its environment alone: a command line is everyone's to read.
    """
    given: dict[str, str] = entry["environment"]
    inside = {name: value for name, value in given.items() if name not in _OF_THE_HOST}
    port = urlsplit(given["JUPYTERHUB_SERVICE_URL"]).port
    gateway = IPv4Network(settings.docker_subnet).network_address + 1
    inside |= {
        "JUPYTERHUB_API_URL": f"http://{gateway}:{settings.hub_port}{urlsplit(given['JUPYTERHUB_API_URL']).path}",
        # All addresses of the container; no other container reaches them, and this machine by 127.0.0.1 alone.
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:{port}",
    }
    name = container_name(entry["name"], settings)
    options = [
        *(
            "--label",
            f"{names.INSTANCE}={instance(settings)}",
            "--label",
            f"{SERVICE}={entry['name']}",
            "--network",
            settings.docker_network,
        ),
        *("--publish", f"127.0.0.1:{port}:{port}", "--user", user(settings)),
        *CONFINED,
        *("--pull", "missing" if settings.docker_pull else "never"),
        *("--memory", str(memory_bytes()), "--memory-swap", str(memory_bytes())),
        *(part for mount in mounts(user(settings)) for part in ("--mount", mount)),
        # Without a value: the client takes it from its own environment.
        *(part for variable in sorted(inside) for part in ("--env", variable)),
    ]
    image = names.stack_image(("analyse",), "cpu", settings.docker_images)
    command = [str(_ENVS / environment_name / "bin" / "python"), *entry["command"][1:]]
    start = [str(paths.env_python("hub")), "-m", "tidehub.docker.service_container", name]
    engine = {name: os.environ[name] for name in _FOR_THE_CLIENT if name in os.environ}
    return {
        "name": entry["name"],
        "command": [*start, *options, image, *command],
        "environment": engine | inside,
    }


def container_name(service: str, settings: Settings) -> str:
    """Return the container's name; the data folder tells two hubs on one engine apart."""
    return f"{instance(settings)}-service-{service}"


def instance(settings: Settings) -> str:
    """Return what tells this hub's service containers from another hub's on the same engine: the name of its network."""
    return settings.docker_network.lower()


def user(settings: Settings) -> str:
    """Return uid:gid of the processes in containers: as set, else the hub's own; never root."""
    if settings.docker_user:
        return settings.docker_user
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else "1000:1000"


def memory_bytes() -> int:
    """Return the memory that a service may use: three quarters of the machine's, so that a bad file ends it and not the hub."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _MEMORY_SHARE)


def mounts(account: str) -> list[str]:
    """Return what it sees of this machine: runs and their records to write; champions, use cases and shared data to read.

    Each lies where it lies on this machine, and folders that are missing are made: Docker would make them for root.
    """
    data = paths.data()
    written = [data / name for name in _WRITTEN]
    read = [*(data / name for name in _READ), paths.champions()]
    for folder in (*written, *read):
        folder.mkdir(parents=True, exist_ok=True)
    _give([*written, paths.champions(), data / "profiles"], account)
    shared = [folder for folder in paths.mounts() if folder.is_dir()]
    use_cases = [folder for folder in paths.usecase_folders()[1:] if folder.is_dir()]
    read = list(dict.fromkeys((*read, *shared, *use_cases)))
    own = _CHECKOUT / "notebooks"
    return [
        *(_mount(folder, folder, "") for folder in written),
        *(_mount(folder, folder, ",readonly") for folder in read),
        _mount(paths.checkout() / "notebooks", own, ",readonly"),
    ]


def _give(folders: Sequence[Path], account: str) -> None:
    """Give the folders to the container's account where this hub is root, which may use them all the same.

    Of the homes the folder alone: each home is given to the account when its owner's server starts.
    """
    if os.geteuid():
        return
    uid, gid = (int(part) for part in account.split(":"))
    for folder in folders:
        for path in (folder, *(folder.rglob("*") if folder.name != "homes" else ())):
            os.chown(path, uid, gid, follow_symlinks=False)


def _mount(source: Path, target: Path, more: str) -> str:
    # One value of comma-separated fields; quoted as CSV, which is how Docker reads it.
    fields = [f"source={source}", f"target={target}"]
    quoted = [
        f'"{field.replace(chr(34), chr(34) * 2)}"' if set(field) & set(',"') else field for field in fields
    ]
    return ",".join(["type=bind", *quoted]) + more


def main(arguments: Sequence[str] | None = None) -> int:
    """Take away what is left under the container's name, then become ``docker run``; returns only when that cannot be."""
    name, *rest = sys.argv[1:] if arguments is None else arguments
    docker = shutil.which("docker")
    if docker is None:
        print("The program `docker` is not installed; the service cannot be started.", file=sys.stderr)
        return 1
    # A keeper that was killed leaves its client, and the client the container, for a moment.
    subprocess.run([docker, "rm", "--force", name], capture_output=True, timeout=120, check=False)
    os.execv(docker, [docker, "run", "--name", name, *rest])  # noqa: S606 (a list of arguments of our own, no shell)


if __name__ == "__main__":
    sys.exit(main())
