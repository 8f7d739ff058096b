"""The hub's services: idle servers end and working ones do not, strangers stay out, nothing outlives a killed hub."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import aiohttp
import pytest
import requests

from tests.support.hub import HubClient, RunningHub, wait_for

SLUG = "flowcam-plankton"
IDLE_S = 12


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {"TIDEHUB_IDLE_MINUTES": str(IDLE_S / 60), "TIDEHUB_IDLE_CHECK_SECONDS": "2"}
    with RunningHub(tmp_path_factory.mktemp("hub"), services=("apps", "cull"), **settings) as running:
        yield running


def start_kernel(client: HubClient, code: str) -> str:
    """Start a kernel in a client's server and run something in it, as JupyterLab does; return when it printed ``working``."""
    kernel = str(client.lab(SLUG, "api/kernels", "POST", json={"name": "tidelab-analyse"}).json()["id"])
    token = client.hub.api("POST", f"users/{client.name}/tokens", json={"note": "test"}).json()["token"]
    address = f"ws{client.hub.url[4:]}user/{client.name}/{SLUG}/api/kernels/{kernel}/channels"
    header = {
        "msg_id": "1",
        "username": client.name,
        "session": "s",
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
    }
    message = {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }

    async def run() -> None:
        headers = {"Authorization": f"token {token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(address) as socket:
            await socket.send_json(message)
            async for answer in socket:
                said = json.loads(answer.data)
                if said["msg_type"] == "stream" and "working" in said["content"]["text"]:
                    return
        raise AssertionError("the kernel went away")

    asyncio.run(asyncio.wait_for(run(), 90))
    return kernel


def test_idle_servers_end_and_working_ones_do_not(hub: RunningHub) -> None:
    idle, busy, runner = (hub.client(name).signed_in() for name in ("idle", "busy", "runner"))
    for client in (idle, busy, runner):
        client.open_lab(SLUG)
    kernel = start_kernel(busy, "print('working', flush=True)\nimport time\ntime.sleep(600)")
    state = hub.data / "homes" / "runner" / "runs" / SLUG / "r1" / "state.json"
    state.parent.mkdir(parents=True)

    def heartbeat(status: str = "running") -> None:
        state.write_text(json.dumps({"status": status, "updated": datetime.now(UTC).isoformat()}))

    def idle_ended() -> bool:
        heartbeat()
        return not idle.ready_server(SLUG)

    wait_for(idle_ended, "the end of the idle server", 90, 0.5)
    quiet = time.monotonic() + IDLE_S + 6
    while time.monotonic() < quiet:
        heartbeat()
        assert busy.ready_server(SLUG), "a busy kernel was stopped"
        assert runner.ready_server(SLUG), (
            "a server was stopped while an analysis of its owner was in progress"
        )
        time.sleep(0.5)
    heartbeat("done")
    wait_for(lambda: not runner.ready_server(SLUG), "the end of the server whose analysis is over", 60)
    assert busy.ready_server(SLUG)
    busy.lab(SLUG, f"api/kernels/{kernel}", "DELETE")
    wait_for(lambda: not busy.ready_server(SLUG), "the end of the server whose kernel is gone", 60)
    log = (hub.data / "logs" / "cull.log").read_text()
    assert f"Stopping idle/{SLUG}: nothing worked in it" in log
    assert f"Keeping busy/{SLUG}: a kernel is busy" in log
    assert f"Keeping runner/{SLUG}: an analysis of its owner is in progress" in log


def test_strangers_get_nothing_from_a_service(hub: RunningHub) -> None:
    wait_for(lambda: requests.get(f"{hub.url}services/apps/", timeout=30).status_code < 500, "the apps", 60)
    answer = requests.get(f"{hub.url}services/apps/{SLUG}/", timeout=30, allow_redirects=False)
    assert answer.status_code in (302, 401, 403)
    assert "analyse" not in answer.text


def test_a_person_opens_the_app_without_being_asked_to_confirm(hub: RunningHub) -> None:
    visitor = hub.client("visitor").signed_in()
    wait_for(lambda: "apps do not answer" not in visitor.get("hub/home").text, "the apps", 60)
    assert f'href="/services/apps/{SLUG}/"' in visitor.get("hub/home").text
    page = visitor.get(f"services/apps/{SLUG}/")
    assert page.ok
    assert page.url.endswith(f"/services/apps/{SLUG}/")


def test_services_end_with_a_killed_hub_and_start_with_the_next(hub: RunningHub) -> None:
    from psutil import Error

    def services() -> set[str]:
        found = set()
        for process in hub._left():
            try:
                found.add(process.environ().get("JUPYTERHUB_SERVICE_NAME", ""))
            except Error:
                continue
        return found - {""}

    wait_for(lambda: {"apps", "cull", "keeper"} <= services(), "all services", 30)
    hub.kill_hub()
    # Services end politely, one after another; on a busy machine that takes a while.
    try:
        wait_for(lambda: not services(), "the end of the services", 90)
    except AssertionError as problem:
        raise AssertionError(f"still there: {services()}") from problem
    hub.start_hub()
    visitor = hub.client("visitor").signed_in()
    wait_for(lambda: "apps do not answer" not in visitor.get("hub/home").text, "the apps, again", 90)
    assert visitor.get(f"services/apps/{SLUG}/").ok, "with the new tokens"
