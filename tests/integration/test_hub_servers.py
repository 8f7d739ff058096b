"""Single-user servers of a real hub: what they offer, who may reach them, what survives, what is refused."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
import requests

from tests.support.hub import HubClient, RunningHub, wait_for

SLUG = "flowcam-plankton"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    os.environ["AWS_SECRET_ACCESS_KEY"] = "a-secret-of-the-admin"
    try:
        with RunningHub(tmp_path_factory.mktemp("hub"), TIDEHUB_IDLE_MINUTES="0") as running:
            yield running
    finally:
        del os.environ["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    client = hub.client("ada").signed_in()
    client.open_lab(SLUG, "train")
    return client


def pid_of(hub: RunningHub, name: str) -> int:
    return int(
        hub.api("GET", f"users/{name}?include_stopped_servers").json()["servers"][SLUG]["state"]["pid"]
    )


def test_the_lab_has_kernels_notebooks_and_nothing_stray(ada: HubClient) -> None:
    assert ada.lab(SLUG, "api/status").json()["kernels"] == 0
    kernels = ada.lab(SLUG, "api/kernelspecs").json()["kernelspecs"]
    assert "tidelab-analyse" in kernels
    assert all(name.startswith("tidelab-") for name in kernels)
    files = {entry["name"] for entry in ada.lab(SLUG, f"api/contents/{SLUG}").json()["content"]}
    assert {"analyse.ipynb", "sample"} <= files
    page = ada.lab(SLUG, "")
    assert page.url.endswith(f"/lab/tree/{SLUG}/analyse.ipynb")


def test_the_server_has_its_own_environment(hub: RunningHub, ada: HubClient) -> None:
    environment = psutil.Process(pid_of(hub, "ada")).environ()
    assert environment["HOME"] == str(hub.data / "homes" / "ada")
    assert environment["TIDELAB_USECASE"] == SLUG
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["TIDELAB_RUNS"] == str(hub.data / "homes" / "ada" / "runs")
    text = json.dumps(environment)
    for secret in ("a-secret-of-the-admin", hub._token, hub._api_token):
        assert secret not in text
    assert not [name for name in environment if name.startswith(("TIDEHUB_", "CONFIGPROXY_"))]
    assert (hub.data / "homes" / "ada").stat().st_mode & 0o777 == 0o700


def test_nobody_else_reaches_it(hub: RunningHub, ada: HubClient) -> None:
    assert ada.name
    bob = hub.client("bob").signed_in()
    assert bob.get(f"user/ada/{SLUG}/lab").status_code == 403
    assert bob.get(f"user/ada/{SLUG}/api/contents").status_code == 403
    assert bob.post_form("hub/account", f"hub/spawn/ada/{SLUG}").status_code in (403, 404)
    stranger = requests.get(f"{hub.url}user/ada/{SLUG}/api/contents", timeout=30)
    assert stranger.status_code == 403
    assert requests.get(f"{hub.url}hub/api/users", timeout=30).status_code == 403
    # What is inside ada's server may not act for others or for the hub.
    token = psutil.Process(pid_of(hub, "ada")).environ()["JUPYTERHUB_API_TOKEN"]
    headers = {"Authorization": f"token {token}"}
    assert requests.get(f"{hub.url}hub/api/users/bob", headers=headers, timeout=30).status_code in (403, 404)
    assert requests.get(f"{hub.url}hub/api/users", headers=headers, timeout=30).status_code == 403


def test_open_in_lab_opens_the_one_that_runs(hub: RunningHub, ada: HubClient) -> None:
    before = pid_of(hub, "ada")
    page = ada.post_form("hub/account", f"hub/spawn/ada/{SLUG}", use_case=SLUG)
    assert page.ok
    assert f"/user/ada/{SLUG}/" in page.url
    assert pid_of(hub, "ada") == before
    assert "Go to Lab" in ada.get("hub/home").text


@pytest.mark.parametrize(
    ("server", "options", "words"),
    [
        (SLUG, {"resources": "huge"}, "It offers: "),
        (SLUG, {"use_case": "other"}, "belongs to the use case"),
        (SLUG, {"cmd": ["/bin/sh"]}, "takes the options"),
        ("no-such-case", {}, "There is no use case"),
        ("", {}, "belongs to one use case"),
    ],
)
def test_the_api_offers_what_the_catalogue_offers(
    hub: RunningHub, server: str, options: dict[str, object], words: str
) -> None:
    hub.client("carl").signed_in()
    path = f"users/carl/servers/{server}" if server else "users/carl/server"
    answer = hub.api("POST", path, json={"user_options": options})
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["message"]


def test_the_address_of_an_unknown_use_case_leaves_no_row(hub: RunningHub) -> None:
    curt = hub.client("curt").signed_in()
    page = curt.get("hub/spawn/curt/no-such-case")
    assert page.status_code == 404
    assert "There is no use case" in page.text
    assert curt.post_form("hub/home", "hub/spawn/curt/no-such-case").status_code == 404
    rows = hub.api("GET", "users/curt?include_stopped_servers").json()["servers"]
    assert set(rows) <= {""}


def test_a_server_that_ends_at_once_says_why(hub: RunningHub) -> None:
    dana = hub.client("dana").signed_in()
    home = hub.data / "homes" / "dana"
    home.mkdir(parents=True)
    (home / SLUG).write_text("a file where the folder belongs")
    dana.post_form("hub/home", f"hub/spawn/dana/{SLUG}", use_case=SLUG)

    def failed() -> str:
        text = dana.get(f"hub/spawn-pending/dana/{SLUG}").text
        return text if "could not be opened" in text else ""

    page = wait_for(failed, "the sentence", 60)
    assert "is not a plain folder. Rename it, then open the use case again." in page
    assert "Traceback" not in page
    (home / SLUG).unlink()
    dana.open_lab(SLUG)
    dana.stop_lab(SLUG)


def test_progress_is_told_in_sentences(hub: RunningHub) -> None:
    erik = hub.client("erik").signed_in()

    def progress() -> list[dict[str, Any]]:
        with hub.api("GET", f"users/erik/servers/{SLUG}/progress", stream=True) as stream:
            return [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith(b"data:")]

    with ThreadPoolExecutor(1) as thread:
        # The hub answers the form when the server is ready, if that is soon: what it says meanwhile is asked for meanwhile.
        asked = thread.submit(erik.post_form, "hub/home", f"hub/spawn/erik/{SLUG}", use_case=SLUG)
        events = wait_for(progress, "the start of the server", 30, every=0.02)
        assert asked.result().ok
    messages = [event.get("message", "") for event in events]
    assert any("Starting JupyterLab for Phytoplankton" in message for message in messages), messages
    assert events[-1].get("ready"), events[-1]
    stopped = erik.post_form("hub/home", f"hub/tide/stop/{SLUG}")
    assert stopped.url.endswith("/hub/home")
    wait_for(lambda: not erik.ready_server(SLUG), "the server's end", 30)


def test_giving_up_ends_what_was_started(hub: RunningHub) -> None:
    fay = hub.client("fay").signed_in()
    fay.post_form("hub/home", f"hub/spawn/fay/{SLUG}", use_case=SLUG)
    fay.post_form("hub/account", f"hub/tide/stop/{SLUG}")

    def left() -> list[int]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("JUPYTERHUB_USER") == "fay":
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    wait_for(lambda: not left(), "the end of every process of fay", 30)


def test_a_killed_hub_comes_back_to_running_servers(hub: RunningHub, ada: HubClient) -> None:
    before = pid_of(hub, "ada")
    kernel = ada.lab(SLUG, "api/kernels", "POST", json={"name": "tidelab-analyse"}).json()["id"]
    hub.kill_hub()
    assert psutil.pid_exists(before)
    assert ada.lab(SLUG, "api/kernels").status_code in (200, 403, 500), "the proxy still knows the way"
    hub.start_hub()
    server = wait_for(lambda: ada.ready_server(SLUG), "the adopted server", 30)
    assert server["ready"]
    assert pid_of(hub, "ada") == before
    assert [entry["id"] for entry in ada.lab(SLUG, "api/kernels").json()] == [kernel]
    ada.stop_lab(SLUG)
    wait_for(
        lambda: not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE,
        "its end",
        30,
    )


def test_a_process_that_took_the_number_is_not_taken_for_the_server(hub: RunningHub) -> None:
    """After a reboot a stranger may have the number; it must neither be shown as the server nor be ended."""
    gil = hub.client("gil").signed_in()
    gil.open_lab(SLUG)
    pid = pid_of(hub, "gil")
    hub.kill_hub()
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    hub.start_hub()
    wait_for(lambda: not gil.ready_server(SLUG), "the hub to notice", 40)
    assert "Go to Lab" not in gil.get("hub/home").text
