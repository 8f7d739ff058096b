"""A hub that says what a single-user server asks it at its start, and no more: for tests of images without a hub."""

import contextlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import docker
import requests
from docker.errors import NotFound
from docker.models.containers import Container

PREFIX = "/user/ada/lab/"


class StubHub:
    """Answers ``/hub/api`` on the gateway of the engine's default network, where containers reach it."""

    def __init__(self, engine: docker.DockerClient) -> None:
        self._engine = engine
        bridge = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]
        self.address = bridge.get("Gateway") or bridge["Subnet"].rsplit(".", 1)[0] + ".1"
        self._server = ThreadingHTTPServer((self.address, 0), _Answers)
        self._made: list[Container] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for container in self._made:
            with contextlib.suppress(NotFound):
                container.remove(force=True)
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """Return the variables that JupyterHub sets for a server."""
        return {
            "JUPYTERHUB_API_TOKEN": "of-a-stub",
            "JUPYTERHUB_API_URL": f"http://{self.address}:{self._server.server_port}/hub/api",
            "JUPYTERHUB_ACTIVITY_URL": f"http://{self.address}:{self._server.server_port}/hub/api/users/ada/activity",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
            "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=ada/lab"]',
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=ada/lab"]',
            "JUPYTERHUB_SERVER_NAME": "lab",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:8888{PREFIX}",
            "JUPYTERHUB_USER": "ada",
        }

    def run(self, image: str, home: str, *, command: list[str] | None = None, **options: Any) -> Container:
        """Start a container as a hub does: any uid, nothing writable but home and ``/tmp``; it is removed at the end."""
        given = {
            "environment": {**self.environment(), "HOME": home, **options.pop("environment", {})},
            "volumes": {home: {"bind": home, "mode": "rw"}, **options.pop("mounts_to_read", {})},
            "read_only": True,
            "tmpfs": {"/tmp": "rw,exec,mode=1777"},
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "user": "4321:4321",
            "detach": True,
            "name": f"tidelab-test-{secrets.token_hex(4)}",
            **options,
        }
        container = self._engine.containers.run(image, command, **given)
        self._made.append(container)
        return container


def wait_until_answers(container: Container, seconds: float = 60.0) -> float:
    """Return the seconds until ``/api`` answers; fail with the container's last words."""
    started = time.monotonic()
    container.reload()
    url = f"http://{container.attrs['NetworkSettings']['IPAddress']}:8888{PREFIX}api"
    while time.monotonic() - started < seconds:
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return time.monotonic() - started
        except requests.RequestException:
            time.sleep(0.02)
            container.reload()
            if container.status == "exited":
                break
    raise AssertionError(
        f"no answer after {time.monotonic() - started:.0f} s:\n{container.logs(tail=30).decode(errors='replace')}"
    )


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._say({"version": "6.1.1"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._say({})

    def _say(self, answer: dict[str, str]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep the tests' output readable."""
