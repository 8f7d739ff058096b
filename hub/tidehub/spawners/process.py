"""Single-user servers in embedded mode: one local process per person and use case."""

import os
from subprocess import DEVNULL, Popen
from typing import Any

from jupyterhub.spawner import SimpleLocalProcessSpawner
from jupyterhub.utils import random_port

from tidehub.installation import InstallationError, install_missing
from tidehub.processes import is_same_process, started_at
from tidehub.profiles import Choice
from tidehub.spawners.refused import StartRefusedError
from tidehub.spawners.start import TideStart
from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.leases import processes


class TideSpawner(TideStart, SimpleLocalProcessSpawner):  # type: ignore[misc]
    """Starts ``python -m tidelab.workspace start`` in the lab environment, for one use case of the catalogue."""

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Leave HOME and USER to `get_env`."""
        return env

    async def _prepare(self, use_case: UseCase, choice: Choice) -> None:
        """Install the stacks that are not here yet."""
        try:
            async for share, line in install_missing(("lab", use_case.stacks.analyse, *choice.stacks)):
                self._say(int(60 * share), line)
        except InstallationError as error:
            raise StartRefusedError(str(error), reason="install", status_code=503) from None

    async def _launch(self, use_case: UseCase, choice: Choice) -> tuple[str, int]:
        """Start the process."""
        self.port = random_port()
        self._start_process(use_case)
        self._pid, self._created = self.pid, started_at(self.pid)
        self._address = f"http://127.0.0.1:{self.port}{self.server.base_url}"
        await self._use_gpu(processes.place_of(self.pid))
        return "127.0.0.1", self.port

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

    async def _undo(self) -> None:
        """End the process, give back the GPU."""
        if self.pid:
            await super().stop(now=True)
        await self._give_back_gpu("the start did not succeed")

    async def stop(self, now: bool = False) -> None:
        """End the process, then give back the GPU."""
        await super().stop(now)
        await self._give_back_gpu("stopped")

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the process id of an earlier hub only if it is still that process."""
        super().load_state(state)
        if self.pid and not is_same_process(self.pid, self._created):
            self.pid = 0

    async def poll(self) -> int | None:
        """Return None while the process runs, else its exit status."""
        status: int | None
        if self.proc is None and self.pid and not is_same_process(self.pid, self._created):
            self.clear_state()
            status = 0
        else:
            status = await super().poll()
        if status is not None and not self._starting:
            await self._give_back_gpu("its process ended")
        return status
