import asyncio
import base64
import hashlib
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelab.tracking.server.landing import SCRIPT
from tidelab.tracking.server.surface import FILE_POLICY, LARGEST_BODY, PAGE_POLICY, Surface, is_served

PREFIX = "/services/mlflow"


class Behind:
    """Stands where MLflow's application is, and remembers the paths it gets."""

    def __init__(self) -> None:
        self.paths: list[tuple[str, bytes]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.paths.append((scope["path"], scope["raw_path"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def ask(
    surface: Surface, path: str, method: str = "GET", headers: list[tuple[bytes, bytes]] | None = None
) -> int:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": headers or [],
    }
    asyncio.run(surface(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/health", "/static-files/x.js", "/graphql", "/get-artifact", "/api/2.0/mlflow/runs/create",
        "/ajax-api/2.0/mlflow/registered-models/search", "/api/2.0/mlflow-artifacts/artifacts", "/logout",
        "/api/2.0/mlflow-artifacts/artifacts/1/a/b.txt", "/ajax-api/3.0/mlflow/users/current", "/oauth_callback",
    ],
)  # fmt: skip
def test_served(path: str):
    assert is_served(path)


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/assistant/message", "/gateway/a/mlflow/invocations", "/api/2.0/mlflow/webhooks", "/signup",
        "/api/2.0/mlflow/users/create", "/api/2.0/mlflow/users/delete", "/api/3.0/mlflow/traces", "/v1/traces", "/metrics",
        "/api/2.0/mlflow/artifacts/presigned-upload-url", "/api/2.0/mlflow-artifacts/presigned/1/x", "/healthz", "/health/",
        "/api/2.0/mlflow/runs/create-promptlab-run", "/ajax-api/3.0/jobs/search", "//graphql", "/graphql/x", "/x\n/graphql",
        "/api/2.0/mlflow-artifacts/mpu/create/1", "/ajax-api/3.0/mlflow/mcp-servers", "/api/2.0/mlflow/scorers/list",
    ],
)  # fmt: skip
def test_not_served(path: str):
    assert not is_served(path)


@given(st.text(min_size=1, max_size=40).filter(lambda path: not path.startswith(PREFIX)))
def test_nothing_outside_the_prefix_reaches_mlflow(path: str):
    behind = Behind()
    assert ask(Surface(PREFIX, behind), "/" + path.lstrip("/")) == 404
    assert behind.paths == []


def test_files_take_the_streaming_route_and_nothing_else_does():
    behind = Behind()
    surface = Surface(PREFIX, behind)
    file = "/api/2.0/mlflow-artifacts/artifacts/1/a/b%2e.txt"
    for method, expected in (("GET", file), ("PUT", file), ("DELETE", PREFIX + file)):
        ask(surface, PREFIX + file, method)
        assert behind.paths.pop() == (expected, expected.encode())
    ask(surface, f"{PREFIX}/api/2.0/mlflow-artifacts/artifacts")
    assert behind.paths.pop()[0].startswith(PREFIX)


@pytest.mark.parametrize(
    ("length", "status"), [(str(LARGEST_BODY), 200), (str(LARGEST_BODY + 1), 413), ("x", 413)]
)
def test_an_upload_is_bounded(length: str, status: int):
    headers = [(b"content-length", length.encode())]
    path = f"{PREFIX}/api/2.0/mlflow-artifacts/artifacts/1/a.txt"
    assert ask(Surface(PREFIX, Behind()), path, "PUT", headers) == status


def test_it_answers_while_mlflow_is_loading():
    surface = Surface(PREFIX)
    # The home page says that it is not ready: no answer below 500.
    assert ask(surface, f"{PREFIX}/", headers=[(b"accept", b"text/html")]) == 503
    assert ask(surface, f"{PREFIX}/api/2.0/mlflow/runs/create", "POST") == 503


def test_a_browser_gets_a_page_that_tries_again_while_mlflow_is_loading():
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    for path in (f"{PREFIX}/", f"{PREFIX}/any/deeper"):
        sent.clear()
        headers = [(b"accept", b"text/html,*/*")]
        asyncio.run(
            Surface(PREFIX)(
                {"type": "http", "method": "GET", "path": path, "headers": headers}, receive, send
            )
        )
        assert (b"content-type", b"text/html; charset=utf-8") in sent[0]["headers"]
        assert b'http-equiv="refresh"' in sent[1]["body"]
        assert b"are starting" in sent[1]["body"]


def test_mlflows_pages_are_told_what_is_not_there():
    behind = Behind()
    assert ask(Surface(PREFIX, behind), f"{PREFIX}/ajax-api/3.0/mlflow/assistant/config") == 403
    assert ask(Surface(PREFIX, behind), f"{PREFIX}/ajax-api/2.0/mlflow/gateway-proxy") == 200
    assert behind.paths == []


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/get-artifact", FILE_POLICY), ("/model-versions/get-artifact", FILE_POLICY),
        ("/api/2.0/mlflow-artifacts/artifacts/1/evil.svg", FILE_POLICY),
        ("/ajax-api/2.0/mlflow-artifacts/artifacts/1/a/b.html", FILE_POLICY),
        ("/health", PAGE_POLICY), ("/graphql", PAGE_POLICY), ("/ajax-api/2.0/mlflow/runs/search", PAGE_POLICY),
    ],
)  # fmt: skip
def test_files_of_people_are_nobodys_origin(path: str, policy: str):
    sent: list[MutableMapping[str, Any]] = []

    async def behind(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        headers = [(b"Content-Security-Policy", b"script-src *"), (b"x-frame-options", b"SAMEORIGIN")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": PREFIX + path, "raw_path": b"", "headers": []}
    asyncio.run(Surface(PREFIX, behind)(scope, None, send))  # type: ignore[arg-type]
    assert sent[0]["headers"] == [
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]


def test_the_one_inline_script_is_named_by_its_digest():
    inside = SCRIPT.removeprefix("<script>").removesuffix("</script>")
    digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in PAGE_POLICY
    assert "'unsafe-inline'" not in PAGE_POLICY.partition("script-src")[2].partition(";")[0]
