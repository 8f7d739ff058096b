"""Servers in containers of a real hub on a real engine: what they offer, what is inside, what is said, what is left."""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.docker_hub import DockerHub
from tests.support.gpu_images import make_gpu_case
from tests.support.hub import HubClient, wait_for
from tests.support.images import PREFIX, Images
from tidelab.containers import names

SLUG = "flowcam-plankton"
NO_IMAGE = "no-image"
ANALYSE = "/opt/tidelab-envs/analyse/bin/python"
LOG_A_RUN = """
import mlflow, sys
mlflow.set_experiment(sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_metric("accuracy", 0.5)
print(mlflow.get_run(run.info.run_id).info.user_id)
"""


@pytest.fixture(scope="module")
def hub(images: Images) -> Iterator[DockerHub]:
    assert images
    with tempfile.TemporaryDirectory(prefix="tl-cases-") as folder:
        cases = make_gpu_case(Path(folder), None, NO_IMAGE)
        services = ("mlflow",)
        with DockerHub(services, TIDEHUB_IDLE_MINUTES="0", TIDELAB_USECASES=str(cases)) as running:
            yield running


@pytest.fixture(scope="module")
def people(hub: DockerHub) -> list[HubClient]:
    """Two people, each with a server that runs."""
    clients = [hub.client(name).signed_in() for name in ("ada", "bob")]
    for client in clients:
        client.open_lab(SLUG)
    return clients


def progress(hub: DockerHub, user: str, server: str = SLUG) -> list[dict[str, Any]]:
    with hub.api("GET", f"users/{user}/servers/{server}/progress", stream=True) as stream:
        return [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith(b"data:")]


def test_each_analyses_in_a_container_of_their_own(hub: DockerHub, people: list[HubClient]) -> None:
    """The notebook runs inside; its results are in the person's home here, and the home page shows them."""
    notebook = f"cd {SLUG} && papermill --cwd . analyse.ipynb /tmp/executed.ipynb"
    with ThreadPoolExecutor() as threads:
        done = list(threads.map(lambda client: hub.run_in(client.name, SLUG, "sh", "-c", notebook), people))
    for client, (status, said) in zip(people, done, strict=True):
        assert status == 0, said[-2000:]
        [state] = (hub.data / "homes" / client.name / "runs" / SLUG).glob("*/state.json")
        assert json.loads(state.read_text())["status"] == "done", state.read_text()
        assert (state.parent / "results.csv").stat().st_size > 0
        assert "recorded in the data folder" not in (state.parent / "log.txt").read_text()
        home = client.get("hub/home").text
        assert "done:" in home
        assert "Your server is a container that sees your own home" in home
    containers = [hub.container(client.name, SLUG)["Id"] for client in people]
    assert len(set(containers)) == 2


def test_mlflow_knows_who_it_is(hub: DockerHub, people: list[HubClient]) -> None:
    for client in people:
        status, said = hub.run_in(client.name, SLUG, ANALYSE, "-c", LOG_A_RUN, f"{SLUG}/{client.name}")
        assert status == 0, said[-2000:]
        assert client.name in said.splitlines()
    status, said = hub.run_in("ada", SLUG, ANALYSE, "-c", LOG_A_RUN, f"{SLUG}/bob")
    assert status != 0
    assert "permission" in said.lower()


def test_what_is_inside(hub: DockerHub, people: list[HubClient]) -> None:
    assert people
    host = hub.container("ada", SLUG)["HostConfig"]
    assert (host["Memory"], host["CpuQuota"], host["NetworkMode"]) == (4_000_000_000, 100_000, hub.network)
    assert host["ReadonlyRootfs"]
    home = hub.data / "homes" / "ada"
    uid = home.stat().st_uid
    for command, expected in (
        ("id -u", str(uid)),
        ("id -un", "ada"),
        ("pwd", str(home)),
        ("touch /x 2>&1 || true", "touch: cannot touch '/x': Read-only file system"),
        ("echo $OMP_NUM_THREADS", "1"),
        ("df --output=size -BG /dev/shm | tail -1", "2G"),
        (f"stat -c %a {home}", "700"),
        (f"ls {hub.data}/homes", "ada"),
        ("head -1 /proc/1/cmdline | tr '\\0' ' ' | cut -c1-16", "/usr/bin/tini --"),
    ):
        status, said = hub.run_in("ada", SLUG, "sh", "-c", command)
        assert status == 0, said
        assert said.split() == expected.split(), command
    environment = hub.container("ada", SLUG)["Config"]["Env"]
    assert not [entry for entry in environment if entry.startswith(("TIDEHUB_", "CONFIGPROXY_", "DOCKER_"))]
    assert hub._token not in json.dumps(environment)
    assert f"JUPYTERHUB_API_URL=http://{hub.host}:{hub.hub_port}/hub/api" in environment


def test_progress_and_the_end_of_a_server(hub: DockerHub, people: list[HubClient]) -> None:
    assert people
    cleo = hub.client("cleo").signed_in()
    with ThreadPoolExecutor(1) as thread:
        # The hub answers the form when the server is ready, if that is soon: what it says meanwhile is asked for meanwhile.
        asked = thread.submit(cleo.post_form, "hub/home", f"hub/spawn/cleo/{SLUG}", use_case=SLUG)
        events = wait_for(lambda: progress(hub, "cleo"), "the start of the server", 30, every=0.02)
        assert asked.result().ok
    messages = [event.get("message", "") for event in events]
    assert any("home folder" in message for message in messages), messages
    assert any("Starting JupyterLab for Phytoplankton" in message for message in messages), messages
    wait_for(lambda: cleo.ready_server(SLUG), "the server", 60)
    cleo.stop_lab(SLUG)
    wait_for(
        lambda: not [c for c in hub.containers() if c["Labels"][names.USER] == "cleo"],
        "its container's end",
        20,
    )
    assert (hub.data / "homes" / "cleo" / SLUG / "analyse.ipynb").is_file()


@pytest.mark.parametrize("options", [{"image": "busybox"}, {"image": ["busybox"], "resources": "small"}])
def test_nobody_chooses_an_image(hub: DockerHub, options: dict[str, Any]) -> None:
    hub.client("dora").signed_in()
    answer = hub.api("POST", f"users/dora/servers/{SLUG}", json={"user_options": options})
    assert answer.status_code == 400
    assert "takes the options" in answer.json()["message"]


def failure(client: HubClient, slug: str = SLUG) -> str:
    def failed() -> str:
        text = client.get(f"hub/spawn-pending/{client.name}/{slug}").text
        return text if "could not be opened" in text else ""

    return str(wait_for(failed, "the sentence", 60))


def test_an_image_that_is_missing(hub: DockerHub) -> None:
    erik = hub.client("erik").signed_in()
    erik.post_form("hub/home", f"hub/spawn/erik/{NO_IMAGE}", use_case=NO_IMAGE, resources="small")
    said = failure(erik, NO_IMAGE)
    assert f"{names.use_case_image(NO_IMAGE, ('analyse',), 'cpu', PREFIX)} is not on this machine" in said
    assert f"tidelab images build {NO_IMAGE}" in said
    assert "Traceback" not in said


def test_what_a_crash_left_is_removed_and_what_is_not_ours_is_not(hub: DockerHub) -> None:
    engine = hub.client_of_engine
    name = f"tidelab-{hub.network}-fay--flowcam-2dplankton"
    image = names.use_case_image(SLUG, ("analyse",), "cpu", PREFIX)
    stranger = engine.create_container(image, command=["sleep", "60"], name=name)["Id"]
    fay = hub.client("fay").signed_in()
    try:
        fay.post_form("hub/home", f"hub/spawn/fay/{SLUG}", use_case=SLUG)
        assert "that this hub did not make" in failure(fay)
        assert engine.inspect_container(stranger)["Id"] == stranger
    finally:
        engine.remove_container(stranger, force=True)
    labels = {names.INSTANCE: hub.network, names.USER: "fay", names.SERVER: SLUG}
    engine.create_container(image, command=["sleep", "60"], name=name, labels=labels)
    fay.open_lab(SLUG)
    assert hub.container("fay", SLUG)["State"]["Running"]
    fay.stop_lab(SLUG)


def test_a_server_that_ends_at_once_says_why(hub: DockerHub) -> None:
    gil = hub.client("gil").signed_in()
    home = hub.data / "homes" / "gil"
    home.mkdir(parents=True)
    (home / SLUG).write_text("a file where the folder belongs")
    gil.post_form("hub/home", f"hub/spawn/gil/{SLUG}", use_case=SLUG)
    said = failure(gil)
    assert "is not a plain folder. Rename it, then open the use case again." in said
    assert not [c for c in hub.containers() if c["Labels"][names.USER] == "gil"]
