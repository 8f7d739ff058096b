"""Tidelab as `make run` starts it, for tests: own data folder, own ports, ended with all it started."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

from tidehub.services import free_port
from tidelab import paths

READY_S = 150
END_S = 60


class Embedded:
    """A supervisor with proxy and hub.

    Attributes: ``address`` (with a slash at the end), ``user``, ``password`` (None when the data folder had one before), ``data``,
    ``output`` (what it printed).
    """

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.output = ""
        self.address = ""
        self.user: str | None = None
        self.password: str | None = None
        self._environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "TIDELAB_DATA": str(data),
            "TIDEHUB_PORT": str(free_port()),
            **environment,
        }
        self._environment.pop("TIDELAB_RUNS", None)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it and wait for the address."""
        self.process = subprocess.Popen(
            [str(paths.env_python("hub")), "-m", "tidehub.embedded"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        deadline = time.monotonic() + READY_S
        while "Ctrl-C ends" not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(f"Tidelab did not start:\n{self.output}\n{self.logs()}")
            time.sleep(0.1)
        self.address = re.search(r"ready:\s+(\S+)", self.output).group(1)  # type: ignore[union-attr]
        found = re.search(r"^  user +(\S+)\n  password +(\S+)", self.output, re.MULTILINE)
        if found:
            self.user, self.password = found.groups()
        return self

    def __exit__(self, *_: object) -> None:
        """End it as Ctrl-C does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(
                f"Tidelab did not end within {END_S} s:\n{self.output}\n{self.logs()}"
            ) from None

    def logs(self, lines: int = 60) -> str:
        """Return the end of each log, for the message of a failed test."""
        ends = []
        for file in sorted((self.data / "logs").glob("*.log")):
            ends.append(
                f"---- {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
            )
        return "\n".join(ends)

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
