"""A service `gpus` that follows the contract of docs/architecture.md, for tests of those who ask it; and its bad days."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "server-token-of-ada"
PREFIX = "/services/gpus"


def lease(server: str = "flowcam-plankton", **changes: Any) -> dict[str, Any]:
    """Return one live lease as the service describes it."""
    return {
        "id": "lease-1",
        "server": server,
        "use_case": server,
        "devices": [{"name": "NVIDIA H200", "memory_mb": 143_771, "index": 0}],
        "since": time.time() - 7500,
        "busy_share": 0.83,
        "busy_now": 0.9,
        "memory_mb": 2048,
        "idle_s": 0.0,
        "use": "busy",
        "state": "active",
        "trouble": "",
        "warning": None,
        "can_keep": False,
        "kept_until": None,
        "keep_minutes": 60.0,
        "promise": "",
        **changes,
    }


def mine(*leases: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an answer to ``api/mine``."""
    return {
        "leases": list(leases),
        "queue": [],
        "quota": {
            "gpu_hours": 100.0,
            "used_hours": 40.0,
            "days": 28.0,
            "gpus": 1,
            "holds": len(leases),
            "servers": None,
            "memory_gb": None,
        },
        "free": [{"kind": "whole", "profile": "", "free": 1, "total": 2, "waiting": 0}],
        "used": {"allocated_s": 18_000.0, "held_s": 16_000.0, "busy_s": 9000.0, "days": 28},
        "notices": [],
        **changes,
    }


def warned(minutes: float = 10.0, *, can_keep: bool = True) -> dict[str, Any]:
    """Return what a lease gets whose GPU is idle."""
    text = "Nothing has used your GPU for 20 min. It is given back at 10:32: your server then starts again without a GPU."
    return {
        "warning": {"text": text, "release_at": time.time() + 60 * minutes},
        "can_keep": can_keep,
        "busy_share": 0.0,
        "busy_now": 0.0,
        "idle_s": 1200.0,
    }


class FakeGpus:
    """What it answers is ``answer``; what it was asked is in ``asked``; ``day`` is how it behaves.

    Days: ``good``, ``silent`` (accepts and says nothing), ``broken`` (500), ``garbage``, ``login`` (a redirect, as for a token that
    is not accepted), ``huge``.
    """

    def __init__(self) -> None:
        self.answer: dict[str, Any] = mine()
        self.day = "good"
        self.refusal: tuple[int, str] | None = None
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    def act(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Keep or give back, as the service does."""
        if self.refusal:
            return self.refusal[0], {"status": self.refusal[0], "message": self.refusal[1]}
        identifier = path.split("/")[2]
        found = next((lease for lease in self.answer["leases"] if lease["id"] == identifier), None)
        if found is None:
            return 404, {"status": 404, "message": "You have no such lease."}
        if method == "DELETE":
            self.answer["leases"].remove(found)
        else:
            found |= {"warning": None, "can_keep": False, "kept_until": time.time() + 3600}
        return 200, found


@contextmanager
def fake_gpus() -> Iterator[FakeGpus]:
    """Serve one on a free port of 127.0.0.1."""
    fake = FakeGpus()
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            path = self.path.removeprefix(PREFIX + "/")
            fake.asked.append((self.command, path))
            if fake.day == "silent":
                release.wait(30)
                return
            if fake.day in ("broken", "garbage", "login", "huge"):
                self._bad_day()
            elif self.headers.get("Authorization") != f"token {TOKEN}":
                self._send(403, {"message": "Forbidden"})
            elif self.command == "GET":
                self._send(200, fake.answer)
            else:
                self._send(*fake.act(self.command, path))

        do_GET = do_POST = do_DELETE = _handle

        def _bad_day(self) -> None:
            if fake.day == "broken":
                self._send(500, {"message": "boom"})
            elif fake.day == "login":
                self.send_response(302)
                self.send_header("Location", "/hub/api/oauth2/authorize")
                self.end_headers()
            else:
                body = b"<html>\xff" if fake.day == "garbage" else b"[" + b"1," * 2_000_000 + b"1]"
                self._raw(200, body)

        def _send(self, status: int, value: object) -> None:
            self._raw(status, json.dumps(value).encode())

        def _raw(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        release.set()
        server.shutdown()
        server.server_close()
