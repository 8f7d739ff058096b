"""The apps as an impolite visitor meets them: strangers' kernels, forbidden messages, nonsense to widgets, too many tabs."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.support.brightness import grey_png
from tests.support.held import can_be_held
from tests.support.hub import HubClient, RunningHub, wait_for
from tidelab.catalogue import load_catalogue
from tidelab.runs import RunFolder, get_executor, prepare

SLUG = "flowcam-plankton"
PAGE = f"services/apps/{SLUG}/"
PLACES = 3


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {"TIDELAB_APPS_MAX_KERNELS": str(PLACES), "TIDELAB_APPS_AWAY_S": "5"}
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("apps",), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def ada(hub: RunningHub) -> HubClient:
    return _visitor(hub, "ada")


@pytest.fixture(scope="module")
def bob(hub: RunningHub) -> HubClient:
    return _visitor(hub, "bob")


def _visitor(hub: RunningHub, name: str) -> HubClient:
    client = hub.client(name).signed_in()
    wait_for(lambda: client.get("services/apps/nothing").status_code == 404, "the apps", 90)
    return client


def open_app(client: HubClient) -> str:
    """Open the page, when there is a place, and return its kernel's number."""
    return _opened(client)[0]


def _opened(client: HubClient) -> tuple[str, str]:
    """Open the page, when there is a place, and return its kernel's number and the ticket in it."""
    page = wait_for(lambda: (answer := client.get(PAGE)).ok and answer.text, "a place in the app", 90, 1)
    found = re.search(r'"kernelId": *"([^"]+)"', page)
    ticket = re.search(r'id="tidelab-ticket">([^<]+)<', page)
    assert found
    assert ticket
    return found[1], ticket[1]


def _said_hello(client: HubClient, run: str = "") -> tuple[str, str]:
    """Open the page, say hello as it does, asking for a run; return the kernel's number and all that the kernel then tells the page."""
    kernel, ticket = _opened(client)
    return kernel, _say_hello(client, kernel, ticket, run)


def _say_hello(client: HubClient, kernel: str, ticket: str, run: str = "") -> str:
    states = _states(client, kernel)
    hello = next(name for name, one in states.items() if "answered" in one["state"])
    said = {"method": "custom", "content": {"kind": "hello", "ticket": ticket, "run": run}}
    heard = talk(client, kernel, [message("comm_msg", {"comm_id": hello, "data": said})])
    return json.dumps(heard) + json.dumps(_states(client, kernel))


def message(kind: str, content: dict[str, Any], channel: str = "shell", **metadata: str) -> dict[str, Any]:
    header = {
        "msg_id": os.urandom(8).hex(),
        "username": "",
        "session": "s",
        "msg_type": kind,
        "version": "5.3",
    }
    return {
        "header": header, "parent_header": {}, "metadata": metadata, "content": content, "channel": channel, "buffers": [],
    }  # fmt: skip


def talk(
    client: HubClient, kernel: str, messages: list[dict[str, Any]], origin: str = ""
) -> list[dict[str, Any]]:
    """Send messages to a kernel and return what comes within some seconds."""
    url, cookies = client.hub.url, client.session.cookies
    address = f"ws{url[4:]}services/apps/api/kernels/{kernel}/channels"
    mine = {one.name: one.value or "" for one in cookies if one.path in ("/", "/services/apps/")}

    async def run() -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession(cookies=mine) as session,
            session.ws_connect(address, origin=origin or url.rstrip("/"), max_msg_size=0) as socket,
        ):
            for one in messages:
                await socket.send_json(one)
            return await _hear(socket, 6)

    return asyncio.run(run())


async def _hear(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(seconds):
            async for one in socket:
                heard.append(json.loads(one.data))
    except TimeoutError:
        pass
    return heard


def test_a_kernel_serves_its_owner_alone(hub: RunningHub, ada: HubClient, bob: HubClient) -> None:
    kernel = open_app(ada)
    for origin, client in (("", bob), ("https://evil.example", ada)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            talk(client, kernel, [], origin)
        assert refused.value.status in (403, 404)
    path = f"services/apps/api/kernels/{kernel}"
    assert ada.get(path).status_code == 200
    assert bob.get(path).status_code == 404
    tokens = [
        one.value for one in bob.session.cookies if (one.name, one.path) == ("_xsrf", "/services/apps/")
    ]
    headers = {"X-XSRFToken": tokens[0] or "", "Sec-Fetch-Mode": "same-origin"}
    for method, other in (("DELETE", path), ("POST", f"services/apps/voila/api/shutdown/{kernel}")):
        assert bob.session.request(method, hub.url + other, headers=headers, timeout=60).status_code == 404
    assert ada.get(path).status_code == 200, "it is still there"


def test_no_message_runs_code_and_no_nonsense_shows_paths(
    hub: RunningHub, ada: HubClient, bob: HubClient
) -> None:
    kernel, marker = open_app(ada), hub.data / "executed"
    code = {
        "code": f"open({str(marker)!r}, 'w')", "silent": False, "store_history": False, "user_expressions": {"x": "1"},
        "allow_stdin": False,
    }  # fmt: skip
    debug = {"type": "request", "command": "evaluate", "seq": 1, "arguments": {"expression": "1"}}
    slider = _a_slider(ada, kernel)
    wrong = {"method": "update", "state": {"value": "no number"}, "buffer_paths": []}
    heard = talk(ada, kernel, [
        message("execute_request", code), message("execute_request", code, "control"), message("debug_request", debug, "control"),
        message("complete_request", {"code": "import o", "cursor_pos": 8}), message("history_request", {"hist_access_type": "tail"}),
        message("comm_open", {"comm_id": "a", "target_module": "antigravity", "target_name": "x", "data": {}}),
        message("comm_open", {"comm_id": "b", "target_name": "jupyter.widget", "data": {"state": {}}}, version="2.1.0"),
        message("comm_msg", {"comm_id": slider, "data": wrong}),
    ])  # fmt: skip
    kinds = {one["msg_type"] for one in heard}
    assert not kinds & {"execute_reply", "execute_result", "complete_reply", "debug_reply", "history_reply"}
    assert not marker.exists()
    assert {"error", "stream"} <= kinds, "the nonsense arrived"
    assert "site-packages" not in json.dumps(heard)
    assert "Traceback" not in json.dumps(heard)


def _a_slider(client: HubClient, kernel: str) -> str:
    """Return the id of a slider."""
    states = _states(client, kernel)
    return next(name for name, one in states.items() if one["state"].get("_model_name") == "FloatSliderModel")


def _states(client: HubClient, kernel: str) -> dict[str, Any]:
    """Ask the kernel for its widgets, as a page does that has lost them."""
    control = {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}
    wanted = {"comm_id": "control", "data": {"method": "request_states"}}
    heard = talk(
        client, kernel, [message("comm_open", control, version="1.0.0"), message("comm_msg", wanted)]
    )
    states: dict[str, Any] = next(
        one["content"]["data"]["states"]
        for one in heard
        if one["msg_type"] == "comm_msg" and one["content"]["data"].get("method") == "update_states"
    )
    return states


def test_a_kernel_holds_no_token(hub: RunningHub, ada: HubClient) -> None:
    kernel = open_app(ada)
    found = _process(kernel).environ()
    assert not [name for name in found if re.search("TOKEN|SECRET|PASSWORD|JUPYTERHUB|TIDEHUB", name)]


def _process(kernel: str) -> psutil.Process:
    def first() -> psutil.Process | None:
        # In the order of their numbers: what the kernel itself starts comes after it.
        for process in psutil.process_iter(["cmdline"]):
            if f"kernel-{kernel}.json" in " ".join(process.info["cmdline"] or ()):
                return process
        return None

    found: psutil.Process = wait_for(first, f"the process of the kernel {kernel}")
    return found


@pytest.fixture(scope="module")
def adas_run(hub: RunningHub) -> RunFolder:
    """A finished analysis of ada's own picture."""
    home = hub.data / "homes" / "ada"
    grey_png(home / "pictures" / "adas-own.png", 90, (40, 30))
    case = load_catalogue()[SLUG]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDELAB_DATA", str(hub.data))
        run = prepare(case, images=home / "pictures", person="ada", face="app", runs_root=home / "runs")
        get_executor("inline").submit(run)
    assert run.state().status == "done", run.log()
    return run


def test_after_the_hello_a_kernel_gains_no_rights_any_more(hub: RunningHub, ada: HubClient) -> None:
    kernel, ticket = _opened(ada)
    before = _gains_none(kernel)
    heard = _say_hello(ada, kernel, ticket)
    assert "You could not be recognised" not in heard
    if can_be_held():
        # Landlock demands it. Where the machine itself set it before (some containers), this shows nothing, the sentence does.
        assert _gains_none(kernel)
        assert "holds nobody to their folders" not in _log_of(hub)
    else:
        wait_for(lambda: "holds nobody to their folders" in _log_of(hub), "the sentence in the apps' log")
        assert _gains_none(kernel) == before


def _gains_none(kernel: str) -> bool:
    """Return whether the process of a kernel has given up to gain rights."""
    status = Path(f"/proc/{_process(kernel).pid}/status").read_text()
    return "NoNewPrivs:\t1" in status


def _log_of(hub: RunningHub) -> str:
    return (hub.data / "logs" / "apps.log").read_text(errors="replace")


def test_no_link_shows_another_persons_runs(hub: RunningHub, bob: HubClient, adas_run: RunFolder) -> None:
    runs = hub.data / "homes" / "bob" / "runs"
    (runs / SLUG).parent.mkdir(parents=True, exist_ok=True)
    theirs = runs / SLUG
    if theirs.exists():
        shutil.rmtree(theirs)
    theirs.symlink_to(adas_run.path.parent)
    try:
        _, heard = _said_hello(bob, adas_run.run_id)
    finally:
        theirs.unlink()
    assert "That analysis is no longer there." in heard
    assert "adas-own" not in heard
    copy = theirs / adas_run.run_id
    shutil.copytree(adas_run.path, copy)
    (copy / "results.csv").unlink()
    (copy / "results.csv").symlink_to(adas_run.path / "results.csv")
    _, heard = _said_hello(bob, adas_run.run_id)
    assert "This analysis cannot be shown: results.csv in it is a link" in heard
    assert "adas-own" not in heard


def test_a_crafted_request_lets_no_code_of_its_owner_run(
    hub: RunningHub, bob: HubClient, adas_run: RunFolder
) -> None:
    copy = hub.data / "homes" / "bob" / "runs" / SLUG / "20990101T000000000Z-00000a"
    shutil.copytree(adas_run.path, copy)
    file, marker = copy / "request.json", hub.data / "owned"
    case = shutil.copytree(load_catalogue()[SLUG].folder, hub.data / "homes" / "bob" / SLUG)
    for module in case.rglob("*.py"):
        module.write_text(f"open({str(marker)!r}, 'w')\n" + module.read_text())
    file.write_text(json.dumps({**json.loads(file.read_text()), "use_case_folder": str(case)}))
    _, heard = _said_hello(bob, copy.name)
    # With the app's own use case, whatever folder the request names.
    assert "This analysis cannot be shown" not in heard
    assert "adas-own" in heard
    assert not marker.exists()


def test_one_person_cannot_take_every_place(hub: RunningHub, ada: HubClient, bob: HubClient) -> None:
    wait_for(lambda: ada.get(PAGE).status_code == 503, "the end of one person's places", 60, 0)
    refused = ada.get(PAGE)
    assert "You have many apps open" in refused.text
    assert refused.headers["Retry-After"]
    # Pages that bob left in other tests give their places back a while after.
    wait_for(lambda: bob.get(PAGE).status_code == 200, "a place for another person", 90)


def test_a_file_of_a_template_is_found(ada: HubClient) -> None:
    assert ada.get("services/apps/voila/templates/tidelab/static/tidelab.css").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "missing",
        "missing/static/x.js",
        "tidelab/static/missing.js",
        "tidelab/other/x.js",
        "static",
        "%00/static/x",
    ],
)
def test_an_address_that_names_no_file_of_a_template_is_not_found(ada: HubClient, path: str) -> None:
    assert ada.get(f"services/apps/voila/templates/{path}").status_code == 404
