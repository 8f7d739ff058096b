"""A child process of the supervisor: started in a session of its own, its output in a rotating log."""

import contextlib
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

_LOG_BYTES = 5_000_000
_LOG_FILES = 5
_MEANINGFUL = re.compile(r"\b(CRITICAL|ERROR|Traceback|\w+(Error|Exception))\b|\[[EC] ")


class Child:
    """One long-lived program.

    A session of its own keeps Ctrl-C for the supervisor, which then ends its children in order.
    """

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], cwd: Path, logs: Path
    ) -> None:
        self.name = name
        self.log_file = logs / f"{name}.log"
        self._command = command
        self._environment = dict(environment)
        self._cwd = cwd
        self._tail: deque[str] = deque(maxlen=200)
        self._starts: deque[float] = deque(maxlen=16)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._logger = _file_logger(self.log_file)

    @property
    def pid(self) -> int | None:
        """Process id, or None before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """What it ended with, or None while it runs."""
        return self._process.poll() if self._process else None

    def how_it_ended(self) -> str:
        """Return in words how it ended: by an exit code, or by whose signal."""
        code = self.exit_code
        if code is not None and code < 0:
            return f"was ended from outside ({signal.Signals(-code).name}; the system does that when memory runs out)"
        return f"ended (exit code {code})"

    def start(self) -> None:
        """Start it (again)."""
        self._starts.append(time.monotonic())
        self._tail.clear()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            cwd=self._cwd,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._keep, args=(self._process,), daemon=True)
        self._reader.start()

    def starts_within(self, seconds: float) -> int:
        """Return how often it was started in the last ``seconds``."""
        since = time.monotonic() - seconds
        return sum(1 for start in self._starts if start >= since)

    def stop(self, patience_s: float) -> None:
        """Ask it to end, insist after ``patience_s`` seconds."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_words(self) -> str:
        """Return the last line that reads like a reason, else the last line at all."""
        if self._reader is not None:
            self._reader.join(timeout=1)
        lines = [line for line in self._tail if line.strip()]
        reasons = [line for line in lines if _MEANINGFUL.search(line) and not line.startswith("Traceback")]
        return (reasons or lines or ["(it said nothing)"])[-1].strip()[:400]

    def _keep(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        # A grandchild may keep the pipe open after the child's end; then the pipe closes with the supervisor.
        with contextlib.suppress(ValueError):
            for line in process.stdout:
                self._tail.append(line.rstrip("\n"))
                self._logger.info(line.rstrip("\n"))


def _file_logger(file: Path) -> logging.Logger:
    os.close(os.open(file, os.O_CREAT | os.O_APPEND, 0o600))
    handler = RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.Logger(
        f"tidehub.embedded.{file.stem}"
    )  # not in the global tree: nothing else writes to it
    logger.addHandler(handler)
    return logger
