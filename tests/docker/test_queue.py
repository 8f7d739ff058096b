"""GPUs of servers in containers: who gets one, who waits and reads where they stand, and that none is ever lost."""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.docker_hub import DockerHub, engine
from tests.support.gpu_images import SLUG, make_gpu_case
from tests.support.hub import HubClient, wait_for
from tests.support.images import Images
from tidelab.containers import names
from tidelab.leases import Lease
from tidelab.leases.book import Book


@pytest.fixture(scope="module")
def use_cases(images: Images) -> Iterator[Path]:
    assert images
    with tempfile.TemporaryDirectory(prefix="tl-cases-") as folder:
        yield make_gpu_case(Path(folder), engine())


@pytest.fixture(scope="module")
def hub(use_cases: Path) -> Iterator[DockerHub]:
    with DockerHub(TIDEHUB_GPUS="simulated:2", TIDELAB_USECASES=str(use_cases)) as running:
        yield running


def live(hub: DockerHub) -> list[Lease]:
    return Book(hub.data / "gpus" / "leases.sqlite").live()


def ask(client: HubClient, resources: str = "gpu") -> None:
    client.post_form("hub/home", f"hub/spawn/{client.name}/{SLUG}", use_case=SLUG, resources=resources)


def said(hub: DockerHub, user: str, words: str, seconds: float = 30) -> str:
    """Wait until the progress of a start says something; return that line."""
    deadline = time.monotonic() + seconds
    with hub.api("GET", f"users/{user}/servers/{SLUG}/progress", stream=True) as stream:
        for line in stream.iter_lines():
            if line.startswith(b"data:") and words in (message := json.loads(line[5:]).get("message", "")):
                return str(message)
            assert time.monotonic() < deadline, f"{words!r} was never said to {user}"
    raise AssertionError(f"{words!r} was never said to {user}")


def places(leases: list[Lease]) -> list[str]:
    return [held.device for lease in leases for held in lease.held]


def test_two_start_two_wait_and_get_it_when_it_is_free(hub: DockerHub) -> None:
    people = [hub.client(name).signed_in() for name in ("ada", "bob", "cleo", "dora")]
    ada, bob, cleo, dora = people
    for client in (ada, bob):
        ask(client)
    for client in (ada, bob):
        wait_for(lambda client=client: client.ready_server(SLUG), f"the server of {client.name}", 90)  # type: ignore[misc]
    assert sorted(places(live(hub))) == ["SIM-0", "SIM-1"]
    ask(cleo)
    assert "You are next and the only one who waits" in said(hub, "cleo", "All GPUs are in use")
    ask(dora)
    assert "You are 2nd of 2 who wait" in said(hub, "dora", "All GPUs are in use")
    assert len(live(hub)) == 2
    lease = next(one for one in live(hub) if one.owner.user == "ada")
    labels = hub.container("ada", SLUG)["Config"]["Labels"]
    assert (labels[names.LEASE], labels[names.USE_CASE]) == (lease.id, SLUG)
    environment = dict(entry.split("=", 1) for entry in hub.container("ada", SLUG)["Config"]["Env"])
    assert json.loads(environment["TIDELAB_LEASE"])["simulated"]
    assert lease.place == f"docker:{hub.container('ada', SLUG)['Id']}"
    # Waiting for a GPU keeps nobody else from starting.
    ask(erik := hub.client("erik").signed_in(), "small")
    wait_for(lambda: erik.ready_server(SLUG), "a server without GPU", 90)
    erik.stop_lab(SLUG)
    # One stops, the next one starts by itself, on the card that was freed.
    freed = places([lease])
    ada.stop_lab(SLUG)
    wait_for(lambda: cleo.ready_server(SLUG), "the server of cleo", 60)
    assert places([one for one in live(hub) if one.owner.user == "cleo"]) == freed
    # The other one gives up: no ticket and no lease is left of that.
    dora.post_form("hub/account", f"hub/tide/stop/{SLUG}")
    book = Book(hub.data / "gpus" / "leases.sqlite")
    wait_for(lambda: not book.queue(), "the end of the ticket", 20)
    # A container that dies gives its card back within one look of the hub.
    hub.client_of_engine.kill(hub.container("bob", SLUG)["Id"])
    wait_for(lambda: "bob" not in [one.owner.user for one in live(hub)], "bob's card", 30)
    cleo.stop_lab(SLUG)
    wait_for(lambda: not live(hub), "every card", 20)
    assert not hub.containers()


# Wraps each step; the one that is named in a file ends the hub, once.
DIE = """
import os as _os
from tidehub.spawners.docker import TideDockerSpawner as _Spawner
from tidehub.gpu_lease import GpuDesk as _Desk
def _wrap(owner, name):
    call = getattr(owner, name)
    def die_at(when):
        try:
            if open({file!r}).read() == f"{{when}} {{name}}":
                _os.unlink({file!r})
                _os.kill(_os.getpid(), 9)
        except FileNotFoundError:
            pass
    async def wrapped(self, *args, **kwargs):
        die_at("before")
        result = await call(self, *args, **kwargs)
        die_at("after")
        return result
    setattr(owner, name, wrapped)
for _owner, _name in (
    (_Desk, "obtain"), (_Desk, "activate"), (_Spawner, "create_object"), (_Spawner, "start_object"), (_Spawner, "_wait_for_answer"),
    (_Spawner, "stop"),
):
    _wrap(_owner, _name)
"""
STEPS = (
    *(
        "before obtain",
        "after obtain",
        "before create_object",
        "before activate",
        "after activate",
        "before start_object",
    ),
    *("after start_object", "before _wait_for_answer", "after _wait_for_answer"),
)


def test_a_hub_that_dies_at_any_step_loses_no_card(use_cases: Path, tmp_path: Path) -> None:
    """Its next start makes the book true: what is leased has a container that runs, and nothing else is left."""
    step = tmp_path / "step"
    patch = DIE.format(file=str(step))
    with DockerHub(TIDEHUB_GPUS="simulated:1", TIDELAB_USECASES=str(use_cases), patch=patch) as hub:
        ada = hub.client("ada").signed_in()
        for name in STEPS:
            die_at(hub, ada, step, name)
            wait_for(lambda: held(hub) == made(hub) == set(), f"the end of what was begun ({name})", 30)
        # The one card there is can be had by the same person for the same server, and a hub that dies now changes nothing.
        ada.open_lab(SLUG, "gpu", seconds=90)
        assert held(hub) == made(hub) != set()
        step.write_text("before stop")
        with contextlib.suppress(OSError):
            hub.api("DELETE", f"users/ada/servers/{SLUG}")
        again(hub)
        assert held(hub) == made(hub) != set()
        wait_for(lambda: ada.ready_server(SLUG), "the server that nobody stopped", 30)
        ada.stop_lab(SLUG)
        wait_for(lambda: held(hub) == made(hub) == set(), "the end", 20)


def die_at(hub: DockerHub, client: HubClient, file: Path, step: str) -> None:
    file.write_text(step)
    with contextlib.suppress(OSError):  # it dies while it answers
        hub.api("POST", f"users/{client.name}/servers/{SLUG}", json={"user_options": {"resources": "gpu"}})
    again(hub)
    assert not file.exists(), f"it did not die {step}"


def again(hub: DockerHub) -> None:
    process = hub.hub_process
    assert process is not None
    wait_for(lambda: process.poll() is not None, "the hub's death", 60)
    hub.start_hub()


def held(hub: DockerHub) -> set[str]:
    return {lease.place for lease in live(hub)}


def made(hub: DockerHub) -> set[str]:
    return {f"docker:{container['Id']}" for container in hub.containers()}
