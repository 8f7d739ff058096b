"""All processes that descend from the supervisor, including those whose own parent is gone."""

import contextlib
import ctypes
import os
from collections.abc import Container

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Make every orphan among our descendants our child, as init would; Linux only.

    A hub that dies leaves servers and services behind. As our children they stay known, and Ctrl-C ends them too.
    """
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return False


def descendants() -> list[psutil.Process]:
    """Return every process below this one."""
    return list(psutil.Process().children(recursive=True))


def reap(own: Container[int | None]) -> None:
    """Clear adopted processes that have ended; ``own`` are the children that somebody else waits for."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
            if process.pid not in own and process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)


def orphaned_services() -> list[psutil.Process]:
    """Return services of a hub that died: they hold ports that the next hub's services need.

    People's servers are not among them: the next hub takes those over as they are.
    """
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("JUPYTERHUB_SERVICE_NAME"):
                found.append(process)
    return found
