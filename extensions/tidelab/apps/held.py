"""Whether this machine can hold the apps' kernels to their visitors' folders: asked once by their server, whose log an administrator reads."""

import logging
import os
import subprocess
import sys
import threading
from typing import Final

from tidelab import paths

_PROGRAM: Final = (
    "import pathlib; from tidelab.runs.landlock import confine; print(confine([pathlib.Path('/')], [], []))"
)
_LIMIT_S: Final = 120.0


def why_nobody_is_held() -> str:
    """Return why not, in a few words; empty where it can.

    Asked in a process of its own, which is then held, and of the Python of the kernels: the server's has no `tidelab.runs`.
    """
    python = paths.env_python("analyse")
    try:
        done = subprocess.run(
            [str(python if python.exists() else sys.executable), "-I", "-c", _PROGRAM],
            capture_output=True, text=True, errors="replace", check=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL, env={"PATH": os.defpath},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not be asked ({type(error).__name__})"
    return done.stdout.strip()


def say_whether_held(log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> threading.Thread:
    """Begin to ask, and warn where nobody can be held; the server serves meanwhile."""

    def ask() -> None:
        if reason := why_nobody_is_held():
            log.warning(
                "Only paths are checked: this machine holds nobody to their folders: %s. See SECURITY.md.",
                reason,
            )

    asking = threading.Thread(target=ask, name="landlock-question", daemon=True)
    asking.start()
    return asking
