"""``tidelab gpu run``: a command that starts when it has its lease, and whose end gives it back.

The command's process exists before the lease does: a few lines of Python that wait on a pipe and then become the command. The lease
is written for that process, so it lives exactly as long as what uses the GPU, even when this program is killed with -9: then the pipe
closes and the process ends, or the command goes on and keeps its lease until it ends.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from subprocess import Popen
from types import FrameType
from typing import Any, Final, TextIO

from tidelab.cli._output import warn
from tidelab.leases import processes
from tidelab.leases.book import Book
from tidelab.leases.environment import environment_of
from tidelab.leases.holding import take
from tidelab.leases.model import Lease, Owner, Place, Request
from tidelab.leases.words import PROMISE, of_request, of_seconds

_STUB: Final = """
import json, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
pipe = os.fdopen(int(sys.argv[1]), encoding="utf-8")
line = pipe.readline()
pipe.close()
if line.endswith("\\n"):
    os.environ.update(json.loads(line))
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{sys.argv[2]!r} cannot be started: {error.strerror}.", file=sys.stderr)
        sys.exit(126 if isinstance(error, PermissionError) else 127)
sys.exit(125)
"""
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP)


def run(book: Book, owner: Owner, request: Request, command: Sequence[str], wait_s: float | None) -> int:
    """Run a command on a lease; return its exit code (128 + signal where one ended it).

    Raises
    ------
    LeaseError
        There was no lease for it.
    """
    child, gate = _waiting(command)
    stop, lease = threading.Event(), None
    before = _pass_on(child, stop)
    try:
        place = processes.place_of(child.pid)
        lease = take(book, owner, request, place, wait_s=wait_s, on_wait=_tell, stop=stop)
        _tell_lease(lease)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # the terminal sends it to the command too, which decides
        _open_gate(gate, environment_of(lease, [state.device for state in book.devices()]))
        code = child.wait()
    finally:
        with suppress(OSError):
            gate.close()
        _finish(child)
        if lease is not None:
            book.release(lease.id, f"the command ended with status {child.returncode}")
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _waiting(command: Sequence[str]) -> tuple["Popen[bytes]", TextIO]:
    """Start the process that will become the command, and return it with the pipe it waits on."""
    inside, outside = os.pipe()
    try:
        child = Popen([sys.executable, "-I", "-S", "-c", _STUB, str(inside), *command], pass_fds=(inside,))
    finally:
        os.close(inside)
    return child, os.fdopen(outside, "w", encoding="utf-8")


def _open_gate(gate: TextIO, environment: dict[str, str]) -> None:
    """Let the process go on; one that was killed meanwhile is found by waiting for it."""
    with suppress(BrokenPipeError):
        gate.write(json.dumps(environment) + "\n")
        gate.close()


def _pass_on(child: "Popen[bytes]", stop: threading.Event) -> dict[int, Any]:
    """Hand signals that end us to the command, and leave the queue; return the handlers as they were."""

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        if child.poll() is None:
            child.send_signal(number)

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in _PASSED_ON}
    return before | {signal.SIGINT: signal.getsignal(signal.SIGINT)}


def _finish(child: "Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        child.wait()


def _tell(place: Place) -> None:
    wait = "" if place.wait_s is None else f", about {of_seconds(place.wait_s)} to go"
    warn(f"Waiting for a GPU: {place.position} of {place.of}{wait}.")


def _tell_lease(lease: Lease) -> None:
    devices = ", ".join(place.device for place in lease.held)
    simulated = " (simulated: no GPU is visible to the command)" if devices.startswith("SIM-") else ""
    warn(f"{of_request(lease.request)}: {devices}{simulated}. {PROMISE}")
