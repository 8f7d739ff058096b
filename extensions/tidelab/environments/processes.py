"""Run pip, npm or uv: every line is logged and handed on as it comes, and nothing is left behind."""

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tidelab import paths
from tidelab.environments.errors import InstallError
from tidelab.environments.failures import explain, redact

# Settings of the person's shell that would send packages somewhere else than into the new environment.
_MISLEADING = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_CONSTRAINT",
    "PIP_REQUIREMENT",
)
_KEPT_LINES = 400


def clean_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without what would mislead pip; registry and certificate settings stay."""
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return {
        **kept,
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_USER": "0",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


@contextmanager
def install_log(name: str) -> Iterator[TextIO]:
    """Open the log of an installation, readable for its owner alone."""
    folder = paths.data() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"install-{name}.log"
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8") as log:
        yield log


def run(
    name: str,
    command: list[str],
    log: TextIO,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None] = lambda: None,
    cwd: Path | None = None,
) -> None:
    """Run one command to its end; ``on_tick`` is called twice a second.

    Raises
    ------
    InstallError
        When it cannot start or does not end with 0: what failed and what to do, with the log's place.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    kept: list[str] = []
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=clean_environment(), cwd=cwd,
        )  # fmt: skip
    except OSError as error:
        raise InstallError(
            name, f"{command[0]} cannot be started ({error.strerror}).", "check that it is installed."
        ) from None
    threading.Thread(target=_read, args=(child, lines), daemon=True).start()
    try:
        for line in _arriving(lines, on_tick):
            log.write(redact(line))
            log.flush()
            kept = [*kept[-_KEPT_LINES:], line]
            on_line(line.rstrip())
        code = child.wait()
    finally:
        _end(child)
    if code != 0:
        output = "".join(kept) + ("\nKilled" if code == -9 else "")
        raise InstallError(name, *explain(output), log=log.name)


def _read(child: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


def _arriving(lines: "queue.Queue[str | None]", on_tick: Callable[[], None]) -> Iterator[str]:
    while True:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            on_tick()
            continue
        if line is None:
            return
        yield line


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
