"""Two people's servers in real containers behind a real hub: every way out of one is tried from inside it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
import yaml

from tests.docker.isolation.__main__ import ATTEMPTS
from tests.docker.isolation.table import TABLE
from tests.support.docker_hub import DockerHub
from tests.support.host_firewall import fenced, no_name_servers
from tests.support.hub import HubClient, wait_for
from tests.support.images import PREFIX, Images
from tidehub.docker import firewall
from tidehub.settings import Settings
from tidelab.catalogue.scaffold import find_source, new_usecase
from tidelab.containers import names

SLUG = "isolation-case"
MEMORY_GB = 1
PROBE = Path(__file__).with_name("isolation")
MARKER = "tidelab-isolation-marker"
ROWS = {row.attempt: row for row in TABLE}
BOMBS = ("temporary_files", "fork_bomb", "memory_bomb")
SECRET = "SECRET-of-ada"


class Neighbours:
    """Ada, who is left alone, and eve, who tries; `said` holds what happened to each attempt."""

    def __init__(self, hub: DockerHub, image: str) -> None:
        self.hub, self.image = hub, image
        self.ada, self.eve = (hub.client(name).signed_in() for name in ("ada", "eve"))
        for client in (self.ada, self.eve):
            client.open_lab(SLUG)
        (hub.data / "homes" / "ada" / "secret.txt").write_text(SECRET)
        (hub.data / "homes" / "ada" / "runs").mkdir(exist_ok=True)
        self.unfenced: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.ada_during_bombs: list[int] = []

    def probe(self, given: dict[str, Any], *only: str) -> dict[str, str]:
        """Run the probe in eve's container as eve; return what it says."""
        place = self.hub.data / "homes" / "eve" / "attempts"
        shutil.copytree(
            PROBE, place / PROBE.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        python = ("env", f"PYTHONPATH={place}", "/opt/tidelab-envs/lab/bin/python", "-B", "-m", PROBE.name)
        code, output = self.hub.run_in("eve", SLUG, *python, json.dumps({**given, "only": only}))
        assert code == 0, output[-3000:]
        return json.loads(output.strip().splitlines()[-1])  # type: ignore[no-any-return]

    def answers(self, client: HubClient) -> int:
        """Return how a server answers its owner."""
        return client.lab(SLUG, "api/status").status_code


@contextlib.contextmanager
def listener() -> Iterator[int]:
    """A program of this machine that listens on all its addresses."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield int(server.getsockname()[1])


def knowledge(neighbours: Neighbours, host_port: int, experiment: dict[str, str]) -> dict[str, Any]:
    """Return what eve may be assumed to know."""
    hub = neighbours.hub
    networks = hub.container("ada", SLUG)["NetworkSettings"]["Networks"]
    data = hub.data
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return {
        "slug": SLUG, "neighbour": "ada", "neighbours": [networks[hub.network]["IPAddress"]],
        "neighbour_url": f"{hub.url}user/ada/{SLUG}/",
        "neighbour_paths": [str(data / "homes" / "ada"), str(data / "homes" / "ada" / "runs"), str(data / "homes" / "ada" / "secret.txt")],
        "hub_paths": [str(data / name) for name in ("hub", "hub/cookie-secret", "mlflow", "logs", "gpus", "usage", "profiles", "test_config.py")],
        "mlflow": f"{hub.url}services/mlflow", **experiment,
        "hub_api": f"http://{hub.host}:{hub.hub_port}/hub/api", "gateway": hub.host,
        "hub_port": hub.hub_port, "proxy_port": hub.port, "proxy_api_port": hub.api_port,
        "host_port": host_port, "host_addresses": [hub.host, "172.17.0.1", *(one for one in own if not one.startswith("127."))],
        "marker": MARKER, "read_only": [str(data / "champions"), str(data / "shared"), str(data / "drive"), "/opt/tidelab/notebooks"],
        "tmp_bound": 2 * MEMORY_GB * 1000**3, "memory_bound": 2 * MEMORY_GB * 1000**3, "bomb_s": 3.0,
    }  # fmt: skip


def adas_experiment(hub: DockerHub) -> dict[str, str]:
    """Make an experiment of ada's with a run and a file."""
    import mlflow

    scopes = ["access:services!service=mlflow"]
    token = hub.api("POST", "users/ada/tokens", json={"scopes": scopes}).json()["token"]
    uri = f"{hub.url}services/mlflow"
    wait_for(
        lambda: requests.get(f"{uri}/version", headers={"Authorization": f"Bearer {token}"}, timeout=20).ok,
        "MLflow",
        120,
    )
    with patch.dict(os.environ, {"MLFLOW_TRACKING_URI": uri, "MLFLOW_TRACKING_TOKEN": token}):
        mlflow.set_tracking_uri(uri)
        made = mlflow.set_experiment(f"{SLUG}/ada")
        with mlflow.start_run() as run:
            mlflow.log_text(SECRET, "secret.txt")
    return {"experiment": made.experiment_id, "experiment_name": made.name, "run": run.info.run_id}


@pytest.fixture(scope="module")
def neighbours(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """Both servers, and everything tried once."""
    use_cases = tmp_path_factory.mktemp("isolation-cases")
    declaration = (
        new_usecase(SLUG, "Isolation case", "Test", use_cases, find_source("_template")).folder
        / "usecase.yaml"
    )
    declared = yaml.safe_load(declaration.read_text())
    declared["resources"]["flavours"]["small"] |= {"memory_gb": MEMORY_GB}
    declaration.write_text(yaml.safe_dump(declared))
    use_cases.chmod(0o755)
    image = names.use_case_image(SLUG, ("analyse",), "cpu", PREFIX)
    subprocess.run(["docker", "tag", images.flowcam, image], check=True)
    environment = {"TIDELAB_USECASES": str(use_cases), "TIDEHUB_DOCKER_IMAGES": PREFIX}
    marked = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MARKER])
    hub = DockerHub(("mlflow",), **environment)
    try:
        drive = hub.data / "drive"
        for folder in (drive, hub.data / "shared", hub.data / "champions"):
            folder.mkdir()
        hub._settings["TIDELAB_MOUNTS"] = str(drive)
        with hub, listener() as host_port:
            yield _try_everything(Neighbours(hub, images.foundation), host_port)
    finally:
        marked.kill()
        marked.wait()
        subprocess.run(["docker", "rmi", "--no-prune", image], capture_output=True, check=False)


def _try_everything(neighbours: Neighbours, host_port: int) -> Neighbours:
    hub = neighbours.hub
    given = knowledge(neighbours, host_port, adas_experiment(hub))
    hub.client_of_engine.exec_start(
        hub.client_of_engine.exec_create(
            hub.container("ada", SLUG)["Id"], ["sh", "-c", f"sleep 300; : {MARKER}"]
        )["Id"],
        detach=True,
    )
    neighbours.unfenced = neighbours.probe(given, "host_services")
    settings = Settings(
        mode="docker",
        docker_network=hub.network,
        docker_subnet=hub.host.rpartition(".")[0] + ".0/24",
        hub_port=hub.hub_port,
        port=hub.port,
    )  # type: ignore[call-arg]
    with fenced(firewall.rules_of(settings, no_name_servers()), neighbours.image):
        neighbours.said = neighbours.probe(given, *(name for name in ATTEMPTS if name not in BOMBS))
        over = threading.Event()

        def ask_ada() -> None:
            while not over.is_set():
                neighbours.ada_during_bombs.append(neighbours.answers(neighbours.ada))
                time.sleep(0.5)

        asking = threading.Thread(target=ask_ada)
        asking.start()
        try:
            for bomb in BOMBS:
                neighbours.said |= neighbours.probe(given, bomb)
        finally:
            over.set()
            asking.join()
    return neighbours


def test_every_attempt_has_a_row() -> None:
    assert set(ROWS) == set(ATTEMPTS)


@pytest.mark.parametrize("attempt", ROWS)
def test_way_in(neighbours: Neighbours, attempt: str) -> None:
    assert neighbours.said[attempt] == ROWS[attempt].expected, ROWS[attempt].tried


def test_without_the_firewall_the_machine_is_open(neighbours: Neighbours) -> None:
    """So the rules are what closes it, and the attempt can succeed."""
    assert neighbours.unfenced["host_services"].startswith("connected to")


def test_bombs_hurt_their_owner_alone(neighbours: Neighbours) -> None:
    assert len(neighbours.ada_during_bombs) >= 3
    assert set(neighbours.ada_during_bombs) == {200}
    assert neighbours.answers(neighbours.eve) == 200, "a bomb ends, the server goes on"


def test_a_browser_of_one_is_refused_by_the_server_of_another(neighbours: Neighbours) -> None:
    for path in ("lab", "api/contents", "files/secret.txt"):
        answer = neighbours.eve.get(f"user/ada/{SLUG}/{path}")
        assert answer.status_code in (403, 404), (path, answer.status_code)
        assert SECRET not in answer.text
    anonymous = requests.get(f"{neighbours.hub.url}user/ada/{SLUG}/api/contents", timeout=20)
    assert anonymous.status_code == 403 or "/hub/login" in anonymous.url


def test_another_site_opens_no_socket(neighbours: Neighbours) -> None:
    """A page elsewhere, in the browser of somebody who is signed in, asks for a kernel's or terminal's channel."""
    hub, ada = neighbours.hub, neighbours.ada
    term = ada.lab(SLUG, "api/terminals", "POST", json={}).json()["name"]
    cookies = "; ".join(
        f"{cookie.name}={cookie.value}"
        for cookie in ada.session.cookies
        if cookie.path == f"/user/ada/{SLUG}/"
    )
    answers = {}
    for origin in ("http://evil.example", hub.url.rstrip("/")):
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin, "Cookie": cookies}  # fmt: skip
        path = f"{hub.url}user/ada/{SLUG}/terminals/websocket/{term}"
        with requests.get(path, headers=headers, stream=True, timeout=20) as answer:
            answers[origin] = answer.status_code
    assert list(answers.values()) == [403, 101], (
        "refused for the other site; opened for our own, or this would prove nothing"
    )


def test_the_container_is_made_as_promised(neighbours: Neighbours) -> None:
    found = neighbours.hub.container("eve", SLUG)
    host = found["HostConfig"]
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges" in ",".join(host["SecurityOpt"])
    assert host["ReadonlyRootfs"] is True
    assert host["Memory"] == host["MemorySwap"] == MEMORY_GB * 1000**3
    assert 0 < host["PidsLimit"] <= 4096
    assert host["NetworkMode"] == neighbours.hub.network
    assert not host["PortBindings"]
    assert not host["Devices"]
    assert host["PidMode"] == ""
    assert host["UTSMode"] == ""
    written = {mount["Destination"] for mount in found["Mounts"] if mount["RW"]}
    assert written == {str(neighbours.hub.data / "homes" / "eve")}


def test_no_secret_but_ones_own_in_the_container_and_none_in_logs(neighbours: Neighbours) -> None:
    hub = neighbours.hub
    eve, ada = hub.container("eve", SLUG), hub.container("ada", SLUG)
    variables = dict(entry.split("=", 1) for entry in ada["Config"]["Env"])
    adas = variables["JUPYTERHUB_API_TOKEN"]
    secrets = {
        "ada's token": adas,
        "the proxy's token": hub._token,
        "the tests' service token": hub._api_token,
        "ada's password": neighbours.ada.password,
        "the cookie secret": (hub.data / "hub" / "cookie-secret").read_text().strip(),
    }
    everything = json.dumps(eve)
    assert not [name for name, value in secrets.items() if value in everything]
    assert not [name for name in eve["Config"]["Env"] if name.startswith(("TIDEHUB_", "CONFIGPROXY_"))]
    logs = [file for file in (hub.data / "logs").rglob("*") if file.is_file()]
    assert logs
    text = "".join(file.read_text(errors="replace") for file in logs)
    for container in (eve, ada):
        text += hub.client_of_engine.logs(container["Id"]).decode(errors="replace")
    assert not [name for name, value in secrets.items() if value in text]
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [name for name, value in secrets.items() if value in commands], (
        "command lines are everyone's to read"
    )
