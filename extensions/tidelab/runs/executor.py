"""Where a run executes: in this process, or in one of its own that outlives whoever started it."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Literal, Protocol

from tidelab import paths
from tidelab.catalogue import CatalogueError
from tidelab.domain.state import RunState
from tidelab.runs.errors import RunError
from tidelab.runs.files import write_json
from tidelab.runs.folder import LAUNCH_FILE, LOG_FILE, RunFolder
from tidelab.runs.log import no_link
from tidelab.runs.owner import HELD, ON_BEHALF, Owner, acts_for_others, require_no_links
from tidelab.runs.policy import ephemeral_hours, honest
from tidelab.runs.processes import identity
from tidelab.runs.progress import CANCEL_FILE, now, write_state

_KEPT: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "OMP_NUM_THREADS",
    "MPLCONFIGDIR",
    "XDG_CACHE_HOME",
)
_KEPT_TIDELAB: Final = (
    "TIDELAB_ROOT", "TIDELAB_STATE", "TIDELAB_ENVS", "TIDELAB_DATA", "TIDELAB_CHAMPIONS", "TIDELAB_MOUNTS", "TIDELAB_RUNS",
    "TIDELAB_CACHE", "TIDELAB_USECASES", "TIDELAB_MAX_RUNS", "TIDELAB_THREADS", "TIDELAB_RUNTIME", "TIDELAB_USAGE", "TIDELAB_PSEUDONYM", "TIDELAB_USER",
)  # fmt: skip
_POLL_SECONDS: Final = 0.1


class RunHandle:
    """A submitted run.

    Parameters
    ----------
    folder
        Its folder, which says everything; the handle may be thrown away.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait until the run is over, or for `timeout` seconds, and return its state."""
        until = None if timeout is None else time.monotonic() + timeout
        while not (state := self.folder.state()).is_over and (until is None or time.monotonic() < until):
            time.sleep(_POLL_SECONDS)
        return state


class Executor(Protocol):
    """Starts prepared runs."""

    def submit(self, folder: RunFolder) -> RunHandle:
        """Start a run, or go on with one that stopped; a run that is done stays as it is."""
        ...


class InlineExecutor:
    """Execute in the calling process; `submit` returns when the run is over."""

    def submit(self, folder: RunFolder) -> RunHandle:
        """See :meth:`Executor.submit`."""
        from tidelab.runs.execute import execute

        _admit(folder)
        if _may_start(folder):
            execute(folder)
        return RunHandle(folder)


class ProcessExecutor:
    """Execute in a process of its own: no tab, kernel or terminal ends it by ending itself."""

    def submit(self, folder: RunFolder) -> RunHandle:
        """See :meth:`Executor.submit`."""
        _admit(folder)
        if _may_start(folder):
            self._start(folder)
        return RunHandle(folder)

    def _start(self, folder: RunFolder) -> None:
        try:
            process = _launch(folder)
        except OSError as error:
            why = honest(
                f"The run could not be started: {error.strerror or error}. Try again; finished images are kept.",
                kept=ephemeral_hours(folder.path) is None,
            )
            # Nothing will ever execute it: a run that says it waits would wait for ever.
            with suppress(OSError):
                write_state(
                    folder.path, RunState(status="failed", message=why, finished=now(), updated=now())
                )
            raise RunError(why) from None
        write_json(
            folder.path / LAUNCH_FILE, {"pid": process.pid, "process": identity(process.pid)}, durable=False
        )
        # Reaped when it ends, so that no dead process stays in the table of a kernel that lives for days.
        threading.Thread(target=process.wait, name="run-reaper", daemon=True).start()


def _launch(folder: RunFolder) -> subprocess.Popen[bytes]:
    write_state(folder.path, RunState(status="queued", step="Starting", updated=now()))
    with open(folder.path / LOG_FILE, "ab", opener=no_link) as log, _handed_over(folder) as request:
        return subprocess.Popen(
            # Isolated: neither the folder nor the person's PYTHONPATH decides which code runs.
            [str(interpreter(folder)), "-I", "-m", "tidelab.runs", "execute", str(folder.path)],
            stdin=request,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=clean_environment(),
            start_new_session=True,
            close_fds=True,
        )


@contextmanager
def _handed_over(folder: RunFolder) -> Iterator[int]:
    """Give a file with the request as this process knows it; where the run's owner has the same rights, it is read from the folder."""
    if not acts_for_others():
        yield subprocess.DEVNULL
        return
    with _nameless() as stream:
        stream.write(folder.request.model_dump_json().encode("utf-8"))
        stream.seek(0)
        yield stream.fileno()


def _nameless() -> IO[bytes]:
    """Return a file that nobody else can open and that nobody has to wait for: in memory, or where the machine forbids that, without a name."""
    try:
        return os.fdopen(os.memfd_create("request", os.MFD_CLOEXEC), "r+b")
    except OSError:
        return tempfile.TemporaryFile()


def _admit(folder: RunFolder) -> None:
    """Check the request of a run where this process could open more than its owner; raises `RunError`, which is the run's state too."""
    owner = Owner.of(folder)
    if owner is None:
        return
    require_no_links(folder.path, folder.runs_root)
    try:
        folder.know(owner.to_execute(folder.request, folder))
    except (RunError, CatalogueError) as error:
        refuse(folder, str(error))
        raise RunError(str(error)) from None


def refuse(folder: RunFolder, why: str) -> None:
    """Let the state of a run that will not be executed say why; one that is over or going on stays as it is."""
    state = folder.state()
    if not state.is_over and state.pid is None and not (folder.path / LAUNCH_FILE).exists():
        write_state(folder.path, RunState(status="failed", message=why, finished=now(), updated=now()))


def get_executor(kind: Literal["inline", "process"] = "process") -> Executor:
    """Return the executor of a kind; `ValueError` for an unknown one."""
    if kind == "inline":
        return InlineExecutor()
    if kind == "process":
        return ProcessExecutor()
    raise ValueError(f"There is no executor {kind!r}; known: 'inline', 'process'.")


def clean_environment() -> dict[str, str]:
    """Return the environment of a run: places and language, and no token of the person or the service that starts it."""
    kept = {name: os.environ[name] for name in (*_KEPT, *_KEPT_TIDELAB) if name in os.environ}
    # The run says of itself what the process that starts it is: it is held to its owner's folders by that.
    bound = {ON_BEHALF: "1"} if acts_for_others() else {}
    bound |= {HELD: os.environ[HELD]} if HELD in os.environ else {}
    return {"PATH": os.defpath, "PYTHONUNBUFFERED": "1", **kept, **bound}


def interpreter(folder: RunFolder) -> Path:
    """Return the Python of the use case's `analyse` stack, or this one where that stack is not installed."""
    python = paths.env_python(folder.request.stack)
    return python if python.exists() else Path(sys.executable)


def _may_start(folder: RunFolder) -> bool:
    """Return whether there is anything to do; clears the wish to cancel of an earlier attempt."""
    _ = folder.request
    state = folder.state()
    if state.status == "done":
        return False
    if not state.is_over and (state.pid is not None or (folder.path / LAUNCH_FILE).exists()):
        raise RunError(f"Run {folder.run_id} is going on already. Wait for it, or cancel it first.")
    (folder.path / CANCEL_FILE).unlink(missing_ok=True)
    (folder.path / LAUNCH_FILE).unlink(missing_ok=True)
    return True
