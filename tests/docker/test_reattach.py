"""A hub that is killed while servers run: they answer meanwhile, and the next hub takes all of them over."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from tests.support.docker_hub import DockerHub
from tests.support.hub import HubClient, wait_for
from tests.support.images import Images

SLUG = "flowcam-plankton"


@pytest.fixture
def hub(images: Images) -> Iterator[DockerHub]:
    assert images
    # A server that waits for the culler: two seconds without use are enough.
    with DockerHub() as running:
        yield running


class Asked:
    """Asks every server through the proxy, again and again, and keeps what was not answered."""

    def __init__(self, hub: DockerHub, people: list[HubClient]) -> None:
        self._urls = {client.name: f"{hub.url}user/{client.name}/{SLUG}/api" for client in people}
        self.answers = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Asked":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                for name, url in self._urls.items():
                    answer = session.get(url, timeout=30)
                    if answer.status_code == 200 and "version" in answer.json():
                        self.answers += 1
                    else:
                        self.failures.append(f"{name}: {answer.status_code}")
                self._stop.wait(0.05)


def reattach(hub: DockerHub, number: int) -> dict[str, float]:
    """Start so many servers, kill the hub, start it again; return what was measured."""
    people = [hub.client(f"person{n}").signed_in() for n in range(number)]
    for client in people:
        hub.api("POST", f"users/{client.name}/servers/{SLUG}", json={"user_options": {"resources": "small"}})
    for client in people:
        wait_for(
            lambda client=client: client.ready_server(SLUG), f"the server of {client.name}", 60 + 15 * number
        )  # type: ignore[misc]
    before = {container["Id"] for container in hub.containers(running=True)}
    assert len(before) == number
    with Asked(hub, people) as asked:
        wait_for(lambda: asked.answers >= number, "the first answers", 30)
        hub.kill_hub()
        seen = asked.answers
        wait_for(lambda: asked.answers >= seen + 2 * number, "answers while there is no hub", 60)
        started = time.monotonic()
        hub.start_hub()
        answers = time.monotonic() - started
        wait_for(
            lambda: all(client.ready_server(SLUG) for client in people), "every server to be taken over", 60
        )
        adopted = time.monotonic() - started
        seen = asked.answers
        wait_for(lambda: asked.answers >= seen + 2 * number, "answers after it", 60)
    assert not asked.failures
    assert {container["Id"] for container in hub.containers(running=True)} == before
    return {
        "servers": number,
        "hub_answers_s": round(answers, 2),
        "all_taken_over_s": round(adopted, 2),
        "answers": asked.answers,
    }


def test_three_servers_answer_while_the_hub_is_killed_and_started(hub: DockerHub) -> None:
    assert reattach(hub, 3)["answers"] > 12


@pytest.mark.prove
def test_twenty_servers_answer_while_the_hub_is_killed_and_started(hub: DockerHub) -> None:
    print(f"\n{datetime.now(UTC).date()} reattach: {json.dumps(reattach(hub, 20))}")


def test_idle_servers_are_stopped_and_a_run_in_progress_keeps_its_server(images: Images) -> None:
    """The culler sees into containers: kernels by the server's own token, processes by the engine's process id, runs by their files."""
    assert images
    with DockerHub(services=("cull",), TIDEHUB_IDLE_MINUTES="0.05", TIDEHUB_IDLE_CHECK_SECONDS="1") as hub:
        busy, idle = hub.client("busy").signed_in(), hub.client("idle").signed_in()
        folder = hub.data / "homes" / "busy" / "runs" / SLUG / "20260101T000000"
        folder.mkdir(parents=True)
        state = folder / "state.json"

        def work() -> None:
            state.write_text(json.dumps({"status": "running", "updated": datetime.now(UTC).isoformat()}))

        work()
        for client in (busy, idle):
            hub.api("POST", f"users/{client.name}/servers/{SLUG}")
        known = wait_for(lambda: busy.ready_server(SLUG), "a server", 90)
        assert known["state"]["address"].startswith("http://172.30.")
        log = hub.data / "logs" / "cull.log"
        try:
            wait_for(lambda: "Stopping idle/" in log.read_text(), "the idle server's end", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}; the culler said:\n{log.read_text()[-2000:]}") from None
        wait_for(lambda: not idle.ready_server(SLUG), "the idle server's end", 30)
        work()
        assert busy.ready_server(SLUG), log.read_text()
        assert "Keeping busy/" in log.read_text()
        state.write_text(json.dumps({"status": "done", "updated": datetime.now(UTC).isoformat()}))
        wait_for(lambda: not busy.ready_server(SLUG), "the end of the other one", 60)
