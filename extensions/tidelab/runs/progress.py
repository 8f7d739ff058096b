"""The state file of a run that executes: written at most twice a second, and as a heartbeat while nothing changes."""

import datetime
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tidelab.domain.state import RunState
from tidelab.runs.files import write_text
from tidelab.runs.processes import identity

_INTERVAL_SECONDS: Final = 0.4
_HEARTBEAT_SECONDS: Final = 2.0
STATE_FILE: Final = "state.json"
CANCEL_FILE: Final = "cancel"


def now() -> str:
    """Return the time in ISO 8601, UTC, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_state(folder: Path, state: RunState) -> None:
    """Replace the state file of a run."""
    write_text(folder / STATE_FILE, state.model_dump_json(indent=2) + "\n", durable=state.is_over)


class Progress:
    """Keeps ``state.json`` true while the block runs, from a thread of its own, so a long step does not look like a dead run.

    Parameters
    ----------
    folder
        The run's folder.
    own_process
        Whether this process does nothing but this run.
    cancelled
        Set when the person asks to stop; the file ``cancel`` in the folder sets it too.
    """

    def __init__(self, folder: Path, *, own_process: bool, cancelled: threading.Event | None = None) -> None:
        self._folder = folder
        self._state = RunState(
            status="queued",
            started=now(),
            pid=os.getpid(),
            process=identity(os.getpid()),
            own_process=own_process,
        )
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._changed = True
        self.cancelled = cancelled or threading.Event()
        self._thread = threading.Thread(target=self._beat, name="run-progress", daemon=True)

    def __enter__(self) -> "Progress":
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt()

    @property
    def state(self) -> RunState:
        """The state as it is now."""
        with self._lock:
            return self._state

    def update(self, **fields: Any) -> None:
        """Change fields of the state; the file follows within half a second."""
        with self._lock:
            self._state = self._state.model_copy(update=fields)
            self._changed = True

    def finish(self, **fields: Any) -> None:
        """Write the last state, before anything may read the run as over."""
        self._halt()
        self.update(finished=now(), **fields)
        self._write()

    def _halt(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        since = 0.0
        while not self._stop.wait(_INTERVAL_SECONDS):
            since += _INTERVAL_SECONDS
            if (self._folder / CANCEL_FILE).exists():
                self.cancelled.set()
            if self._changed or since >= _HEARTBEAT_SECONDS:
                since = 0.0
                with suppress(
                    OSError
                ):  # a full disk ends the run where it writes its results, with a sentence
                    self._write()

    def _write(self) -> None:
        with self._lock:
            self._changed = False
            state = self._state.model_copy(update={"updated": now()})
        write_state(self._folder, state)
