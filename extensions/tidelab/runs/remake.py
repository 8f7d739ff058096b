"""The files of a use case made again, when what they rest on has changed: names that people gave, objects they cut apart."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any, Final

from tidelab.catalogue import UseCase
from tidelab.runs.append_log import words_of
from tidelab.runs.errors import RunError
from tidelab.runs.finished import inside
from tidelab.runs.folder import RunFolder
from tidelab.runs.hooks import load_hooks
from tidelab.runs.limits import Limits
from tidelab.runs.meaning import use_case_of
from tidelab.runs.own_products import FOLDER, RESTS_ON, Made, make_products, words_of_people
from tidelab.runs.processes import FileLock
from tidelab.runs.products import write_provenance
from tidelab.runs.progress import now
from tidelab.runs.reader import SCRATCH, Tell, later_context

LOCK_FILE: Final = "products.lock"
when_remade: Final[list[Callable[[RunFolder], object]]] = []
"""Called with the run after its files were made again in this process, whoever asked for it."""
_WAIT_S: Final = 120.0
_POLL_S: Final = 0.05


def remake_products(folder: RunFolder, progress: Tell | None = None) -> Made:
    """Make the files of a finished run's use case again, with everything that was said of it since.

    Files appear in one step each. The files of a function that fails stay as they are, marked in manifest and README as older; manifest,
    README and RO-Crate then say what lies there.

    Parameters
    ----------
    folder
        A run that is done; another process that makes its files at the same time is waited for.
    progress
        Called with words, how many are done and how many there are (0: not known).

    Returns
    -------
    Made
        What was made; its `problems` say what could not be.

    Raises
    ------
    RunError
        When the use case is gone or makes no files of its own, the run is not done, or nothing can be written.
    """
    use_case = use_case_of(folder)
    if use_case is None:
        raise RunError(
            f"The use case {folder.request.use_case} is gone, and with it the functions that make its files."
        )
    if folder.state().status != "done":
        raise RunError("The run is not finished; its files are made of its results.")
    if not use_case.task.products:
        raise RunError(
            f"The use case {use_case.slug} makes no files of its own; tables and exports are made of the names in force when they are asked for."
        )
    try:
        with _alone(folder):
            made = _remake(folder, use_case, progress)
    except OSError as error:
        raise RunError(words_of(error)) from None
    for tell in when_remade:
        tell(folder)
    return made


def _remake(folder: RunFolder, use_case: UseCase, progress: Tell | None) -> Made:
    scratch = folder.path / SCRATCH
    # A reader that keeps it needs it again; otherwise it goes as at the end of a run.
    kept = scratch.exists()
    context = later_context(folder, use_case, Limits.of(use_case), scratch, *([progress] if progress else []))
    before = folder.manifest()
    said = words_of_people(folder)
    try:
        made = make_products(folder, use_case, load_hooks(use_case).products, context)
    finally:
        if not kept:
            shutil.rmtree(scratch, ignore_errors=True)
    former = [row for row in before.get("products", ()) if isinstance(row, Mapping)]
    whole = Made([*made.files, *_left(former, made)], made.problems)
    manifest = {**before, **whole.manifest(), RESTS_ON: said, "products_made": now()}
    manifest.pop("ro_crate_problem", None)
    write_provenance(folder.path, use_case, manifest, folder.verdict(), context.log)
    _remove_others(folder, former, whole)
    context.log.write(
        f"The files of the use case were made again: {len(made.files)}; not made: {len(made.problems)}."
    )
    return whole


def _left(former: list[Mapping[str, Any]], made: Made) -> Iterator[dict[str, Any]]:
    """Yield the rows of files whose function failed now and that lie there from before."""
    taken = {row["file"] for row in made.files}
    for row in former:
        if row.get("made_by") in made.problems and row.get("file") not in taken:
            yield {**row, "stale": True}


def _remove_others(folder: RunFolder, former: list[Mapping[str, Any]], whole: Made) -> None:
    """Remove files that a function made before and does not make any more: nothing would say that they are old."""
    kept = {row["file"] for row in whole.files}
    for row in former:
        if row.get("file") in kept:
            continue
        with suppress(OSError, ValueError, KeyError):
            name = inside(str(PurePosixPath(str(row["file"])).relative_to(FOLDER)))
            (folder.path / FOLDER / name).unlink()


@contextmanager
def _alone(folder: RunFolder) -> Iterator[None]:
    lock = FileLock(folder.path / LOCK_FILE)
    until = time.monotonic() + _WAIT_S
    while not lock.acquire():
        if time.monotonic() > until:
            raise RunError(
                "Somebody else makes the files of this run and takes unusually long. Try again later."
            )
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()
