"""What a use case's reader is given, and how it is called: once when a run looks at its files, again when originals are asked for."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog

Read = Callable[[Sequence[Path], Collection], None]
"""A reader that knows its context."""


@dataclass
class ReaderContext:
    """Where a reader works and how it tells how far it is.

    Parameters
    ----------
    folder
        Of the run.
    limits
        Of one run; a reader that opens files obeys them.
    parameters
        Of the notebook `analyse`, checked.
    log
        Of the run: sentences.
    progress
        Called with words, how many are done and how many there are (0: not known), e.g. ``("Reading scan 3", 2, 12)``.
    cancelled
        Whether the person asked to stop; a reader looks now and then and raises `tidelab.runs.errors.RunCancelled`.
    scratch
        A private folder below the run, removed when the run ends unless the reader sets `keep_scratch`.
    cache
        A folder of the person's for what a reader computed of an input. Name what is kept there by the digest of the input and the
        version of the code, write it in one step, and believe nothing that lies there half. Clearing it costs time and nothing else.
    keep_scratch
        Set by a reader whose products or pages need what lies in `scratch` later.
    """

    folder: Path
    limits: Limits
    parameters: dict[str, Any]
    log: RunLog
    progress: Callable[[str, int, int], None]
    cancelled: Callable[[], bool]
    scratch: Path
    cache: Path
    keep_scratch: bool = field(default=False)

    def stop_if_cancelled(self) -> None:
        """Raise `RunCancelled` when the person asked to stop."""
        if self.cancelled():
            raise RunCancelled

    def clean(self) -> None:
        """Remove the scratch folder, unless it is to be kept."""
        if not self.keep_scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


def call_reader(
    name: str, reader: Callable[[Sequence[Path], Collection, ReaderContext], None], context: ReaderContext
) -> Read:
    """Return the reader with its context and with its errors in words.

    Parameters
    ----------
    name
        As the use case declares it.
    reader
        The function.
    context
        Of the run.

    Returns
    -------
    callable
        Raises `RunError` naming the reader for whatever it raises (but `RunError`, `RunCancelled`, and a full disk).
    """

    def read(given: Sequence[Path], collection: Collection) -> None:
        try:
            for place in (context.scratch, context.cache):
                place.mkdir(parents=True, exist_ok=True, mode=0o700)
            reader(given, collection, context)
        except (RunError, RunCancelled, OSError):
            raise
        except InputError as error:
            raise RunError(f"The input cannot be read: {error}") from None
        except (Exception, SystemExit) as error:
            context.log.error(f"The reader {name} failed", error)
            text = " ".join(str(error).split())[:300] or type(error).__name__
            raise RunError(
                f"The input could not be read: the use case's reader {name} failed ({type(error).__name__}: {text}). log.txt in the "
                "run's folder says where: send it to the maintainers of the use case."
            ) from None

    return read
