"""The state of the form, without any widget: what is chosen, what is wrong with it, which run is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tidelab.catalogue import CatalogueError, ParameterError, UseCase
from tidelab.catalogue.notebooks import INPUT
from tidelab.runs import RunError, RunFolder, get_executor, list_runs, prepare
from tidelab.runs.owner import Owner, require_own_files
from tidelab.widgets.browse import FolderBrowser, OutsideError, readable_roots
from tidelab.widgets.faces import Face
from tidelab.widgets.identity import Visitor

Source = Literal["given", "upload", "folder", "sample"]
MODEL: str = "model"
_MODEL_NAMES = frozenset({"champion", "demo"})
_SHOWN_RUNS = 20


@dataclass
class AnalysisModel:
    """What a person has chosen and where their analysis stands.

    Parameters
    ----------
    use_case, notebook
        What is analysed with.
    face
        Where it is shown.
    values
        Parameters, by name, as the parameters cell or the form gave them.
    visitor
        The person; None in an app whose page has not said hello yet.
    """

    use_case: UseCase
    notebook: str
    face: Face
    values: dict[str, Any]
    visitor: Visitor | None = None
    source: Source = "given"
    uploaded: Path | None = None
    folder: Path | None = None
    run: RunFolder | None = None
    problems: dict[str, str] = field(default_factory=dict)
    message: str = ""
    _starting: bool = False

    @property
    def browser(self) -> FolderBrowser:
        """The folders this visitor may choose from."""
        # <home>/runs is where the runs lie in the hub; on one's own machine the home is the person's own.
        home = (
            (self.visitor.runs_root.parent if self.face == "app" else Path.home()) if self.visitor else None
        )
        return FolderBrowser(readable_roots(home))

    @property
    def busy(self) -> bool:
        """Whether an analysis of this page is under way."""
        return self._starting or (self.run is not None and not self.run.state().is_over)

    def set_value(self, name: str, value: Any) -> None:
        """Take a value from the form; what is wrong with it stands in ``problems[name]`` afterwards."""
        self.values[name] = value
        self.problems.pop(name, None)
        try:
            checked = self.use_case.validate_parameters(self.notebook, {name: value})
            self._resolved(name, checked[name])
        except ParameterError as error:
            self.problems[name] = _sentence(error.rule)
        except OutsideError as error:
            self.problems[name] = str(error)

    def start(self) -> bool:
        """Prepare and submit a run of what is chosen; return whether one was started.

        A second press while one is under way starts nothing. What is wrong is said in ``message`` and ``problems``.
        """
        if self.busy:
            self.message = "An analysis is already running; it is shown below."
            return False
        self._starting, self.message = True, ""
        try:
            run = self._prepare()
            if run is not None:
                get_executor("process").submit(run)
                self.run = run
            return run is not None
        except (RunError, CatalogueError, OutsideError) as error:
            self.message = str(error)
            return False
        except OSError as error:
            where = f" ({error.filename})" if error.filename and self.face != "app" else ""
            self.message = f"The analysis could not be started: {error.strerror}{where}. Try again; if it stays, tell the hub's administrator."
            return False
        finally:
            self._starting = False

    def cancel(self) -> None:
        """Ask the run under way to stop; finished images are kept."""
        if self.run is not None and not self.run.state().is_over:
            self.run.cancel()

    def earlier_runs(self) -> list[RunFolder]:
        """Return the visitor's runs of this use case, newest first, at most 20."""
        if self.visitor is None:
            return []
        return list_runs(self.use_case, self.visitor.runs_root)[:_SHOWN_RUNS]

    def open(self, run_id: str) -> bool:
        """Show an earlier run of this visitor instead; return whether that is done, else why not stands in ``message``."""
        for run in self.earlier_runs():
            if run.run_id == run_id:
                self.message = self._foreign(run)
                self.run = self.run if self.message else run
                return not self.message
        self.message = "That analysis is no longer there."
        return False

    def delete(self, run_id: str) -> bool:
        """Delete an earlier run of this visitor; return whether the one that is shown is gone. What went wrong is in ``message``."""
        from tidelab.runs.delete import delete_run

        self.message = ""
        run = next((one for one in self.earlier_runs() if one.run_id == run_id), None)
        if run is None:
            self.message = "That analysis is no longer there."
            return False
        try:
            delete_run(run)
        except RunError as error:
            self.message = str(error)
        if self.run == run and not run.path.exists():
            self.run = None
            return True
        return False

    def chosen_input(self) -> Any:
        """Return the input as ``prepare`` takes it.

        Raises
        ------
        OutsideError
            When nothing is chosen yet, or the folder is not one this visitor may read.
        """
        if self.source == "sample":
            return "sample"
        if self.source == "upload":
            if self.uploaded is None:
                raise OutsideError("Upload your images first, or choose the sample to try it.")
            if not self.uploaded.exists():
                raise OutsideError("Your upload is no longer kept. Upload your images again.")
            # Loose files, not "the folder <upload>": its name is ours and must not become the name of a sample.
            return sorted(self.uploaded.iterdir()) if self.uploaded.is_dir() else self.uploaded
        if self.source == "folder":
            if self.folder is None:
                raise OutsideError("Choose a folder first.")
            return self.browser.resolve(self.folder)[1]
        return self.values[INPUT]

    def _prepare(self) -> RunFolder | None:
        if self.visitor is None:
            self.message = "The page is still connecting. Try again in a moment, or reload it."
            return None
        for name, value in list(self.values.items()):
            if name != INPUT:
                self.set_value(name, value)
        if self.problems:
            self.message = "Correct the fields marked above, then analyse again."
            return None
        images = self.chosen_input()
        values = self.use_case.validate_parameters(self.notebook, {**self.values, INPUT: "sample"})
        # What was checked is what is opened: a link that leads elsewhere a moment later changes nothing.
        values = {name: self._resolved(name, value) for name, value in values.items()}
        return prepare(
            self.use_case,
            images=images,
            parameters={name: value for name, value in values.items() if name not in (INPUT, MODEL)},
            model=values.get(MODEL, "champion"),
            person=self.visitor.user,
            face=self.face,
            runs_root=self.visitor.runs_root,
        )

    def _resolved(self, name: str, value: Any) -> Any:
        """Return a value as a run takes it: in the app, what names files only below the visitor's own folders, with all links resolved.

        In Lab and report a path is the person's own business; in the app it is a stranger's text, and its service sees every home.
        """
        if self.face != "app" or not value:
            return value
        if name == MODEL:
            return value if str(value).strip() in _MODEL_NAMES else self._inside(value)
        if name in self.use_case.notebook(self.notebook).path_parameters:
            return [self._inside(one) for one in value] if isinstance(value, list) else self._inside(value)
        return value

    def _foreign(self, run: RunFolder) -> str:
        """Return why a run is not shown in the app, empty where it is.

        Its folder is the visitor's, who may have written into ``request.json`` whatever the service is to open: others' files, or a use case
        of theirs, whose code would run here. What was checked is what the views go by.
        """
        if self.face != "app":
            return ""
        try:
            require_own_files(run)
            run.know(Owner(run.runs_root.parent).to_show(run.request, run, self.use_case))
        except (RunError, OSError, ValueError) as error:
            return f"This analysis cannot be shown: {error}"
        return ""

    def _inside(self, text: object) -> str:
        browser, path = self.browser, Path(str(text).strip())
        if not path.is_absolute() and self.visitor is not None:
            # As people say it of their own files: from the home.
            path = self.visitor.runs_root.parent.joinpath(*path.parts[path.parts[:1] == ("~",) :])
        return str(browser.resolve(path)[1])


def new_model(
    use_case: UseCase, notebook: str, face: Face, given: Mapping[str, Any], visitor: Visitor | None
) -> AnalysisModel:
    """Return the state of a fresh page; raise ParameterError when the parameters cell holds a value that does not fit."""
    values = use_case.validate_parameters(notebook, given)
    source: Source = "sample" if values.get(INPUT) == "sample" else "given"
    if face == "app":
        source = "upload"
    return AnalysisModel(use_case, notebook, face, values, visitor, source)


def _sentence(rule: str) -> str:
    text = rule.removeprefix("it ").strip()
    return text[:1].upper() + text[1:]


Listener = Callable[[], None]
