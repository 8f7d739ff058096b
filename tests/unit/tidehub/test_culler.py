"""The culler asks people's servers, which run people's code: none of them may learn a token that opens another's."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from tidehub.culler import Culler, CullerSettings
from tidehub.processes import started_at


@pytest.fixture
def server_process() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "JUPYTERHUB_API_TOKEN": "the servers own"}
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment)
    yield process
    process.kill()
    process.communicate()


def test_each_is_shown_its_own_token(server_process: subprocess.Popen[bytes]) -> None:
    seen: dict[str, list[str]] = {}
    state: dict[str, object] = {"pid": server_process.pid, "created": started_at(server_process.pid)}

    async def answer(request: web.Request) -> web.Response:
        seen.setdefault(request.path, []).append(request.headers.get("Authorization", ""))
        if request.path == "/hub/api/users":
            server = {"ready": True, "state": state, "started": "2026-01-01T00:00:00Z"}
            return web.json_response([{"name": "ada", "servers": {"flowcam-plankton": server}}])
        return web.json_response([] if request.path.endswith("kernels") else {})

    async def look() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        state["address"] = f"{address}/user/ada/"
        settings = CullerSettings(f"{address}/hub/api", "the cullers own", timedelta(hours=1), 1)
        async with aiohttp.ClientSession() as session:
            culler = Culler(settings, session)
            await culler.look()
            state["pid"] = os.getpid()  # the number of another process by now
            await culler.look()
        await runner.cleanup()

    asyncio.run(look())
    assert set(seen.pop("/hub/api/users")) == {"token the cullers own"}
    assert seen == {f"/user/ada/api/{what}": ["token the servers own"] for what in ("kernels", "status")}
