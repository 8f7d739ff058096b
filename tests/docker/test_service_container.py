"""The apps service in its own container, behind a real hub in docker mode: it serves, its runs finish, it sees nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.app_page import AppPage, browser, wait_for_apps
from tests.support.docker_hub import DockerHub
from tests.support.hub import wait_for
from tests.support.images import FLOWCAM, PREFIX, Images
from tidelab.containers import names

SERVICE = names.LABEL + "service"


@pytest.fixture(scope="module")
def hub(images: Images) -> Iterator[DockerHub]:
    own = {
        "TIDEHUB_SERVICE_CONTAINERS": '["apps"]',
        "TIDEHUB_DOCKER_IMAGES": PREFIX,
        "TIDELAB_APPS_MAX_KERNELS": "3",
    }
    with DockerHub(("apps",), **own) as running:
        yield running


def container(hub: DockerHub) -> dict[str, Any]:
    """Return what the engine knows of the service's container."""
    (found,) = [one for one in hub.containers() if one["Labels"].get(SERVICE) == "apps"]
    inspected: dict[str, Any] = hub.client_of_engine.inspect_container(found["Id"])
    return inspected


def run_in(hub: DockerHub, program: str) -> Any:
    """Run Python in it and return the JSON that it prints."""
    api = hub.client_of_engine
    made = api.exec_create(container(hub)["Id"], ["/opt/tidelab-envs/lab/bin/python", "-c", program])
    return json.loads(api.exec_start(made["Id"]))


def test_an_app_opens_and_its_run_finishes(hub: DockerHub, chromium: str) -> None:
    wait_for_apps(hub)
    with browser(chromium) as chrome:
        tab = AppPage(chrome, hub.client("ada")).sign_in()
        tab.open(FLOWCAM).choose("Sample").analyse()
        assert tab.problems == []
        assert "GB" not in tab.page.title()
        tab.close()
    (run,) = (hub.data / "homes" / "ada" / "runs" / FLOWCAM).iterdir()
    state = json.loads((run / "state.json").read_text())
    assert state["status"] == "done"
    assert (hub.data / "usage" / "events.jsonl").read_text().count("\n") == 1, (
        "counted as in a run beside the hub"
    )


def test_it_sees_no_socket_no_secret_and_no_database(hub: DockerHub) -> None:
    hidden = [str(hub.data / name) for name in ("hub", "mlflow", "gpus", "logs", "test_config.py")]
    seen = run_in(hub, f"""
import json, os, socket
from pathlib import Path
status = dict(line.split(":\\t", 1) for line in Path("/proc/1/status").read_text().splitlines() if ":\\t" in line)
def refused(path):
    try:
        Path(path, ".probe").touch()
        return False
    except OSError:
        return True
print(json.dumps(dict(
    there=[path for path in ["/var/run/docker.sock", "/run/docker.sock", *{hidden!r}] if Path(path).exists()],
    capabilities=status["CapEff"].strip(), privileges=status["NoNewPrivs"].strip(), uid=os.getuid(),
    read_only=[refused(path) for path in ("/", "/opt/tidelab", "/opt/tidelab/notebooks", {str(hub.data / "champions")!r})],
    homes=os.access({str(hub.data / "homes")!r}, os.W_OK),
    tokens=sorted(name for name in os.environ if "TOKEN" in name or "SECRET" in name),
)))
""")  # fmt: skip
    assert seen["there"] == []
    assert int(seen["capabilities"], 16) == 0
    assert seen["privileges"] == "1"
    assert seen["uid"] != 0
    assert all(seen["read_only"])
    assert seen["homes"] is True
    assert seen["tokens"] == ["JUPYTERHUB_API_TOKEN"], "its own alone"


def test_only_this_machine_reaches_it(hub: DockerHub) -> None:
    found = container(hub)
    (published,) = found["HostConfig"]["PortBindings"].values()
    assert [one["HostIp"] for one in published] == ["127.0.0.1"]
    assert found["HostConfig"]["Memory"] > 0
    assert found["HostConfig"]["CapDrop"] == ["ALL"]


def test_one_that_ends_comes_back_and_none_is_left(hub: DockerHub) -> None:
    before = container(hub)["Id"]
    hub.client_of_engine.kill(before)
    wait_for(
        lambda: [
            one for one in hub.containers(running=True) if one["Labels"].get(SERVICE) and one["Id"] != before
        ],
        "the next one",
        60,
    )
    wait_for_apps(hub)
    hub.kill_hub()
    wait_for(lambda: not hub.containers(running=True), "the end of the service with its hub", 60)
    hub.start_hub()
    wait_for_apps(hub)
    assert container(hub)["State"]["Running"]
