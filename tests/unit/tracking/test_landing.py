"""MLflow's page opens on a person's own training runs, whatever the browser's cache holds."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from tidelab.tracking.server.landing import SCRIPT
from tidelab.tracking.server.surface import Surface

PREFIX = "/services/mlflow"
PAGE = b"<!doctype html><html><head><script src=main.js></script></head><body></body></html>"


def ask(path: str, status: int = 200, page: bytes = PAGE) -> tuple[dict[bytes, bytes], bytes, list[Any]]:
    sent: list[MutableMapping[str, Any]] = []
    asked: list[Any] = []

    async def behind(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        asked.extend(scope["headers"])
        headers = [
            (b"ETag", b"1"),
            (b"Content-Length", str(len(page)).encode()),
            (b"content-type", b"text/html"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": page[:20], "more_body": True})
        await send({"type": "http.response.body", "body": page[20:]})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
             "headers": [(b"if-none-match", b"1"), (b"accept-encoding", b"gzip"), (b"cookie", b"c")]}  # fmt: skip
    asyncio.run(Surface(PREFIX, behind)(scope, receive, send))
    assert sent[0]["status"] == status
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:]), asked


def test_the_script_comes_before_mlflows_own() -> None:
    headers, body, asked = ask(f"{PREFIX}/")
    assert body == PAGE.replace(b"<head>", b"<head>" + SCRIPT.encode())
    assert headers[b"content-length"] == str(len(body)).encode()
    assert b"ETag" not in headers, "a cached copy of MLflow's own page would come back"
    assert asked == [(b"cookie", b"c")]


@pytest.mark.parametrize(("path", "status"), [("/static-files/a.html", 200), ("/", 302), ("/", 500)])
def test_everything_else_passes_as_it_is(path: str, status: int) -> None:
    headers, body, _ = ask(PREFIX + path, status)
    assert body == PAGE
    assert headers[b"ETag"] == b"1"
