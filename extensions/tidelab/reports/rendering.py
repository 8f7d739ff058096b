"""``tidelab report``: the notebook as a file that someone can read, send and keep."""

import contextlib
import importlib.util
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidelab import paths
from tidelab.catalogue import UseCase
from tidelab.reports.outputs import PRODUCTS, ReportError, building, check, place

PAGE: Final = "report.html"
NOTEBOOK: Final = "report.ipynb"
LOG: Final = "log.txt"
TABLES: Final = (
    "results.csv", "pictures.csv", "detections.csv", "objects.csv", "counts.csv", "failed_files.csv", "verdict.json",
)  # fmt: skip
"""Tables that lie beside the page, where the run has them; the use case's own files lie in `products/`."""
NAMES: Final = "determinations.csv"
"""The names in force when the report was made: it changes when people validate, so the run's folder holds none."""
Images = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class Report:
    """A report that was written, finished or not.

    Parameters
    ----------
    folder
        Where its files lie.
    ok
        Whether the analysis was finished.
    words
        What came out, or the step that failed, in a sentence.
    run
        Folder of the run; None when the notebook did not get that far.
    """

    folder: Path
    ok: bool
    words: str
    run: Path | None

    @property
    def exit_code(self) -> int:
        """0 for a finished report, 1 for one that holds the step that failed."""
        return 0 if self.ok else 1

    def __str__(self) -> str:
        return f"{self.words}\nReport: {self.folder / PAGE}"


def render(
    use_case: UseCase,
    images: Images = "sample",
    out: Path | str = "report",
    parameters: Mapping[str, Any] | None = None,
    *,
    notebook: str = "analyse",
    force: bool = False,
    progress: bool = True,
) -> Report:
    """Execute a notebook of a use case and write ``report.html``, the tables and the executed notebook.

    Parameters
    ----------
    use_case
        The use case.
    images
        ``"sample"``, a folder, a zip, a file or several; relative paths start at the working directory of the caller.
    out
        Folder of the report; made when missing.
    parameters
        Other parameters of the notebook.
    notebook
        Its name in the declaration; it must have the face ``report``.
    force
        Overwrite files in `out` that no report has written.
    progress
        Show progress on standard error.

    Raises
    ------
    ReportError
        When nothing can be written to `out`, or the notebook has no report. A failed *analysis* raises nothing: it is
        written, and ``exit_code`` says so.
    tidelab.catalogue.ParameterError
        When a parameter breaks its rule.
    """
    declared = use_case.notebook(notebook)
    if "report" not in declared.faces:
        raise ReportError(
            f"The notebook '{notebook}' of {use_case.slug} has no report. See `tidelab report --list`."
        )
    values = use_case.validate_parameters(notebook, {**(parameters or {}), "images": _absolute(images)})
    # The notebook is executed in another folder.
    values |= {name: _absolute(values[name]) for name in declared.path_parameters if values[name]}
    if importlib.util.find_spec("papermill") is None:
        raise ReportError(
            f"Reports need the environment '{declared.stack}'. Run this command as "
            f"{paths.env_python(declared.stack).with_name('tidelab')} report {use_case.slug} ..."
        )
    folder = Path(os.path.abspath(out))  # noqa: PTH100 (keeps links)
    check(folder, (PAGE, NOTEBOOK, LOG, NAMES, *TABLES), force)
    with building(folder) as work:
        report, about = _write(work, folder, use_case, notebook, values, progress)
        place(work, folder, about)
    return report


def _write(
    work: Path, folder: Path, use_case: UseCase, notebook: str, values: Mapping[str, Any], progress: bool
) -> tuple[Report, dict[str, Any]]:
    from contextlib import nullcontext

    # What executes the notebook shares modules with the exporter: two threads that import them at once can each meet a half-made one.
    import papermill  # noqa: F401

    # Imported while the kernel starts: together they cost a second.
    warm = threading.Thread(target=_import_exporter, daemon=True)
    warm.start()
    from tidelab.reports.console import following, run_of
    from tidelab.reports.executing import execute_notebook
    from tidelab.reports.page import make_page

    declared = use_case.notebook(notebook)
    with tempfile.TemporaryDirectory(prefix="tl-run-") as scratch:
        run_file = Path(scratch) / "run"
        with following(run_file) if progress else nullcontext():
            executed, failure = execute_notebook(
                declared.path, work / NOTEBOOK, values, declared.stack, run_file
            )
        run = run_of(run_file)
    warm.join()
    for name in TABLES:
        if run is not None and (run.path / name).exists():
            shutil.copyfile(run.path / name, work / name)
    _write_names(run, work / NAMES)
    _copy_products(run, work)
    if failure is not None:
        log = f"{failure.step}\n{failure.words}\n\n{failure.traceback}\n\n{run.log() if run else ''}"
        (work / LOG).write_text(log, encoding="utf-8")
    page = make_page(executed, use_case, f"{use_case.title}: {declared.title}", failure)
    (work / PAGE).write_text(page, encoding="utf-8")
    words = _words(run) if failure is None else f"The report stopped {_where(failure.step)}: {failure.words}"
    report = Report(folder, failure is None, words, run.path if run else None)
    about = {
        "use_case": use_case.slug,
        "notebook": notebook,
        "ok": report.ok,
        "words": words,
        "run": run.run_id if run else None,
    }
    return report, about


def _write_names(run: Any, path: Path) -> None:
    from tidelab.runs import RunError
    from tidelab.runs.package import determinations_csv

    if run is None or not (run.path / "results.csv").exists():
        return
    # A log that cannot be read costs this table, not the report; the view of the validation says so.
    with contextlib.suppress(RunError):
        path.write_text(determinations_csv(run), encoding="utf-8")


def _copy_products(run: Any, work: Path) -> None:
    for one in run.products() if run is not None else ():
        target = work / PRODUCTS / one.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one.path, target)


def _where(step: str) -> str:
    return f"at “{step}”" if step else "during the analysis"


def _words(run: Any) -> str:
    from tidelab.reports import numbers

    if run is None:
        return "The notebook was executed."
    state = run.state()
    words = f"{numbers.plural(state.done, 'image')} analysed"
    if run.finds_objects:
        words = f"{numbers.plural(state.done, 'picture')} searched, {numbers.plural(len(run.results()), 'object')} found"
    if state.cached:
        words += f" ({numbers.count(state.cached)} of them known from before)"
    if state.failed:
        words += f", {numbers.plural(state.failed, 'file')} could not be used (see failed_files.csv)"
    return words + "."


def _absolute(images: Images) -> str | list[str]:
    if isinstance(images, str | os.PathLike):
        text = os.fspath(images)
        return text if text == "sample" else os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111
    return [str(_absolute(image)) for image in images]


def _import_exporter() -> None:
    import nbconvert.exporters.html  # noqa: F401
