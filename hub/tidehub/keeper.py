"""The service `keeper`: starts the other services at once, keeps each one up, ends them together.

The hub starts it and nothing else; a service that cannot start is tried again with growing pauses and stops nobody. What
each one prints is in ``<data>/logs/<service>.log``.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from tidehub import guard
from tidehub.embedded.children import Child
from tidehub.services import PLAN_VARIABLE
from tidelab import paths

LOOK_EVERY_S = 0.5
LONGEST_PAUSE_S = 60.0
STEADY_S = 60.0
PATIENCE_S = 10.0
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "TMPDIR")
log = logging.getLogger("keeper")


class Kept:
    """One service: started again after a pause that doubles each time it ends early."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._failures = 0
        self._started = 0.0
        self._next = 0.0
        self._running = False

    def look(self, now: float) -> None:
        """Start it if it is due, note if it ended."""
        if self._running and self.child.exit_code is not None:
            self._running = False
            self._failures = 0 if now - self._started > STEADY_S else self._failures + 1
            pause = min(LONGEST_PAUSE_S, 2.0**self._failures)
            self._next = now + pause
            words = self.child.last_words()
            log.warning("%s ended (status %s): %s", self.child.name, self.child.exit_code, words)
            log.warning(
                "%s is started again in %.0f s; its log: %s", self.child.name, pause, self.child.log_file
            )
        if not self._running and now >= self._next:
            self._started, self._running = now, True
            try:
                self.child.start()
            except OSError as error:
                self._running = False
                self._failures += 1
                self._next = now + min(LONGEST_PAUSE_S, 2.0**self._failures)
                log.warning("%s cannot be started: %s", self.child.name, error)


def read_plan(text: str) -> list[Kept]:
    """Return the services of a plan, not yet started."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    plan: list[dict[str, Any]] = json.loads(text)
    return [Kept(_child(entry, inherited)) for entry in plan]


def _child(entry: dict[str, Any], inherited: dict[str, str]) -> Child:
    # Through the guard: a keeper that is killed leaves nothing behind either.
    command = [entry["command"][0], str(Path(guard.__file__)), *entry["command"]]
    environment = inherited | entry["environment"] | {"PYTHONUNBUFFERED": "1"}
    return Child(entry["name"], command, environment, paths.data(), paths.data() / "logs")


def keep(services: list[Kept], stop: threading.Event) -> None:
    """Look after the services until told to stop, then end all of them at once."""
    while not stop.wait(LOOK_EVERY_S):
        for service in services:
            service.look(time.monotonic())
    enders = [threading.Thread(target=service.child.stop, args=(PATIENCE_S,)) for service in services]
    for ender in enders:
        ender.start()
    for ender in enders:
        ender.join()


def main() -> int:
    """Start the service; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="[keeper] %(message)s", stream=sys.stdout)
    plan = os.environ.pop(PLAN_VARIABLE, "")
    if not plan:
        print("The keeper is started by the hub, which tells it what to keep.", file=sys.stderr)
        return 2
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    keep(read_plan(plan), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
