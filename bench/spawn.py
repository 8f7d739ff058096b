"""How long a person waits for their Lab in a container, against stock JupyterHub with DockerSpawner and the same image; in one run.

    .tidelab/envs/dev/bin/python bench/spawn.py --repeats 5 --at-once 8

Two hubs run side by side with the proxies and the engine that this machine has, and take turns. Measured is the time from ``POST`` of the
server to the moment when the hub says `ready` and ``/api`` of the server answers 200 through the proxy, asked every 20 ms:

- ``tidelab``: this project's hub in docker mode, its command, its limits and mounts;
- ``stock``: JupyterHub and DockerSpawner with their defaults and this very image, with the command that DockerSpawner expects of an image
  (``jupyterhub-singleuser``). The image is ours, so its imports are as light for both: ``rfc3987-syntax``, a second of every stock
  image's start, is in neither.

Medians and the ratio are printed, and written with ``--json``. The machine should be idle; the ratio bears other work better than seconds.
"""

import argparse
import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.docker_hub import DockerHub
from tests.support.images import PREFIX
from tidehub.services import free_port
from tidelab import paths
from tidelab.containers import names
from tidelab.environments import proxy_command

SLUG = "flowcam-plankton"
IMAGE = names.use_case_image(SLUG, ("analyse",), "cpu", PREFIX)
PATIENCE_S = 180.0
_GIVEN_UP_S = 12.0
"""A hub answers a ``POST`` after ten seconds at the latest; one that lists no server after that has given up."""
STOCK = """
import sys
c.JupyterHub.bind_url = "http://{host}:{port}"
c.JupyterHub.hub_bind_url = "http://{host}:{hub_port}"
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.network_name = "{network}"
c.DockerSpawner.image = "{image}"
c.DockerSpawner.cmd = ["/opt/tidelab-envs/lab/bin/jupyterhub-singleuser"]
c.DockerSpawner.remove = True
c.DockerSpawner.prefix = "{network}-stock"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.services = [dict(name="bench", api_token="{token}")]
c.JupyterHub.load_roles = [dict(name="bench", services=["bench"], scopes=["admin:users", "admin:servers"])]
"""


@dataclass
class Hub:
    """One of the two: where it is asked, and what was measured of it (seconds)."""

    name: str
    url: str
    api: str
    token: str
    one: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    failed: int = 0

    def ask(self, method: str, path: str, **kwargs: object) -> requests.Response:
        """Ask the hub's API."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(method, f"{self.api}/{path}", headers=headers, timeout=PATIENCE_S, **kwargs)  # type: ignore[arg-type]

    def spawn(self, user: str) -> float | None:
        """Start a server; return the seconds until it can be used, None where the hub gave up."""
        started = time.perf_counter()
        if not self.ask("POST", f"users/{user}/servers/{SLUG}", json={}).ok:
            return None
        address = f"{self.url}user/{user}/{SLUG}/api"
        with requests.Session() as session:
            while time.perf_counter() - started < PATIENCE_S:
                if session.get(address, timeout=30, allow_redirects=False).status_code == 200:
                    if (self.server(user) or {}).get("ready"):
                        return time.perf_counter() - started
                elif time.perf_counter() - started > _GIVEN_UP_S and self.server(user) is None:
                    return None
                time.sleep(0.02)
        return None

    def server(self, user: str) -> dict[str, object] | None:
        """Return the hub's description of a server that runs or starts."""
        found: dict[str, object] | None = self.ask("GET", f"users/{user}").json()["servers"].get(SLUG)
        return found

    def measure(self, user: str, into: list[float]) -> None:
        """Start a server and keep what it took."""
        seconds = self.spawn(user)
        if seconds is None:
            self.failed += 1
        else:
            into.append(seconds)

    def stop(self, user: str) -> None:
        """Stop a server and wait for it."""
        self.ask("DELETE", f"users/{user}/servers/{SLUG}")
        while self.server(user):
            time.sleep(0.1)


@contextlib.contextmanager
def stock_hub(ours: DockerHub) -> Iterator[Hub]:
    """Run a stock hub and proxy on the same network as ours."""
    ports = {"port": free_port(), "hub_port": free_port(), "api_port": free_port()}
    token, proxy_token = secrets.token_hex(16), secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.py"
        config.write_text(
            STOCK.format(
                host=ours.host, network=ours.network, image=IMAGE, folder=folder, token=token, **ports
            )
        )
        environment = {**os.environ, "CONFIGPROXY_AUTH_TOKEN": proxy_token}
        proxy = [*proxy_command(), "--ip", ours.host, "--port", str(ports["port"]), "--api-ip", "127.0.0.1"]
        proxy += ["--api-port", str(ports["api_port"]), "--log-level", "warn"]
        proxy += ["--error-target", f"http://{ours.host}:{ports['hub_port']}/hub/error"]
        hub = [str(paths.env_python("hub")), "-m", "jupyterhub", "--config", str(config)]
        log = (folder / "log").open("wb")
        started = [
            subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            for command in (proxy, hub)
        ]
        try:
            made = Hub(
                "stock",
                f"http://{ours.host}:{ports['port']}/",
                f"http://{ours.host}:{ports['hub_port']}/hub/api",
                token,
            )
            for _ in range(300):
                with contextlib.suppress(requests.RequestException):
                    if requests.get(f"{made.url}hub/health", timeout=2).ok:
                        break
                if started[1].poll() is not None:
                    raise SystemExit((folder / "log").read_text()[-3000:])
                time.sleep(0.2)
            yield made
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(30)


def measure(hubs: list[Hub], repeats: int, at_once: int) -> None:
    """Take turns."""
    for hub in hubs:
        for number in range(max(1, at_once)):
            hub.ask("POST", f"users/u{number}")
        hub.spawn("u0")  # not counted: caches of the disk
        hub.stop("u0")
    for _ in range(repeats):
        for hub in hubs:
            hub.measure("u0", hub.one)
            hub.stop("u0")
    for hub in hubs if at_once else []:
        people = [f"u{number}" for number in range(at_once)]
        threads = [threading.Thread(target=hub.measure, args=(user, hub.at_once)) for user in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for user in people:
            hub.stop(user)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with DockerHub(TIDEHUB_IDLE_MINUTES="0", TIDEHUB_GPUS="none") as ours, stock_hub(ours) as stock:
        api = f"http://{ours.host}:{ours.hub_port}/hub/api"
        hubs = [Hub("tidelab", ours.url, api, ours._api_token), stock]
        load = os.getloadavg()[0]
        measure(hubs, given.repeats, given.at_once)
    found = {
        hub.name: {
            "one_s": [round(seconds, 2) for seconds in sorted(hub.one)],
            "failed": hub.failed,
            "one_median_s": round(statistics.median(hub.one), 2),
            **(
                {
                    "at_once_median_s": round(statistics.median(hub.at_once), 2),
                    "at_once_last_s": round(max(hub.at_once), 2),
                }
                if hub.at_once
                else {}
            ),
        }
        for hub in hubs
    }
    ours_one, stock_one = (found[name]["one_median_s"] for name in ("tidelab", "stock"))
    result = {"image": IMAGE, "load_before": round(load, 1), "ratio": round(ours_one / stock_one, 2), **found}
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
