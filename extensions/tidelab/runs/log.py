"""The log of a run: sentences with their time, for a person who asks why; tracebacks stand here and nowhere else."""

import traceback
from pathlib import Path

from tidelab.runs.progress import now


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
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(f"{now()} {sentence}\n")
        except OSError:
            return

    def error(self, sentence: str, error: BaseException) -> None:
        """Add a sentence and the traceback behind it."""
        self.write(f"{sentence}:\n{''.join(traceback.format_exception(error)).rstrip()}")
