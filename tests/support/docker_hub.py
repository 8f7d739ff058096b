"""A real hub in docker mode for tests: its own network, its own containers, all of it removed at the end.

``with DockerHub(services=("mlflow",), TIDEHUB_GPUS="simulated:2") as hub``; everything else is `tests.support.hub.RunningHub`.
Two never meet: each takes a network of its own, and containers are told apart by the hub they belong to.
"""

import contextlib
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import docker
from docker.errors import APIError, NotFound

from tests.support.hub import RunningHub
from tests.support.images import PREFIX
from tidelab import paths
from tidelab.containers import names

_SUBNETS = [f"172.30.{third}.0/24" for third in range(128, 250)]


def engine() -> Any:
    """Return a client of the engine that the tests use."""
    return docker.APIClient(version="auto", timeout=120, **docker.utils.kwargs_from_env())


class DockerHub(RunningHub):
    """Proxy and hub on the gateway of a network of their own.

    Parameters
    ----------
    services
        Services to start.
    patch
        Python that runs at the end of the hub's configuration, for tests that need a hub that dies at a certain step.
    settings
        Further environment variables of the hub.
    """

    def __init__(self, services: tuple[str, ...] = (), *, patch: str = "", **settings: str) -> None:
        self.network = f"tl-test-{secrets.token_hex(4)}"
        self.client_of_engine = engine()
        subnet = settings.pop("TIDEHUB_DOCKER_SUBNET", "") or self._free_subnet()
        folder = Path(tempfile.mkdtemp(prefix="tl-docker-"))
        folder.chmod(0o755)
        super().__init__(
            folder,
            services,
            TIDEHUB_MODE="docker",
            TIDEHUB_DOCKER_NETWORK=self.network,
            TIDEHUB_DOCKER_SUBNET=subnet,
            **{
                "TIDEHUB_SERVICE_CONTAINERS": "[]",
                "TIDEHUB_SHARED_TRUST": "0",
                "TIDEHUB_DOCKER_IMAGES": PREFIX,
                **settings,
            },
        )
        self.host = subnet.rsplit(".", 1)[0] + ".1"
        self.url = f"http://{self.host}:{self.port}/"
        self.patch = patch

    def __enter__(self) -> Self:
        """Make the network, which gives the address to listen on; then start."""
        command = [str(paths.env_python("hub")), "-m", "tidehub.serve", "network"]
        subprocess.run(command, env=self._environment(), check=True, capture_output=True, timeout=120)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        """End everything, remove containers, network and data."""
        super().__exit__()
        for container in self.containers():
            with contextlib.suppress(APIError):
                self.client_of_engine.remove_container(container["Id"], v=True, force=True)
        for _ in range(20):
            try:
                self.client_of_engine.remove_network(self.network)
                break
            except NotFound:
                break
            except APIError:  # an endpoint that is going
                time.sleep(0.25)
        shutil.rmtree(self.data, ignore_errors=True)

    # What runs

    def containers(self, *, running: bool = False) -> list[dict[str, Any]]:
        """Return the engine's entries of this hub's containers."""
        filters = {"label": f"{names.INSTANCE}={self.network.lower()}"}
        found: list[dict[str, Any]] = self.client_of_engine.containers(all=not running, filters=filters)
        return found

    def container(self, user: str, server: str) -> dict[str, Any]:
        """Return what the engine knows of one server's container."""
        wanted = {names.USER: user, names.SERVER: server}
        for container in self.containers():
            if wanted.items() <= container["Labels"].items():
                found: dict[str, Any] = self.client_of_engine.inspect_container(container["Id"])
                return found
        raise AssertionError(f"no container of {user}/{server}")

    def run_in(self, user: str, server: str, *command: str) -> tuple[int, str]:
        """Run a command in a server's container; return its status and output."""
        made = self.client_of_engine.exec_create(self.container(user, server)["Id"], list(command))
        output = self.client_of_engine.exec_start(made["Id"])
        return int(self.client_of_engine.exec_inspect(made["Id"])["ExitCode"]), output.decode(
            errors="replace"
        )

    # How it is started

    def _free_subnet(self) -> str:
        taken = {
            pool.get("Subnet")
            for network in self.client_of_engine.networks()
            for pool in (network.get("IPAM") or {}).get("Config") or []
        }
        free = [subnet for subnet in _SUBNETS if subnet not in taken]
        return free[secrets.randbelow(len(free))]

    def _test_config(self, config: Path) -> Path:
        file = super()._test_config(config)
        file.write_text(file.read_text() + self.patch)
        return file
