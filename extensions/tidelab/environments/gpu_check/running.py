"""Runs one short command that may hang for ever."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_OUTPUT_BYTES = 200_000
END_S = 2.0


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its status (None: it did not end in time), and the beginning of what it said."""

    status: int | None
    output: str
    errors: str


def run(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Outcome:
    """Run a command with a time limit; raises `OSError` where it cannot be started.

    The output goes to files, not pipes: a process that waits for a broken card cannot be killed, and nobody may wait for
    the end of its pipe either.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
        status: int | None = None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        said = []
        for stream in (output, errors):
            stream.seek(0)
            said.append(stream.read(MAX_OUTPUT_BYTES).decode(errors="replace"))
        return Outcome(status, *said)
