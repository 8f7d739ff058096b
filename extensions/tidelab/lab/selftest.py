"""Starts the GPU's test in the background, keeps its result, and says where it stands."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidelab import paths
from tidelab.lab.answers import number, text
from tidelab.lab.identity import Identity

MAX_BYTES = 100_000
SECONDS = 15 * 60.0
"""Longest time of a whole test; each look has a limit of its own, so this is only for what nobody thought of."""
_LEVELS = ("none", "simulated", "ok", "warning", "failed")


class SelfTest:
    """The test of one server.

    Parameters
    ----------
    who
        The server.
    folder
        Jupyter's runtime folder; the result lies there, in a file of this server's own.
    kernels
        Gives kernel -> interpreter, called when a test starts.
    """

    def __init__(
        self,
        who: Identity,
        folder: Path,
        kernels: Callable[[], Mapping[str, str]],
        log: logging.Logger,
        seconds: float = SECONDS,
    ) -> None:
        self._who, self._file, self._kernels, self._log, self._seconds = (
            who,
            folder / f"tidelab-gpu-{paths.safe_name(who.server)}.json",
            kernels,
            log,
            seconds,
        )
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._result: Mapping[str, Any] = {}
        # A result of an earlier server in the same home says nothing about this one.
        self._file.unlink(missing_ok=True)

    @property
    def runs(self) -> bool:
        """Whether a test is being made."""
        return self._task is not None and not self._task.done()

    @property
    def can_run(self) -> bool:
        """Whether there is anything to test, and no test is being made."""
        return bool(self._who.lease) and not self._who.simulated and not self.runs

    def start(self) -> bool:
        """Begin a test unless one is being made, or there is nothing to test; returns whether it began."""
        if not self._who.lease or self.runs:
            return False
        self._task = asyncio.get_running_loop().create_task(self._run())
        return True

    def shown(self) -> dict[str, Any] | None:
        """Return the state in words; None for a server without GPU."""
        if not self._who.lease:
            return None
        if self.runs:
            return {
                "level": "running",
                "text": "The GPU is being tested. A cold framework takes a minute.",
                "details": [],
                "checked": None,
            }
        if self._trouble:
            return {"level": "failed", "text": self._trouble, "details": [], "checked": None}
        if not self._result:
            return {"level": "", "text": "The GPU was not tested yet.", "details": [], "checked": None}
        return dict(self._result)

    async def _run(self) -> None:
        self._trouble, self._result = "", {}
        command = [sys.executable, "-m", "tidelab.environments.gpu_check", "--out", str(self._file)]
        command += [
            word for name, python in self._kernels().items() for word in ("--kernel", f"{name}={python}")
        ]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTERHUB_", "JPY_"))
        }
        environment.pop("MLFLOW_TRACKING_TOKEN", None)
        process: asyncio.subprocess.Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            await asyncio.wait_for(process.wait(), self._seconds)
            self._result = read_result(self._file)
            if not self._result:
                self._trouble = f"The test of the GPU ended without a result (status {process.returncode}). Test again; if it stays so, tell your admin."
            self._log.info("GPU test: %s", self._result.get("text", self._trouble))
        except TimeoutError:
            self._trouble = f"The test of the GPU did not end within {self._seconds / 60:.0f} minutes: the driver or the card may hang. Tell your admin; your work can go on on CPU."
        except OSError as error:
            self._trouble = f"The test of the GPU could not be started ({error.strerror})."
        finally:
            if process is not None and process.returncode is None:
                process.kill()


def read_result(file: Path) -> dict[str, Any]:
    """Return the result in a file; empty where it is not one."""
    try:
        raw = file.read_bytes()[: MAX_BYTES + 1]
        found = json.loads(raw) if len(raw) <= MAX_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("level") not in _LEVELS or not text(found.get("text")):
        return {}
    details = found.get("details")
    return {
        "level": found["level"],
        "text": text(found["text"]),
        "details": [text(line) for line in details[:16] if text(line)] if isinstance(details, list) else [],
        "checked": number(found.get("checked")),
    }


def kernel_interpreters(specs: Mapping[str, Any], prefix: str = "tidelab-") -> dict[str, str]:
    """Return display name -> interpreter of the stacks' kernels, from Jupyter's kernel specifications."""
    found = {}
    for name, entry in sorted(specs.items()):
        spec = entry.get("spec", {}) if isinstance(entry, Mapping) else {}
        argv: Sequence[Any] = spec.get("argv") or ()
        if name.startswith(prefix) and argv and isinstance(argv[0], str) and Path(argv[0]).is_file():
            found[str(spec.get("display_name") or name).replace("=", "-")] = argv[0]
    return found
