"""Whether this machine can hold a process to some folders, asked as the service asks."""

import subprocess
import sys
from typing import Final

_PROGRAM: Final = (
    "import pathlib; from tidelab.runs.landlock import confine; print(confine([pathlib.Path('/')], [], []))"
)


def can_be_held() -> bool:
    """Return whether Landlock holds a process here; asked in one of its own, which is then held."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    return not done.stdout.strip()
