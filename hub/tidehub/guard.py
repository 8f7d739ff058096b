"""Starts a command that ends when the hub that started it ends, however the hub ends.

JupyterHub starts its services in sessions of their own; after ``kill -9`` of the hub they would live on, and the next
hub would start them a second time on the same database. On Linux the kernel sends the signal; elsewhere the command is
only started. Standard library only: it runs in the environment of the service.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Become the command given as arguments; returns only if there is none to become."""
    if not arguments:
        print("usage: python guard.py COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended between our start and the call
            return 0
    os.execvp(arguments[0], arguments)  # noqa: S606 (a list of arguments of our own, no shell)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
