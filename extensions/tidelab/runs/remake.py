"""The files of a use case made again, when what they rest on has changed: names that people gave, objects they cut apart."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tidelab.runs.append_log import words_of
from tidelab.runs.errors import RunError
from tidelab.runs.files import write_json
from tidelab.runs.folder import LOG_FILE, RunFolder
from tidelab.runs.hooks import load_hooks
from tidelab.runs.inputs.reading import ReaderContext
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.meaning import use_case_of
from tidelab.runs.own_products import Made, make_products
from tidelab.runs.processes import FileLock
from tidelab.runs.reader import SCRATCH

LOCK_FILE: Final = "products.lock"
_WAIT_S: Final = 120.0
_POLL_S: Final = 0.05


def remake_products(folder: RunFolder) -> Made:
    """Make the files of a finished run's use case again, with everything that was said of it since.

    Files appear in one step each; one that cannot be made again keeps its former state, and the manifest says so.

    Parameters
    ----------
    folder
        A run that is done; another process that makes its files at the same time is waited for.

    Raises
    ------
    RunError
        When the use case is gone, the run is not done, or nothing can be written.
    """
    use_case = use_case_of(folder)
    if use_case is None:
        raise RunError(
            f"The use case {folder.request.use_case} is gone, and with it the functions that make its files."
        )
    if folder.state().status != "done":
        raise RunError("The run is not finished; its files are made of its results.")
    scratch = folder.path / SCRATCH
    context = ReaderContext(
        folder=folder.path, limits=Limits.of(use_case), parameters=dict(folder.request.parameters), log=RunLog(folder.path / LOG_FILE),
        progress=lambda words, done, total: None, cancelled=lambda: False, scratch=scratch, cache=scratch / "cache", keep_scratch=True,
    )  # fmt: skip
    try:
        with _alone(folder):
            made = make_products(folder, use_case, load_hooks(use_case).products, context)
            manifest = {
                **folder.manifest(),
                "products": list(made.files),
                "product_problems": list(made.problems),
            }
            write_json(folder.path / "manifest.json", manifest)
    except OSError as error:
        raise RunError(words_of(error)) from None
    return made


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
