"""What may be written, and how much of the machine one server can take: files, processes, memory."""

import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

from .core import attempt, once, write

MOST_PROCESSES = 6000


@attempt
def files_of_the_image(given: dict[str, Any]) -> str:
    return once(
        [
            write(path)
            for path in (
                "/",
                "/opt",
                "/opt/tidelab",
                "/opt/tidelab-envs",
                "/usr/bin",
                "/etc",
                "/var/tmp",
                "/home",
            )
        ]
    )


@attempt
def shared_data(given: dict[str, Any]) -> str:
    return once([write(path) for path in given["read_only"]])


@attempt
def ones_own_home(given: dict[str, Any]) -> str:
    """The control."""
    return "allowed" if write(os.environ["HOME"]) == "done" else "not writable"


@attempt
def temporary_files(given: dict[str, Any]) -> str:
    """Fill /tmp and shared memory, up to a bound far above their limits; a program there gains nothing."""
    said = []
    for folder in ("/tmp", "/dev/shm"):
        file, block, written = Path(folder) / f".tidelab-probe-{os.getpid()}", bytes(8 * 1024**2), 0
        try:
            with file.open("wb", buffering=0) as stream:
                while written < given["tmp_bound"]:
                    written += stream.write(block)
            said.append(f"{folder}: no limit")
        except OSError as error:
            said.append("full" if error.errno == errno.ENOSPC else str(error))
        finally:
            file.unlink(missing_ok=True)
    return once(said)


@attempt
def fork_bomb(given: dict[str, Any]) -> str:
    """At most `MOST_PROCESSES` small programs that only wait; all are ended."""
    children: list[int] = []
    stopped = "no limit"
    try:
        while len(children) < MOST_PROCESSES:
            # Not copies of this process: a thousand of those would meet the limit of memory first.
            children.append(os.posix_spawn("/bin/sleep", ["sleep", "120"], {}))
    except OSError as error:
        stopped = "stopped at the limit" if error.errno == errno.EAGAIN else str(error)
    time.sleep(given.get("bomb_s", 1.0))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)
    return stopped


@attempt
def memory_bomb(given: dict[str, Any]) -> str:
    """A child asks for twice what the server has, page by page; the bound keeps a server without a limit from harm."""
    pid = os.fork()
    if pid == 0:
        Path("/proc/self/oom_score_adj").write_text("1000")
        held = []
        for _ in range(given["memory_bound"] // (16 * 1024**2)):
            held.append(b"\x01" * (16 * 1024**2))
        os._exit(0)
    _, ended = os.waitpid(pid, 0)
    return "killed alone" if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL else "no limit"
