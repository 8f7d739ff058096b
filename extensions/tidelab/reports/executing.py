"""Executes a notebook as a report: papermill, with a kernel of the stack that needs no installed kernelspec."""

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidelab import paths

LESSON: Final = "lesson"
RUN_FILE: Final = "TIDELAB_REPORT_RUN"
"""Environment variable: file into which the notebook's `Analysis` writes the folder of its run."""
_SOCKET_PATH_LIMIT: Final = 107
_START_S: Final = 90


@dataclass(frozen=True)
class Failure:
    """A cell that failed.

    Parameters
    ----------
    step
        Heading above the cell; empty for the analysis itself, which stands below the title.
    words
        What happened, for the person.
    traceback
        For whoever is asked for help; without colours.
    """

    step: str
    words: str
    traceback: str


def execute_notebook(
    source: Path, target: Path, parameters: Mapping[str, Any], stack: str, run_file: Path
) -> tuple[Any, Failure | None]:
    """Execute a notebook's cells, lessons left out, with the values of `parameters`.

    Parameters
    ----------
    source, target
        The notebook, and where the executed one is written.
    parameters
        Values for the cell tagged ``parameters``.
    stack
        Stack whose environment the kernel runs in.
    run_file
        File that will name the folder of the run.

    Returns
    -------
    The executed notebook, complete up to the cell that failed, and that failure if there was one.
    """
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    notebook = nbformat.read(source, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if LESSON not in cell.metadata.get("tags", [])]
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="tl-") as folder, _kernel(stack, run_file) as manager:
        trimmed = Path(folder) / source.name
        nbformat.write(notebook, trimmed)
        try:
            executed = papermill.execute_notebook(
                trimmed,
                target,
                parameters=dict(parameters),
                kernel_name=manager.kernel_name,
                language="python",
                cwd=folder,
                progress_bar=False,
                start_timeout=_START_S,
                # Writing the notebook after each cell costs more than the cells; it is written at the end, whatever happens.
                request_save_on_cell_execute=False,
                # Nothing in the kernel is worth a farewell: what lasts lies in the run's folder.
                shutdown_kernel="immediate",
                km=manager,
            )
        except PapermillExecutionError as error:
            executed = nbformat.read(target, as_version=4)
            return executed, _failure(executed, error)
    return executed, None


@contextlib.contextmanager
def _kernel(stack: str, run_file: Path) -> Iterator[Any]:
    """Return a kernel manager for a stack's interpreter, over unix sockets in a short private folder."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    python = paths.env_python(stack)
    name = f"tidelab-{stack}"
    spec = KernelSpec(
        argv=[
            str(python if python.exists() else sys.executable),
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        display_name=name,
        language="python",
        env={"TIDELAB_FACE": "report", RUN_FILE: str(run_file)},
    )

    class OnlyThis(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return spec

    sockets = Path(tempfile.mkdtemp(prefix="tl-k-", dir=_short_folder()))
    manager = AsyncKernelManager(
        kernel_name=name,
        kernel_spec_manager=OnlyThis(),
        transport="ipc",
        # Named, and in a folder of its own: otherwise the sockets lie in the working directory and two reports collide.
        connection_file=str(sockets / "k.json"),
    )
    try:
        yield manager
    finally:
        _end(manager)
        shutil.rmtree(sockets, ignore_errors=True)


def _end(manager: Any) -> None:
    """End a kernel that papermill was given: it ends only those it made, and one that is left warns of its dead parent."""
    from jupyter_core.utils import run_sync

    if manager.has_kernel:
        run_sync(manager.shutdown_kernel)()


def _short_folder() -> str:
    wanted = tempfile.gettempdir()
    if len(os.fsencode(wanted)) + len("/tl-k-00000000/k-ipc-5") <= _SOCKET_PATH_LIMIT:
        return wanted
    return "/tmp"  # noqa: S108 (a longer path kills the kernel without a word; the folder made in it is private)


def _failure(notebook: Any, error: Any) -> Failure:
    from nbconvert.filters.ansi import strip_ansi

    step = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # The title is no step: below it stands the analysis itself.
            headings = [
                line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("##")
            ]
            step = headings[-1] if headings else step
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            break
    # Sentences of our own say what to do; what a library says of itself goes to the log.
    known = error.ename in ("AnalysisError", "RunError", "UseCaseError", "ParameterError")
    words = (
        str(error.evalue)
        if known
        else "An error that nobody expected. The log beside this report holds its details."
    )
    return Failure(step, words, strip_ansi("\n".join(error.traceback)))
