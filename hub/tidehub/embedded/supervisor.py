"""Start the proxy and the hub, keep them up, end everything together."""

import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tidehub import guard
from tidehub.embedded import family
from tidehub.embedded.children import Child
from tidehub.embedded.instance import Instance, end
from tidehub.embedded.ports import Ports
from tidelab import paths
from tidelab.environments import proxy_command

RESTARTS = 3
WITHIN_S = 120.0
READY_S = 120.0
_HUB_PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.5
_RECORD_EVERY_S = 3.0


class SupervisorError(Exception):
    """Something could not be started or kept up; the text names it, its last words and its log."""


@dataclass(frozen=True)
class Plan:
    """Where to listen: ``host`` and ``ports``; ``address`` is what people open; ``hub_host`` is where the hub listens.

    ``by_host``: each person has an address of their own (`Settings.subdomain_host`), so the proxy looks at host names too.
    """

    host: str
    ports: Ports
    address: str
    hub_host: str = "127.0.0.1"
    by_host: bool = False


class Supervisor:
    """The processes of embedded mode."""

    def __init__(self, plan: Plan, instance: Instance) -> None:
        self._plan = plan
        self._instance = instance
        self._address = ""
        self._stopping = False
        logs = private_folder(paths.data() / "logs")
        folder = private_folder(paths.data() / "hub")
        token = secrets.token_hex(32)  # of this start alone: both who need it are started by us
        self._proxy = Child(
            "proxy", _guarded(command_of_proxy(plan)), environment_of_proxy(token), folder, logs
        )
        self._hub = Child("hub", _guarded(command_of_hub()), environment_of_hub(plan, token), folder, logs)

    def start(self) -> None:
        """Start both and return when a page can be opened; raises `SupervisorError`."""
        family.adopt_orphans()
        self._proxy.start()
        self._hub.start()
        self._record()
        deadline = time.monotonic() + READY_S
        direct = f"http://{self._plan.hub_host}:{self._plan.ports.hub}/hub/health"
        through = f"http://{_local(self._plan.host)}:{self._plan.ports.public}/hub/health"
        while not (answers(direct) and answers(through)):
            for child in (self._proxy, self._hub):
                if child.exit_code is not None:
                    _give_up(child, f"{child.how_it_ended()} while it started")
            if time.monotonic() > deadline:
                _give_up(self._hub, f"did not answer within {READY_S:.0f} seconds")
            time.sleep(0.2)
        self._address = self._plan.address
        self._record()

    def watch(self) -> NoReturn:
        """Keep both up until an exception (`KeyboardInterrupt`) or a failure ends this; raises `SupervisorError`."""
        recorded = time.monotonic()
        while True:
            time.sleep(_LOOK_EVERY_S)
            family.reap({self._proxy.pid, self._hub.pid})
            if self._proxy.exit_code is not None:
                self._restart(self._proxy)
                self._hub.stop(
                    _HUB_PATIENCE_S
                )  # a new proxy knows no routes; a hub that starts gives it all of them
            if self._hub.exit_code is not None:
                end(family.orphaned_services())
                self._restart(self._hub)
            if time.monotonic() - recorded > _RECORD_EVERY_S:
                self._record()
                recorded = time.monotonic()

    def stop(self) -> int:
        """End everything that descends from us: the hub first, so that it can note what stops; return how many were left."""
        self._hub.stop(_HUB_PATIENCE_S)
        self._proxy.stop(5.0)
        left = end(family.descendants())
        family.reap(set())
        return left

    def _restart(self, child: Child) -> None:
        reason = f"{child.how_it_ended()}. Its last words: {child.last_words()}"
        if child.starts_within(WITHIN_S) > RESTARTS:
            _give_up(child, f"ended {RESTARTS + 1} times within {WITHIN_S:.0f} seconds")
        print(
            f"The {child.name} {reason}\n  Starting it again. People's servers go on.",
            file=sys.stderr,
            flush=True,
        )
        child.start()

    def _record(self) -> None:
        self._instance.record(self._address, family.descendants())


def private_folder(folder: Path) -> Path:
    """Make a folder that its owner alone may open, if it is not there; return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def answers(url: str) -> bool:
    """Whether an address answers 200 within two seconds."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # a company proxy has no business on 127.0.0.1
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _give_up(child: Child, what: str) -> NoReturn:
    raise SupervisorError(
        f"The {child.name} {what}.\n  Its last words: {child.last_words()}\n  Its log: {child.log_file}"
    )


def _local(host: str) -> str:
    plain = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 (a comparison, nothing is bound here)
    return f"[{plain}]" if ":" in plain else plain


def _guarded(command: list[str]) -> list[str]:
    """Return a command whose process the kernel ends when we are killed; its process id stays its own."""
    return [sys.executable, str(Path(guard.__file__)), *command]


def command_of_proxy(plan: Plan) -> list[str]:
    """Return the command of the proxy, which listens where the plan says."""
    ports = plan.ports
    return [
        *proxy_command(),
        *("--ip", plan.host, "--port", str(ports.public)),
        *("--api-ip", "127.0.0.1", "--api-port", str(ports.api)),
        *("--error-target", f"http://{plan.hub_host}:{ports.hub}/hub/error"),
        *("--log-level", "warn"),
        *(["--host-routing"] if plan.by_host else []),
    ]


def environment_of_proxy(token: str) -> dict[str, str]:
    """Return all that the proxy is told; it needs nothing of ours but the token."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "NO_COLOR": "1", "CONFIGPROXY_AUTH_TOKEN": token}


def command_of_hub() -> list[str]:
    """Return the command of the hub."""
    return [
        sys.executable,
        "-m",
        "jupyterhub",
        "--config",
        str(paths.checkout() / "hub" / "jupyterhub_config.py"),
    ]


def environment_of_hub(plan: Plan, token: str) -> dict[str, str]:
    """Return the hub's environment: the supervisor's, with where the plan says that proxy and hub listen."""
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "TIDELAB_DATA": str(paths.data()),
        "TIDEHUB_HOST": plan.host,
        "TIDEHUB_PORT": str(plan.ports.public),
        "TIDEHUB_HUB_PORT": str(plan.ports.hub),
        "TIDEHUB_PROXY_API_URL": f"http://127.0.0.1:{plan.ports.api}",
        "CONFIGPROXY_AUTH_TOKEN": token,
    }
