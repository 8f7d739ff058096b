"""Which of MLflow's routes exist here: tracking, artifacts, registry and their pages. Everything else is 404.

MLflow 3.17 brings an assistant that runs shell commands for callers from this machine (behind a proxy: for everybody),
a gateway that calls other hosts, webhooks, jobs, and traces whose artifact location is a tag that their owner may change.
None of it is used here, and what is not used is not reachable. An application in front of MLflow's, so it covers Flask
and FastAPI routes alike, whatever MLflow thinks of them.
"""

import re

from .application import Application, Message, Receive, Scope, Send
from .landing import SCRIPT_DIGEST, land
from .pages import message_page

LARGEST_BODY = 2 * 1024**3
"""Bytes of one upload."""

_PAGES = (
    r"|/|/static-files/.+|/health|/version|/favicon\.ico|/graphql|/get-artifact|/model-versions/get-artifact"
)
_LOGIN = r"|/oauth_callback|/logout"
_API = (
    r"|/(?:ajax-)?api/2\.0/mlflow/(?:experiments|runs|metrics|artifacts|registered-models|model-versions|logged-models)/.+"
    r"|/(?:ajax-)?api/2\.0/mlflow/logged-models"
    r"|/ajax-api/2\.0/mlflow/upload-artifact"
    r"|/(?:ajax-)?api/\d\.0/mlflow/users/(?:current|current/permissions|permissions/(?:grant|revoke|check))"
    r"|/(?:ajax-)?api/3\.0/mlflow/server-info"
    r"|/ajax-api/3\.0/mlflow/ui-telemetry"
    r"|/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts(?:/.*)?"
)
_ALLOWED = re.compile(_PAGES + _LOGIN + _API, re.DOTALL)
_REFUSED = re.compile(r".*/runs/create-promptlab-run|.*presigned.*", re.DOTALL)
_ARTIFACT = re.compile(r"/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.+", re.DOTALL)

_FILES = re.compile(
    r"/(?:model-versions/)?get-artifact|/(?:ajax-)?api/2\.0/mlflow-artifacts/artifacts/.+", re.DOTALL
)

FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Of a file that a person logged: opened by its address, it is nobody's origin and runs nothing, whatever it is."""
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        # MLflow's charts compile functions. No inline script but ours: names and notes of people are shown on these pages.
        f"script-src 'self' 'unsafe-eval' 'sha256-{SCRIPT_DIGEST}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""Of MLflow's own pages, which share an origin with the hub."""

_ELSEWHERE = "This MLflow serves tracking, artifacts and the model registry, nothing else."
_STARTING = "MLflow is starting; try again in a few seconds."
_STARTING_PAGE = message_page(
    "Experiments (MLflow) are starting",
    "This takes up to a minute after Tidelab was started. The page opens by itself when they are ready.",
    "",
    reload_s=3,
)
_CANNED = {
    # MLflow's pages ask for these on every visit and show an error for a 404: say "none" and "not here" instead.
    "/ajax-api/2.0/mlflow/gateway-proxy": (200, '{"endpoints": []}'),
    "/ajax-api/3.0/mlflow/assistant/config": (403, '{"detail": "The assistant is not part of this server."}'),
    "/ajax-api/3.0/mlflow/assistant/providers": (
        403,
        '{"detail": "The assistant is not part of this server."}',
    ),
}


def is_served(path: str) -> bool:
    """Return whether a path, after the service's prefix, is part of what is served.

    >>> is_served("/api/2.0/mlflow/runs/create"), is_served("/ajax-api/3.0/mlflow/assistant/message")
    (True, False)
    """
    return _ALLOWED.fullmatch(path) is not None and _REFUSED.fullmatch(path) is None


class Surface:
    """ASGI application in front of MLflow's: lets the routes above through and answers 404 to all others.

    It answers from the first moment, before MLflow's application is there, for importing MLflow takes seconds: a browser
    gets a page that tries again by itself, a program 503.

    Artifact uploads and downloads are handed to MLflow's streaming routes, which it mounts without the prefix only: the
    prefixed ones would hold a whole file in memory. MLflow authorizes both alike.

    Parameters
    ----------
    prefix
        Path of the service, without a final slash.
    application
        MLflow's application; None until it is loaded.
    """

    def __init__(self, prefix: str, application: Application | None = None) -> None:
        self.prefix = prefix
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if self.application is None:
            page = scope["method"] == "GET" and wants_page(scope)
            headers = [
                (b"content-type", b"text/html; charset=utf-8" if page else b"text/plain"),
                (b"retry-after", b"5"),
            ]
            # Not 200: the home page asks here whether the experiments are ready.
            await _answer(send, 503, _STARTING_PAGE if page else _STARTING, headers)
            return
        path = scope["path"]
        rest = path.removeprefix(self.prefix)
        inside = path.startswith(self.prefix)
        if inside and rest in _CANNED:
            status, text = _CANNED[rest]
            await _answer(send, status, text, [(b"content-type", b"application/json")])
        elif not inside or not is_served(rest):
            await _refuse(send, 404, _ELSEWHERE)
        elif _body_length(scope) > LARGEST_BODY:
            await _refuse(send, 413, f"An upload may have at most {LARGEST_BODY // 1024**2} MB.")
        else:
            if scope["method"] in ("GET", "PUT") and _ARTIFACT.fullmatch(rest):
                raw = scope.get("raw_path", path.encode())
                scope = {**scope, "path": rest, "raw_path": raw.removeprefix(self.prefix.encode())}
            send = _with_policy(send, FILE_POLICY if _FILES.fullmatch(rest) else PAGE_POLICY)
            if scope["method"] == "GET" and rest == "/":
                await land(self.application, scope, receive, send)
            else:
                await self.application(scope, receive, send)


def _with_policy(send: Send, policy: str) -> Send:
    """Return a `send` that sets the content policy of every answer; MLflow's own, if it had one, would be replaced."""

    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {b"content-security-policy": policy.encode(), b"x-content-type-options": b"nosniff"}
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
            message = {**message, "headers": [*kept, *ours.items()]}
        await send(message)

    return send_with_policy


def wants_page(scope: Scope) -> bool:
    """Return whether a request comes from a browser that wants to show a page."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _body_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else LARGEST_BODY + 1
    return 0


async def _refuse(send: Send, status: int, text: str) -> None:
    await _answer(send, status, text, [(b"content-type", b"text/plain; charset=utf-8")])


async def _answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    headers = [*headers, (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
