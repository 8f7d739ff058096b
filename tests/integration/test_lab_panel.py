"""The server's side of the Lab's panel, in a real server of a real hub with a simulated GPU: who may ask, and what it costs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.test_gpus_service import SLUG, pid_of, with_gpu_flavour
from tests.support.hub import HubClient, RunningHub, wait_for

API = "tidelab/api/"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {
        "TIDELAB_USECASES": str(with_gpu_flavour(tmp_path_factory.mktemp("cases"))),
        "TIDEHUB_GPUS": "simulated:1",
        "TIDEHUB_GPU_SAMPLE_SECONDS": "1",
        "TIDEHUB_IDLE_MINUTES": "0",
    }
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("gpus",), **settings) as running:
        wait_for(
            lambda: requests.get(f"{running.url}services/gpus/", timeout=10).status_code < 500, "gpus", 30
        )
        yield running


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    client = hub.client("ada").signed_in()
    client.open_lab(SLUG, "card")
    return client


def status(client: HubClient) -> dict[str, Any]:
    answer = client.lab(SLUG, f"{API}status")
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()  # type: ignore[no-any-return]


def gpu(found: dict[str, Any]) -> dict[str, Any]:
    return next(section for section in found["sections"] if section["id"] == "gpu")


def test_the_panel_shows_the_lease_and_the_tests_verdict(ada: HubClient) -> None:
    def settled() -> dict[str, Any] | None:
        found = status(ada)
        return found if (gpu(found)["selftest"] or {}).get("level") == "simulated" else None

    found = wait_for(settled, "the verdict of the start-up test", 30, 1)
    assert found["gpus"] == "answers"
    assert found["item"]["text"].startswith("Simulated GPU · ")
    assert gpu(found)["rows"][0] == {"term": "Device", "value": "Simulated GPU, 16 GiB", "time": None}
    assert gpu(found)["selftest"]["text"] == "A simulated GPU: no card is used."
    assert [action["id"] for action in gpu(found)["actions"]] == ["give-back"]
    assert any("not isolation" in note["text"] for note in gpu(found)["notes"])
    server = found["sections"][0]["rows"]
    assert [row["term"] for row in server] == ["Use case", "Size", "Machine"]
    assert server[1]["value"] == "One GPU"


def test_nobody_else_may_ask(hub: RunningHub, ada: HubClient) -> None:
    path = f"user/ada/{SLUG}/{API}"
    stranger = requests.get(hub.url + path + "status", timeout=30, allow_redirects=False)
    assert stranger.status_code in (302, 403)
    bob = hub.client("bob").signed_in()
    answer = bob.get(path + "status", headers={"Sec-Fetch-Mode": "same-origin"})
    assert "Simulated" not in answer.text
    assert answer.status_code == 403 or "/hub/" in answer.url
    for method, target in (
        ("POST", "selftest"),
        ("POST", "leases/x/keep"),
        ("DELETE", "leases/x"),
    ):
        # ada's own cookies, from another page: without the token of hers nothing happens.
        forged = ada.session.request(
            method, hub.url + path + target, headers={"Sec-Fetch-Mode": "cors"}, timeout=30
        )
        assert forged.status_code == 403, target


def test_what_the_service_refuses_is_passed_on(ada: HubClient) -> None:
    lease = gpu(status(ada))["actions"][0]["lease"]
    answer = ada.lab(SLUG, f"{API}leases/{lease}/keep", "POST")
    assert answer.status_code == 409
    assert "nothing to keep" in answer.json()["message"]
    assert ada.lab(SLUG, f"{API}leases/nobodys/keep", "POST").status_code == 404
    assert ada.lab(SLUG, f"{API}leases/..%2Fall/keep", "POST").status_code == 404
    assert ada.lab(SLUG, f"{API}selftest", "POST").status_code == 200


def test_asking_is_no_use_and_no_secret_is_written(hub: RunningHub, ada: HubClient) -> None:
    def last() -> str:
        return str(ada.lab(SLUG, "api/status?no_track_activity=1").json()["last_activity"])

    before = last()
    time.sleep(1.1)
    assert status(ada)
    assert last() == before
    log = (hub.data / "logs" / "servers" / "ada" / f"{SLUG}.log").read_text()
    environment = Path(f"/proc/{pid_of(ada)}/environ").read_bytes().split(b"\0")
    (token,) = [word.partition(b"=")[2] for word in environment if word.startswith(b"JUPYTERHUB_API_TOKEN=")]
    assert token.decode() not in log
    assert "tidelab.lab | extension was successfully loaded" in log
    assert "GPU test: A simulated GPU" in log
    assert "Traceback" not in log


def test_given_back_by_its_holder(ada: HubClient) -> None:
    before = pid_of(ada)
    note = ada.hub.data / "homes" / "ada" / "note.txt"
    note.write_text("mine")
    lease = gpu(status(ada))["actions"][0]["lease"]
    answer = ada.lab(SLUG, f"{API}leases/{lease}", "DELETE")
    assert answer.status_code == 200, answer.text

    def restarted() -> bool:
        server = ada.ready_server(SLUG)
        return bool(server and server["user_options"]["resources"] == "small")

    wait_for(restarted, "the server without GPU", 120)
    assert pid_of(ada) != before
    assert note.read_text() == "mine"
    ada.get(f"user/ada/{SLUG}/lab")  # signs in at the new server
    found = status(ada)
    assert found["item"]["text"] == "CPU server"
    assert gpu(found)["selftest"] is None
    (notice,) = found["notices"]
    assert "was given back at" in notice["text"]
    assert "because you asked for it" in notice["text"]
