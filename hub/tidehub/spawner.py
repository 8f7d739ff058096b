"""Single-user servers in embedded mode: one local process per person and use case."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from jupyterhub.spawner import SimpleLocalProcessSpawner, SpawnException
from jupyterhub.utils import random_port
from tornado.httpclient import AsyncHTTPClient
from traitlets import Any as AnyTrait
from traitlets import Float, List, Unicode

from tidehub.installation import InstallationError, install_missing
from tidehub.processes import is_same_process, started_at
from tidehub.profiles import Choice, ProfileError, choose
from tidehub.singleuser_environment import singleuser_environment
from tidelab import paths
from tidelab.catalogue import UseCase

POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4000


class StartRefusedError(SpawnException):  # type: ignore[misc]
    """A server that does not start, with the sentence for the person who asked for it.

    JupyterHub shows the message of its own `SpawnException` on some pages, and this attribute on the others.
    """

    def __init__(self, message: str, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.jupyterhub_message = message


class TideSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]
    """Starts ``python -m tidelab.workspace start`` in the lab environment, for one use case of the catalogue.

    The server's name is the use case's slug; `user_options` may name a size of server. Everything it is started with is
    derived from the catalogue as it is on disk at that moment.
    """

    catalogue = AnyTrait(None, config=True, help="Callable that returns the catalogue as it is now")
    proxy_url = Unicode(
        "", config=True, help="Address of the proxy as this machine reaches it, with a slash at the end"
    )
    tide_services = List(Unicode(), config=True, help="Names of the hub services that run")
    access = Unicode("local", config=True, help="How people reach the hub, for the statistics")
    answer_seconds = Float(120, config=True, help="How long a started server may take to answer")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines: list[tuple[int, str]] = []
        self._use_case: UseCase | None = None
        self._choice: Choice | None = None
        self._created: float | None = None
        self._address = ""

    # What is started

    def choose_profile(self, options: dict[str, Any]) -> None:
        """Check the person's options against the catalogue (they are user input, also over the REST API).

        Raises
        ------
        StartRefusedError
            With the sentence that the person reads.
        """
        try:
            self._use_case, self._choice = choose(self.catalogue(), self.name, options)
        except ProfileError as error:
            raise StartRefusedError(str(error), reason="profile") from None

    @property
    def home(self) -> Path:
        """The person's home folder."""
        return paths.home(self.user.name)

    @property
    def log_file(self) -> Path:
        """Where the server's output goes, apart from the hub's own log."""
        # A folder for each person: joined by a hyphen, two people's names could make one file's.
        return paths.data() / "logs" / "servers" / paths.safe_name(self.user.name) / f"{self.name}.log"

    def get_env(self) -> dict[str, str]:
        """Return the server's whole environment."""
        use_case, choice = self._profile()
        environment: dict[str, str] = super().get_env()
        return environment | singleuser_environment(
            use_case,
            choice,
            user=self.user.name,
            api_token=self.api_token,
            public_url=self.proxy_url,
            services=tuple(self.tide_services),
            access=self.access,
        )

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Leave HOME and USER to `get_env`."""
        return env

    async def start(self) -> tuple[str, int]:
        """Install what is missing, start the server and return its address once it answers."""
        use_case, choice = self._profile()
        self._lines = []
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.home.chmod(0o700)
        await self._install(("lab", use_case.stacks.analyse, *choice.stacks))
        self._say(75, f"Starting JupyterLab for {use_case.title}.")
        self.port = random_port()
        self._start_process(use_case)
        try:
            await self._wait_for_answer()
        except asyncio.CancelledError:
            # The person gave up; nobody else would end what was just started.
            await self.stop(now=True)
            raise
        self._say(100, "JupyterLab answers. Opening it.")
        return "127.0.0.1", self.port

    def _profile(self) -> tuple[UseCase, Choice]:
        if self._use_case is None or self._choice is None:
            self.choose_profile(dict(self.user_options or {}))
        assert self._use_case is not None
        assert self._choice is not None
        return self._use_case, self._choice

    async def _install(self, names: tuple[str, ...]) -> None:
        try:
            async for share, line in install_missing(names):
                self._say(int(70 * share), line)
        except InstallationError as error:
            raise StartRefusedError(str(error), reason="install", status_code=503) from None

    def _start_process(self, use_case: UseCase) -> None:
        command = [
            *(str(paths.env_python("lab")), "-m", "tidelab.workspace", "start"),
            *("--use-case", use_case.slug, "--open", use_case.notebook("analyse").file),
        ]
        self.log_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = os.open(self.log_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            self.proc = Popen(
                command,
                env=self.get_env(),
                cwd=self.home,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise StartRefusedError(
                f"JupyterLab could not be started: {error.strerror}: {command[0]}. `make run` installs what is missing.",
                reason="start",
                status_code=503,
            ) from None
        finally:
            os.close(log)
        self.pid = self.proc.pid
        self._created = started_at(self.pid)
        self._address = f"http://127.0.0.1:{self.port}{self.server.base_url}"

    async def _wait_for_answer(self) -> None:
        """Ask every 50 ms; the hub's own waiting backs off to seconds."""
        address = f"{self._address}api"
        client = AsyncHTTPClient(force_instance=True)
        try:
            for _ in range(int(self.answer_seconds / POLL_SECONDS)):
                if (status := await self.poll()) is not None:
                    raise StartRefusedError(self._why_it_ended(status), reason="start", status_code=500)
                try:
                    answer = await client.fetch(
                        address, raise_error=False, request_timeout=5, connect_timeout=1
                    )
                except OSError:
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                if answer.code < 500:
                    return
                await asyncio.sleep(POLL_SECONDS)
        finally:
            client.close()
        raise StartRefusedError(
            f"JupyterLab did not answer within {self.answer_seconds:g} seconds. The machine may be busy: try again in a "
            "minute. An admin finds the reason in the server's log.",
            reason="timeout",
            log_message=f"No answer within {self.answer_seconds:g} s; see {self.log_file}",
            status_code=504,
        )

    def _why_it_ended(self, status: int) -> str:
        """Return the sentence that the workspace printed, else the last thing that Jupyter called critical."""
        try:
            lines = self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").splitlines()
        except OSError:
            lines = []
        said = [line.removeprefix("tidelab: ") for line in lines if line.startswith("tidelab: ")]
        critical = [line.partition("] ")[2] for line in lines if line.startswith("[C ")]
        reason = (said or critical or ["An admin finds the reason in the server's log."])[-1]
        return f"JupyterLab ended while it was starting (status {status}). {reason}"

    # Progress, as the person waits

    def _say(self, percent: int, line: str) -> None:
        self.log.info("%s: %s", self._log_name, line)
        self._lines.append((percent, line))

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each line once, as it is said."""
        shown = 0
        while True:
            for percent, line in self._lines[shown:]:
                shown += 1
                yield {"progress": min(percent, 99), "message": line}
            await asyncio.sleep(0.1)

    # Survival: a server outlives the hub, and its process id may outlive the server

    def get_state(self) -> dict[str, Any]:
        """Return what a restarted hub needs to find the process again."""
        state: dict[str, Any] = super().get_state()
        # The address is for the culler: asked through the proxy, its questions would count as use.
        return state | ({"created": self._created, "address": self._address} if self.pid else {})

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the process id of an earlier hub only if it is still that process."""
        super().load_state(state)
        self._created = state.get("created")
        self._address = state.get("address", "")
        if self.pid and not is_same_process(self.pid, self._created):
            self.pid = 0

    def clear_state(self) -> None:
        """Forget the process."""
        super().clear_state()
        self._created = None
        self._address = ""

    async def poll(self) -> int | None:
        """Return None while the process runs, else its exit status."""
        if self.proc is None and self.pid and not is_same_process(self.pid, self._created):
            self.clear_state()
            return 0
        status: int | None = await super().poll()
        return status


def choose_profile(spawner: TideSpawner, options: dict[str, Any]) -> None:
    """`Spawner.apply_user_options`: the one place where options become effective."""
    spawner.choose_profile(options)
