"""An unused GPU of a server in a container: seen as unused from outside, warned about, given back, the server going on without it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docker_hub import DockerHub, engine
from tests.support.gpu_images import SLUG, make_gpu_case
from tests.support.hub import wait_for
from tests.support.images import Images
from tidehub.gpus import notices, now
from tidehub.gpus.holders import Holders
from tidelab.leases.book import Book


@pytest.fixture(scope="module")
def hub(images: Images) -> Iterator[DockerHub]:
    assert images
    settings = {
        "TIDEHUB_GPUS": "simulated:1",
        "TIDEHUB_GPU_WARN_MINUTES": "0.1",
        "TIDEHUB_GPU_RELEASE_MINUTES": "0.3",
        "TIDEHUB_GPU_SAMPLE_SECONDS": "1",
        "TIDEHUB_IDLE_MINUTES": "0",
    }
    with tempfile.TemporaryDirectory(prefix="tl-cases-") as folder:
        cases = make_gpu_case(Path(folder), engine())
        with DockerHub(("gpus",), TIDELAB_USECASES=str(cases), **settings) as running:
            yield running


def test_it_is_given_back_and_the_server_goes_on(hub: DockerHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(hub.data))
    ada = hub.client("ada").signed_in()
    ada.open_lab(SLUG, "gpu")
    book = Book(hub.data / "gpus" / "leases.sqlite")
    lease = book.find("ada", SLUG)
    assert lease is not None
    container = hub.container("ada", SLUG)
    assert lease.place == f"docker:{container['Id']}"
    assert Holders([lease]).lease_of(container["State"]["Pid"]) == lease.id, "process, container, lease"
    assert hub.run_in("ada", SLUG, "sh", "-c", "echo mine > ~/note.txt")[0] == 0

    def warned() -> now.Warned | None:
        seen = now.load().leases.get(lease.id)
        return seen.warning if seen else None

    wait_for(warned, "the warning", 90)

    def restarted() -> bool:
        server = ada.ready_server(SLUG)
        return bool(server and server["user_options"]["resources"] == "small")

    wait_for(restarted, "the server without GPU", 120)
    assert hub.container("ada", SLUG)["Id"] != container["Id"]
    assert hub.run_in("ada", SLUG, "sh", "-c", "cat ~/note.txt") == (0, "mine\n")
    assert book.find("ada", SLUG) is None
    (notice,) = wait_for(
        lambda: [each for each in notices.read("ada") if each.stage == "done"], "the notice", 30
    )
    assert "nothing had used it" in notice.text
