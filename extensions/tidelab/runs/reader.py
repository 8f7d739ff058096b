"""The context of a use case's reader: in a run that executes, and when its originals are read again."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tidelab.catalogue import UseCase
from tidelab.runs.folder import LOG_FILE, RunFolder
from tidelab.runs.hooks import Hooks
from tidelab.runs.inputs.reading import Read, ReaderContext, call_reader
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.policy import cache_file, reader_cache
from tidelab.runs.progress import Progress

SCRATCH: Final = "work"


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
    scratch = Path(tempfile.mkdtemp(prefix="tidelab-reader-"))
    context = ReaderContext(
        folder=folder.path,
        limits=limits,
        parameters=dict(folder.request.parameters),
        log=RunLog(folder.path / LOG_FILE),
        progress=lambda words, done, total: None,
        cancelled=lambda: False,
        scratch=scratch,
        cache=_cache(folder, use_case) or scratch / "cache",
    )

    def clean() -> None:
        context.keep_scratch = False
        context.clean()

    return call_reader(*hooks.reader, context), clean


def _cache(folder: RunFolder, use_case: UseCase) -> Path | None:
    file = cache_file(folder.runs_root, use_case.slug, folder.request.policy)
    return reader_cache(file, use_case.slug) if file else None
