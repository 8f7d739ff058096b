"""A real proxy and a real hub in a data folder of their own, for tests; everything that was started is ended.

``with RunningHub(folder, services=("mlflow",), TIDEHUB_IDLE_MINUTES="0") as hub`` in a fixture of one's own; two never meet.
Clients are `HubClient`: a browser without a screen, signed in by the login form.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

import psutil
import requests

from tidehub.accounts import AccountStore
from tidehub.first_account import take_first_password
from tidehub.services import free_port
from tidelab import paths
from tidelab.environments import proxy_command

READY_S = 90.0
_HIDDEN = re.compile(r'name="_xsrf" value="([^"]+)"')


PATIENCE_S = 60.0
"""What takes a second may take this long on a machine whose cores are busy; a test that waits less fails for no reason of ours."""


def wait_for(condition: Any, what: str, seconds: float = 60.0, every: float = 0.25) -> Any:
    """Return the first true value of a callable; fail with words if there is none in time, which is never less than `PATIENCE_S`."""
    seconds = max(seconds, PATIENCE_S)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"waited {seconds:g} s in vain: {what}")


class HubClient:
    """One person's browser, by HTTP alone."""

    def __init__(self, hub: "RunningHub", name: str = "", password: str = "") -> None:
        self.hub, self.name, self.password = hub, name, password
        self.session = requests.Session()
        self.session.headers["Sec-Fetch-Mode"] = "navigate"  # as a browser that opens a page

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        """Open a page of this Tidelab; `path` without a slash in front."""
        return self.session.get(self.hub.url + path, timeout=60, **kwargs)

    def login(self, password: str | None = None) -> requests.Response:
        """Fill in the login form."""
        return self.post_form(
            "hub/login", "hub/login", username=self.name, password=password or self.password
        )

    def signed_in(self) -> Self:
        """Sign in, and make sure of it."""
        answer = self.login()
        assert answer.status_code == 200, answer.text[:2000]
        assert answer.url.endswith("/hub/home"), answer.url
        return self

    def post_form(self, page: str, action: str, /, **fields: str) -> requests.Response:
        """Open a page, take the hidden token from its form and send the form."""
        found = _HIDDEN.search(self.get(page).text)
        assert found, f"no form on {page}"
        origin = {"Origin": self.hub.url.rstrip("/")}
        return self.session.post(
            self.hub.url + action, data={"_xsrf": found[1], **fields}, headers=origin, timeout=90
        )

    def open_lab(self, use_case: str, resources: str = "", seconds: float = 120.0) -> dict[str, Any]:
        """Press Open in Lab and wait until the server is ready; return the hub's description of it."""
        answer = self.post_form(
            "hub/home", f"hub/spawn/{self.name}/{use_case}", use_case=use_case, resources=resources
        )
        assert answer.status_code == 200, answer.text[:2000]
        # Cookies of a server that was stopped since are no sign-in at the new one, and only a page, not a request of one, gets a new one.
        for cookie in list(self.session.cookies):
            if cookie.path.startswith(f"/user/{self.name}/{use_case}/"):
                self.session.cookies.clear(cookie.domain, cookie.path, cookie.name)
        return wait_for(lambda: self.ready_server(use_case), f"the server {use_case} of {self.name}", seconds)  # type: ignore[no-any-return]

    def ready_server(self, use_case: str) -> dict[str, Any] | None:
        """Return the hub's description of one's server if it is ready."""
        server = self.hub.api("GET", f"users/{self.name}").json().get("servers", {}).get(use_case)
        return server if server and server["ready"] else None

    def stop_lab(self, use_case: str) -> None:
        """Stop a server by the API and wait for it."""
        self.hub.api("DELETE", f"users/{self.name}/servers/{use_case}")
        wait_for(lambda: not self.ready_server(use_case), f"the end of {use_case} of {self.name}", 40)

    def lab(self, use_case: str, path: str, method: str = "GET", **kwargs: Any) -> requests.Response:
        """Ask a server of one's own, as JupyterLab's page in the browser does."""
        prefix = f"user/{self.name}/{use_case}/"
        if not any(cookie.path.startswith(f"/{prefix}") for cookie in self.session.cookies):
            assert self.get(f"{prefix}lab").ok
        xsrf = [
            c.value for c in self.session.cookies if c.name == "_xsrf" and c.path.startswith(f"/{prefix}")
        ]
        headers = {"Sec-Fetch-Mode": "same-origin", "X-XSRFToken": (xsrf or [""])[0] or ""}
        return self.session.request(
            method, self.hub.url + prefix + path, headers=headers, timeout=60, **kwargs
        )


class RunningHub:
    """A proxy and a hub on free ports of 127.0.0.1.

    Parameters
    ----------
    folder
        Becomes ``TIDELAB_DATA``.
    services
        Services to start; none by default, since most tests need none.
    settings
        Further environment variables of the hub (``TIDEHUB_*``, ``TIDELAB_*``).

    Attributes
    ----------
    url : str
        Address people open, with a slash at the end.
    admin : HubClient
        The first account, not yet signed in.
    """

    def __init__(self, folder: Path, services: tuple[str, ...] = (), **settings: str) -> None:
        self.data = folder
        self.port = free_port()
        self.hub_port = free_port({self.port})
        self.api_port = free_port({self.port, self.hub_port})
        self.host = "127.0.0.1"
        self.url = f"http://{self.host}:{self.port}/"
        self.proxy_options: tuple[str, ...] = ()
        self._token = secrets.token_hex(16)
        self._api_token = secrets.token_hex(16)
        self._settings = {
            "TIDEHUB_SERVICES": json.dumps(list(services)),
            "TIDEHUB_SHARED_TRUST": "1",
            **settings,
        }
        self._log: IO[bytes] | None = None
        self.hub_process: subprocess.Popen[bytes] | None = None
        self.proxy_process: subprocess.Popen[bytes] | None = None
        self.admin = HubClient(self)

    def __enter__(self) -> Self:
        """Start both and wait for them."""
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        self._log = (self.data / "logs" / "test-hub.log").open("ab")
        try:
            self._start_proxy()
            self.start_hub()
        except BaseException:
            self.__exit__()
            raise
        password = take_first_password(self.data / "hub")
        assert password is not None
        self.admin = HubClient(self, "admin", password)
        return self

    def __exit__(self, *_: object) -> None:
        """End both, and every server and service that was started."""
        for process in (self.hub_process, self.proxy_process):
            _end(process)
        for process in self._left():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self._log:
            self._log.close()

    @property
    def log(self) -> str:
        """What hub, proxy and services printed so far."""
        return (self.data / "logs" / "test-hub.log").read_text(errors="replace")

    def start_hub(self) -> None:
        """Start the hub (again) and wait until it answers and the proxy knows it."""
        assert self._log is not None
        config = paths.checkout() / "hub" / "jupyterhub_config.py"
        self.hub_process = subprocess.Popen(
            [str(paths.env_python("hub")), "-m", "jupyterhub", "--config", str(self._test_config(config))],
            env=self._environment(), cwd=self.data, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        wait_for(self._answers, f"the hub; its log ends with\n{self.log[-3000:]}", READY_S)

    def kill_hub(self) -> None:
        """End the hub as a power cut would."""
        assert self.hub_process is not None
        self.hub_process.kill()
        self.hub_process.wait()

    def client(self, name: str, *, admin: bool = False) -> HubClient:
        """Add an account and return its client, not yet signed in."""
        store = AccountStore(self.data / "hub" / "accounts.sqlite", shared_trust=True)
        known = store.get(name)
        return HubClient(self, name, store.set_password(name) if known else store.add(name, admin=admin))

    def api(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Ask the hub's API as a service that may do everything (of the tests alone)."""
        headers = {"Authorization": f"token {self._api_token}"}
        return requests.request(
            method,
            f"http://{self.host}:{self.hub_port}/hub/api/{path}",
            headers=headers,
            timeout=60,
            **kwargs,
        )

    def _test_config(self, config: Path) -> Path:
        """The project's configuration as it is, and a service token with which tests look behind the scenes."""
        file = self.data / "test_config.py"
        file.write_text(
            f"load_subconfig({str(config)!r})\n"
            f"c.JupyterHub.services = [*c.JupyterHub.services, dict(name='tests', api_token={self._api_token!r})]\n"
            "c.JupyterHub.load_roles = [*c.JupyterHub.load_roles, dict(name='tests', services=['tests'], scopes=["
            "'admin:users', 'admin:servers', 'access:servers', 'tokens', 'read:hub', 'admin:groups'])]\n"
        )
        file.chmod(0o600)
        return file

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("TIDEHUB_", "JUPYTERHUB_"))
        }
        kept.pop("TIDELAB_RUNS", None)
        return kept | {
            "TIDELAB_DATA": str(self.data),
            "TIDEHUB_ADMIN": "admin",
            "TIDEHUB_PORT": str(self.port),
            "TIDEHUB_HUB_PORT": str(self.hub_port),
            "TIDEHUB_PROXY_API_URL": f"http://127.0.0.1:{self.api_port}",
            "CONFIGPROXY_AUTH_TOKEN": self._token,
            **self._settings,
        }

    def _start_proxy(self) -> None:
        command = [
            *proxy_command(),
            *(
                "--ip",
                self.host,
                "--port",
                str(self.port),
                "--api-ip",
                "127.0.0.1",
                "--api-port",
                str(self.api_port),
            ),
            *("--error-target", f"http://{self.host}:{self.hub_port}/hub/error", "--log-level", "warn"),
            *self.proxy_options,
        ]
        self.proxy_process = subprocess.Popen(
            command, env={"CONFIGPROXY_AUTH_TOKEN": self._token, "PATH": os.environ["PATH"]},
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def _answers(self) -> bool:
        assert self.hub_process is not None
        assert self.hub_process.poll() is None, f"the hub ended:\n{self.log[-3000:]}"
        with contextlib.suppress(requests.RequestException):
            # The hub's own port first: an old proxy route would answer for a hub that is gone.
            direct = requests.get(f"http://{self.host}:{self.hub_port}/hub/health", timeout=2)
            return direct.ok and requests.get(f"{self.url}hub/health", timeout=2).ok
        return False

    def _left(self) -> Iterator[psutil.Process]:
        """Yield processes that carry this data folder in their environment: servers and services of this hub."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.environ().get("TIDELAB_DATA") == str(self.data):
                    yield process


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(25)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
