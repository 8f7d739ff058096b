"""The context of a use case's reader: in a run that executes, and when its originals are read again."""

import errno
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidelab.catalogue import UseCase
from tidelab.runs.errors import RunError
from tidelab.runs.folder import LOG_FILE, RunFolder
from tidelab.runs.hooks import Hooks
from tidelab.runs.inputs.reading import Read, ReaderContext, call_reader
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.policy import cache_file, reader_cache
from tidelab.runs.progress import Progress

SCRATCH: Final = "work"
AGAIN: Final = ".again"
"""Folder of a run in which its input is read a second time; gone afterwards."""
Tell = Callable[[str, int, int], None]


def _tell_nobody(words: str, done: int, total: int) -> None:
    """Tell nobody how far it is."""


def running_context(
    folder: RunFolder, use_case: UseCase, limits: Limits, progress: Progress, log: RunLog
) -> ReaderContext:
    """Return the context of the reader and the products of a run that executes; what they say is the run's step."""

    def tell(words: str, done: int, total: int) -> None:
        progress.update(step=f"{words} ({done:,} of {total:,})" if total else words)

    scratch = folder.path / SCRATCH
    return ReaderContext(
        folder=folder.path,
        limits=limits,
        parameters=dict(folder.request.parameters),
        log=log,
        progress=tell,
        cancelled=progress.cancelled.is_set,
        scratch=scratch,
        cache=_cache(folder, use_case) or scratch / "cache",
    )


def reading_again(
    folder: RunFolder, use_case: UseCase, limits: Limits, hooks: Hooks
) -> tuple[Read | None, Callable[[], None]]:
    """Return the reader for a second look at a run's input, and what to call when that is over; no reader where there is none."""
    if hooks.reader is None:
        return None, lambda: None
    # Not in the system's temporary folder, which is small memory in a container. One level further down than the scratch folder of a run that
    # executes: what a reader finds there it must not take for the run's own.
    above = folder.path / AGAIN
    try:
        above.mkdir(mode=0o700, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=above))
    except OSError as error:
        raise RunError(f"The input cannot be read again: {_room(error)}") from None
    context = later_context(folder, use_case, limits, scratch)

    def clean() -> None:
        context.keep_scratch = False
        context.clean()
        # Where another look is under way it is not empty.
        with suppress(OSError):
            above.rmdir()

    return call_reader(*hooks.reader, context), clean


def later_context(
    folder: RunFolder, use_case: UseCase, limits: Limits, scratch: Path, progress: Tell = _tell_nobody
) -> ReaderContext:
    """Return a context for what is done with a run after it ended; its cache is the one that the reader had."""
    return ReaderContext(
        folder=folder.path,
        limits=limits,
        parameters=dict(folder.request.parameters),
        log=RunLog(folder.path / LOG_FILE),
        progress=progress,
        cancelled=lambda: False,
        scratch=scratch,
        cache=_cache(folder, use_case) or scratch / "cache",
    )


def _room(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full. Free some space and try again."
    return (
        f"the run's folder cannot be written ({error.strerror}). Ask its owner, or analyse the images again."
    )


def _cache(folder: RunFolder, use_case: UseCase) -> Path | None:
    file = cache_file(folder.runs_root, use_case.slug, folder.request.policy)
    return reader_cache(file, use_case.slug) if file else None
