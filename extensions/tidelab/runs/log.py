"""The log of a run: sentences with their time, for a person who asks why; tracebacks stand here and nowhere else."""

import os
import traceback
from pathlib import Path

from tidelab.runs.progress import now


def no_link(path: str, flags: int) -> int:
    """Open a file of a run for writing (an opener of `open`): not through a link, which could lead to another's file, nor into a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)


class RunLog:
    """Appends to ``log.txt``.

    Parameters
    ----------
    path
        The file; earlier attempts of the same run stay in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, sentence: str) -> None:
        """Add one line; a log that cannot be written stops nothing."""
        try:
            with open(self._path, "a", encoding="utf-8", errors="backslashreplace", opener=no_link) as stream:
                stream.write(f"{now()} {sentence}\n")
        except OSError:
            return

    def error(self, sentence: str, error: BaseException) -> None:
        """Add a sentence and the traceback behind it."""
        self.write(f"{sentence}:\n{''.join(traceback.format_exception(error)).rstrip()}")
