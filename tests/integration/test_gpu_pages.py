"""GPUs, limits, disk and audit as people meet them: a real hub with two simulated GPUs, by forms alone (no JavaScript)."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.support.gpu_case import SLUG, gpu_case
from tests.support.hub import HubClient, RunningHub, wait_for
from tidelab.leases.book import Book

PLAIN = "flowcam-plankton"
ADMINS_ONLY = ("hub/quotas", "hub/disk", "hub/audit")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {
        "TIDELAB_USECASES": str(gpu_case(tmp_path_factory.mktemp("cases"))),
        "TIDEHUB_GPUS": "simulated:2",
        "TIDEHUB_IDLE_MINUTES": "0",
        "TIDEHUB_GPU_KEEP_TIMES": "1",
    }
    with RunningHub(tmp_path_factory.mktemp("hub"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def admin(hub: RunningHub) -> HubClient:
    return hub.admin.signed_in()


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    return hub.client("ada").signed_in()


def book(hub: RunningHub) -> Book:
    return Book(hub.data / "gpus" / "leases.sqlite")


def press(client: HubClient, action: str, /, page: str = "hub/home", **fields: str) -> requests.Response:
    return client.post_form(page, action, **fields)


def servers(hub: RunningHub, name: str) -> dict[str, Any]:
    return hub.api("GET", f"users/{name}").json().get("servers", {})  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", [*ADMINS_ONLY, "hub/mine", "hub/tide/servers", "hub/tide/offers"])
def test_pages_are_closed_to_strangers(hub: RunningHub, path: str) -> None:
    answer = requests.get(hub.url + path, timeout=30, allow_redirects=False)
    assert "/hub/login" in answer.headers.get("Location", "")


def test_pretended_gpus_are_called_that(ada: HubClient) -> None:
    assert "No card computes anything." in ada.get("hub/home").text


@pytest.mark.parametrize("path", ADMINS_ONLY)
def test_admins_pages_are_admins(ada: HubClient, admin: HubClient, path: str) -> None:
    assert ada.get(path).status_code == 403
    assert admin.get(path).status_code == 200
    assert "unsafe-inline" not in admin.get(path).headers["Content-Security-Policy"]
    assert path not in ada.get("hub/home").text


@pytest.mark.parametrize(
    "action",
    [
        "hub/mine",
        "hub/quotas",
        f"hub/tide/keep/{SLUG}",
        f"hub/tide/instead/{SLUG}",
        "hub/tide/dismiss/abc",
        "hub/tide/measure",
    ],
)
def test_actions_need_the_pages_token(hub: RunningHub, admin: HubClient, action: str) -> None:
    answer = admin.session.post(hub.url + action, data={"text": "x"}, timeout=30)
    assert answer.status_code == 403
    assert admin.get(action).status_code in (404, 405) or action in ("hub/mine", "hub/quotas")


def test_the_card_says_what_there_is_before_the_click(ada: HubClient) -> None:
    page = ada.get("hub/home").text
    assert "Train on a GPU: 2 of 2 GPUs free</option>" in page
    assert re.search(r'value="slice"\s+disabled>A slice of a GPU: this machine offers no GPU slice', page)
    assert "For members" not in page
    assert "Open without a GPU" not in page


def test_a_size_for_others_is_refused_in_words(hub: RunningHub, ada: HubClient) -> None:
    answer = press(ada, f"hub/spawn/ada/{SLUG}", use_case=SLUG, resources="members")
    assert answer.status_code >= 400
    assert "is for members of the group gpu-users" in answer.text
    assert servers(hub, "ada") == {}


def test_queue_and_the_way_out(hub: RunningHub, ada: HubClient) -> None:
    """Two hold the GPUs; the third reads where they stand, starts without one, and is out of the queue."""
    holders = [hub.client(name).signed_in() for name in ("bob", "eve")]
    for client in holders:
        client.open_lab(SLUG, "card")
    page = ada.get("hub/home").text
    assert "Train on a GPU: all 2 GPUs in use</option>" in page
    assert re.search(r'name="resources" value="small"[^>]*>Open without a GPU', page)

    press(ada, f"hub/spawn/ada/{SLUG}", use_case=SLUG, resources="card")
    wait_for(lambda: book(hub).queue(), "ada to be in the queue", 20)
    waiting = ada.get(f"hub/spawn-pending/ada/{SLUG}").text
    assert "Waiting for a GPU" in waiting
    assert "You are next" in waiting
    assert "Start without a GPU instead" in waiting
    assert "Lab waits for a GPU" in ada.get("hub/home").text
    assert "all 2 GPUs in use, 1 waits" in holders[0].get("hub/tide/offers").text

    press(ada, f"hub/tide/instead/{SLUG}", page=f"hub/spawn-pending/ada/{SLUG}")
    wait_for(lambda: ada.ready_server(SLUG), "ada's server without a GPU", 60)
    assert book(hub).queue() == []
    assert book(hub).find("ada", SLUG) is None
    assert servers(hub, "ada")[SLUG]["user_options"]["resources"] == "small"
    assert "Start without" not in ada.get("hub/home").text

    dan = hub.client("dan").signed_in()
    press(dan, f"hub/spawn/dan/{SLUG}", use_case=SLUG, resources="card")
    wait_for(lambda: book(hub).queue(), "dan to be in the queue", 20)
    assert "1 waits" in hub.client("fay").signed_in().get("hub/home").text
    press(dan, f"hub/tide/stop/{SLUG}")
    wait_for(lambda: not book(hub).queue(), "the queue to be empty", 10)


def test_the_line_of_a_server_and_keep(hub: RunningHub, ada: HubClient) -> None:
    """Follows the test above: bob holds a GPU."""
    bob = hub.client("bob").signed_in()
    shown = bob.get("hub/tide/servers").text
    assert "Simulated GPU, 16 GB" in shown
    assert "This GPU is simulated" in shown
    assert press(bob, f"hub/tide/keep/{SLUG}").ok
    lease = book(hub).find("bob", SLUG)
    assert lease is not None
    assert lease.kept_until is not None
    assert lease.kept_until > time.time()
    again = press(bob, f"hub/tide/keep/{SLUG}")
    assert again.status_code == 409
    nothing = press(ada, f"hub/tide/keep/{SLUG}")
    assert nothing.status_code == 409
    assert "This server has no GPU any more." in nothing.text


def test_what_was_given_back_is_said_until_it_is_read(hub: RunningHub, ada: HubClient) -> None:
    told = {
        "id": "abc123",
        "when": time.time() - 600,
        "user": "ada",
        "server": SLUG,
        "lease": "x",
        "stage": "done",
    }
    words = "Your GPU was given back at 10:32 because nothing had used it for 30 min."
    file = hub.data / "gpus" / "notices.json"
    file.write_text(json.dumps([told | {"resources": "small", "text": words}]))
    assert words in ada.get("hub/home").text
    assert "10 minutes ago" in ada.get("hub/tide/servers").text
    assert words not in hub.client("gil").signed_in().get("hub/home").text
    page = press(ada, "hub/tide/dismiss/abc123")
    assert page.url.endswith("/hub/home")
    assert words not in page.text


def test_a_book_that_cannot_be_read_costs_gpus_and_nothing_else(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cases = str(gpu_case(tmp_path_factory.mktemp("cases")))
    (tmp_path / "book").mkdir()
    with RunningHub(
        tmp_path / "hub",
        TIDELAB_USECASES=cases,
        TIDEHUB_GPUS="simulated:2",
        TIDELAB_LEASES=str(tmp_path / "book"),
    ) as hub:
        client = hub.admin.signed_in()
        home = client.get("hub/home").text
        assert "Who holds which GPU cannot be read at the moment" in home
        assert re.search(r'value="card"\s+disabled>Train on a GPU: who holds the GPUs is not known', home)
        assert re.search(r'value="small" selected', home)
        for path in ("hub/mine", "hub/quotas", "hub/tide/offers"):
            assert client.get(path).ok, path
        client.open_lab(SLUG, "small")


def compute(client: HubClient, kernel: str, seconds: int) -> None:
    """Let a notebook compute, as the page in the browser asks for it."""
    cookies = "; ".join(
        f"{c.name}={c.value}" for c in client.session.cookies if f"/user/{client.name}/" in c.path
    )
    address = f"{client.hub.url}user/{client.name}/{SLUG}/api/kernels/{kernel}/channels".replace(
        "http:", "ws:"
    )
    header = {"msg_id": "1", "username": "", "session": "s", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": f"import time; time.sleep({seconds})", "silent": False, "store_history": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}

    async def send() -> None:
        socket = await websocket_connect(HTTPRequest(address, headers={"Cookie": cookies}))
        await socket.write_message(json.dumps(message))
        while state(client, kernel) != "busy":
            await asyncio.sleep(0.2)
        socket.close()

    asyncio.run(asyncio.wait_for(send(), 60))


def state(client: HubClient, kernel: str) -> str:
    return str(client.lab(SLUG, f"api/kernels/{kernel}").json()["execution_state"])


def test_stopping_asks_when_something_works(hub: RunningHub) -> None:
    bob, eve = (hub.client(name).signed_in() for name in ("bob", "eve"))
    kernel = bob.lab(SLUG, "api/kernels", "POST", json={"name": "tidelab-analyse"}).json()["id"]
    compute(bob, kernel, 300)
    asked = press(bob, f"hub/tide/stop/{SLUG}")
    assert "Stop this Lab?" in asked.text
    assert "A notebook is computing." in asked.text
    assert bob.ready_server(SLUG)
    press(bob, f"hub/tide/stop/{SLUG}", sure="1")
    wait_for(lambda: not bob.ready_server(SLUG), "bob's server to end", 40)
    assert book(hub).find("bob", SLUG) is None

    press(eve, f"hub/tide/stop/{SLUG}")  # nothing works in hers: nobody is asked
    wait_for(lambda: not eve.ready_server(SLUG), "eve's server to end", 40)


def test_limits_are_set_applied_changed_and_removed(hub: RunningHub, admin: HubClient) -> None:
    kim = hub.client("kim").signed_in()
    done = press(
        admin,
        "hub/quotas",
        page="hub/quotas",
        action="set",
        scope="person",
        name="kim",
        servers="0",
        gpu_hours="2,5",
    )
    assert "The limits of kim are set: GPU hours 2.5, Servers at a time 0." in done.text
    refused = press(kim, f"hub/spawn/kim/{PLAIN}", use_case=PLAIN, resources="small")
    assert refused.status_code == 409
    assert "You may have 0 servers at a time (your own limit), and none can be started." in refused.text
    assert "0.0 of 2.5" in kim.get("hub/mine").text
    form = admin.get("hub/quotas?scope=person&name=kim").text
    assert 'name="gpu_hours" type="text" inputmode="decimal" maxlength="40" value="2.5"' in form
    for wrong, words in (("x", "is no number"), ("-1", "is no number"), ("", "at least one limit")):
        answer = press(
            admin, "hub/quotas", page="hub/quotas", action="set", scope="person", name="kim", gpu_hours=wrong
        )
        assert answer.status_code == 400
        assert words in answer.text
    assert "No person of this name is known" in press(
        admin, "hub/quotas", page="hub/quotas", action="set", scope="person", name="<b>nobody", gpus="1"
    ).text  # fmt: skip
    assert "<b>nobody" not in admin.get("hub/quotas").text
    press(admin, "hub/quotas", page="hub/quotas", action="remove", scope="person", name="kim")
    kim.open_lab(PLAIN, "small")
    assert "admin changed your limits: removed" in kim.get("hub/mine").text


def test_asking_for_more_and_the_answer(hub: RunningHub, admin: HubClient, ada: HubClient) -> None:
    asked = press(ada, "hub/mine", page="hub/mine", text="20 h more for <script>alert(1)</script>")
    assert asked.url.endswith("/hub/mine?asked=1"), "a reload must not ask again"
    assert "Nobody has answered yet" in asked.text
    page = admin.get("hub/quotas").text
    assert "ada asks for more" in page
    assert "<script>alert" not in page + asked.text
    (wish,) = book(hub).requests()
    press(
        admin,
        "hub/quotas",
        page="hub/quotas",
        action="answer",
        request=str(wish.id),
        granted="no",
        text="In March.",
    )
    shown = ada.get("hub/mine").text
    assert "<strong>No</strong>: In March." in shown
    again = press(
        admin, "hub/quotas", page="hub/quotas", action="answer", request=str(wish.id), granted="yes"
    )
    assert again.status_code == 400
    assert "answered the request" in again.text
    for empty in ("", "   ", "x" * 2001):
        assert press(ada, "hub/mine", page="hub/mine", text=empty).status_code == 400


def test_files_are_measured_in_the_background(hub: RunningHub, admin: HubClient, ada: HubClient) -> None:
    big = hub.data / "homes/ada/runs/flowcam-plankton/20250101T000000000Z-abcdef/x.bin"
    big.parent.mkdir(parents=True)
    big.write_bytes(b"x" * 3_000_000)
    file = hub.data / "status/disk.json"
    if file.exists():
        file.unlink()
    began = time.monotonic()
    admin.get("hub/disk")
    assert time.monotonic() - began < 5
    wait_for(file.exists, "the measurement", 60)
    page = admin.get("hub/disk").text
    assert "ada</th>" in page
    assert "3 MB" in page
    assert "tidelab runs prune --older-than 30 frees about 3 MB" in ada.get("hub/mine").text
    assert "GB free" in page or "TB free" in page


def test_the_audit_page_shows_and_filters(admin: HubClient) -> None:
    page = admin.get("hub/audit").text
    assert "changed the limits of kim" in page
    assert "kim" not in admin.get("hub/audit?whom=ada").text.replace('value="kim"', "")
    assert "answered the request of ada: no" in admin.get("hub/audit?what=answered").text
    assert "Nothing fits" in admin.get("hub/audit?who=%3Cscript%3E").text
