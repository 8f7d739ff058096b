"""One analysis in a notebook: ``analysis.form()``, then one ``analysis.show(view)`` a result, on all three faces.

Lab and report run straight through with the values of the parameters cell; the app waits for the click. Every number
below the form goes through :meth:`Analysis.show`, which shows the run that the form shows, and nothing older.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import IPython.display

from tidelab.catalogue import CatalogueError, load_catalogue
from tidelab.domain.ticket import TicketError
from tidelab.reports import views
from tidelab.reports.display import note, section
from tidelab.reports.executing import RUN_FILE
from tidelab.runs import RunError, RunFolder
from tidelab.runs.hooks import own_module
from tidelab.runs.owner import ON_BEHALF, hold_to
from tidelab.widgets import listing
from tidelab.widgets.faces import current_face
from tidelab.widgets.identity import app_visitor, local_visitor
from tidelab.widgets.model import AnalysisModel, new_model
from tidelab.widgets.progress import describe, preparing
from tidelab.widgets.refresh import Refresher, View

_POLL_S: Final = 0.4
_log = logging.getLogger(__name__)
display: Any = IPython.display.display


class AnalysisError(Exception):
    """An analysis that cannot go on, in words; shown without a traceback, which would tell the person nothing."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def _import_early() -> None:
    """Import what the views will need while the run's own process works: half a second of each report."""
    import matplotlib.figure  # noqa: F401
    import pandas  # noqa: F401


class Analysis:
    """One analysis of one use case.

    Parameters
    ----------
    slug
        The use case.
    notebook
        Name of its notebook; its parameter schema makes the form.
    **parameters
        Values of the parameters cell.

    Raises
    ------
    AnalysisError
        When the use case is unknown or a value breaks its rule.
    """

    def __init__(self, slug: str, *, notebook: str = "analyse", **parameters: Any) -> None:
        face = current_face()
        try:
            use_case = load_catalogue()[slug]
            visitor = None if face == "app" else local_visitor()
            self.model: AnalysisModel = new_model(use_case, notebook, face, parameters, visitor)
        except CatalogueError as error:
            raise AnalysisError(str(error)) from None
        self._shown: list[tuple[Any, View]] = []
        self._form: Any = None
        self._hello: Any = None
        self._watcher: asyncio.Task[None] | None = None
        self._grids: list[Any] = []
        self._refresher = Refresher(self._shown, self._done_run)

    @property
    def run(self) -> RunFolder | None:
        """The run that is shown, if there is one."""
        return self.model.run

    def form(self) -> None:
        """Show the form. In Lab and report the analysis runs here, with the values of the parameters cell."""
        if self.model.face == "report":
            display(listing.parameters_table(self.model))
            self._start_or_raise()
            threading.Thread(target=_import_early, daemon=True).start()
            self._wait(lambda: None)
            self._raise_unless_done()
            return
        self._build()
        display(self._form.box)
        if self.model.face == "app":
            display(self._hello)
            return
        self._welcome()
        self._press(watch=False)
        self._wait(self._refresh)
        self._finished()

    def show(self, view: View) -> None:
        """Show one view of the run below; again whenever another run is shown."""
        if self.model.face == "report":
            if self.model.run is not None:
                display(view(self.model.run))
            return
        import ipywidgets

        output = ipywidgets.Output()
        self._shown.append((output, view))
        display(output)
        if self.model.run is not None and self.model.run.state().status == "done":
            self._fill(output, view)

    def own(self, module: str) -> ModuleType:
        """Return a module of the use case's own `src/` folder: ``own("views")`` is ``<slug with underscores>.views``.

        Raises
        ------
        AnalysisError
            When there is none of that name or importing it fails; the text says which and why.
        """
        try:
            return own_module(self.model.use_case, module)
        except RunError as error:
            raise AnalysisError(str(error)) from None

    def validation(self) -> None:
        """Show the grid in which a person confirms or corrects the names; what it changes is shown below and above at once.

        The report shows who validated what.
        """
        if self.model.face == "report":
            self.show(views.validation)
            return
        from tidelab.widgets.validation import ValidationGrid

        grid = ValidationGrid(self._refresher.soon)
        self._grids.append(grid)
        display(grid)
        if self._done_run() is not None:
            self._open_grids()

    def page(self, module: str, name: str) -> None:
        """Show a page of the use case's own, on which a person decides something: ``page("review", "Review")`` is ``<slug>.review:Review``.

        It is made with a function to call after each act that changes results, and is told with ``open_for(visitor, run)`` and ``close_run()``
        whose run is shown, as the validation grid is. The report shows what was decided in its views; the page itself is not in it.

        Raises
        ------
        AnalysisError
            When there is no such module.
        """
        if self.model.face == "report":
            return
        page = getattr(self.own(module), name)(self._refresher.soon)
        self._grids.append(page)
        display(page)
        if self._done_run() is not None:
            self._open_grids()

    # ---- the form's actions -------------------------------------------------------------------------------------

    def _build(self) -> None:
        # Only here: the report needs no widgets, and importing them costs it a quarter of a second.
        from tidelab.widgets.form import Actions, FormView
        from tidelab.widgets.transfer import Hello

        self._form = FormView(self.model, Actions(self._press, self._cancel, self._open, self._delete))
        self._hello = Hello(self._greet)

    def _greet(self, ticket: str, asked: str = "") -> None:
        if self.model.visitor is not None:
            # The first hello decides: a kernel serves one page. A page that says it again has not heard the answer.
            self._form.send_again()
            for output, _ in self._shown:
                output.send_state()
            self._hello.send_state()
            return
        self._hello.answered = True
        try:
            visitor = app_visitor(ticket, self.model.use_case.slug)
            # From here on this kernel, and every run it starts, opens files of this visitor and of nobody else.
            # Where the machine cannot see to it, the apps' server said so when it started.
            if ON_BEHALF in os.environ:
                hold_to(visitor.runs_root)
            self.model.visitor = visitor
            self._welcome(asked)
        except RunError as error:
            self._form.say(section(note(str(error), "warn"), str(error)))
        except TicketError as error:
            self._form.say(
                section(note(f"You could not be recognised: {error} Then log in again.", "warn"), str(error))
            )
        except Exception:
            # Nobody reads what a kernel prints: without a word here the page would stay silent.
            _log.exception("The page could not be prepared")
            text = (
                "This page could not be prepared for you, and nothing was analysed. Reload it; if that does not help, "
                "tell the hub's administrator when it happened."
            )
            self._form.say(section(note(text, "warn"), text))

    def _welcome(self, asked: str = "") -> None:
        visitor = self.model.visitor
        assert visitor is not None
        self._form.uploader.open_for(visitor.runs_root)
        self._form.chooser.open_for(self.model.browser)
        self._enable()
        self._list_runs()
        running = next((run for run in self.model.earlier_runs() if not run.state().is_over), None)
        if self.model.face != "app":
            return
        if asked:
            self._open(asked)
        elif running is not None:
            self._open(running.path.name)

    def _press(self, watch: bool = True) -> None:
        started = self.model.start()
        self._form.show_problems()
        self._form.say(
            section(note(self.model.message, "warn"), self.model.message) if self.model.message else None
        )
        if not started:
            return
        self._clear()
        self._name_run()
        self._enable()
        self._list_runs()
        if watch:
            self._watch()

    def _cancel(self) -> None:
        self.model.cancel()

    def _open(self, run_id: str) -> None:
        if not self.model.open(run_id):
            self._form.say(section(note(self.model.message, "warn"), self.model.message))
            return
        self._form.say(None)
        self._clear()
        self._name_run()
        self._watch()

    def _delete(self, run_id: str) -> None:
        if self.model.delete(run_id):
            self._clear()
            if self._watcher is not None:
                self._watcher.cancel()
            self._form.show_progress(None)
            if self._hello is not None:
                self._hello.run = ""
        said = self.model.message or "The analysis is deleted."
        self._form.say(section(note(said, "warn" if self.model.message else "info"), said))
        self._enable()
        self._list_runs()

    # ---- following the run --------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        run = self.model.run
        try:
            while run is not None and not self._refresh():
                await asyncio.sleep(_POLL_S)
            self._finished()
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("The page could not follow the run")
            text = "The page lost sight of the analysis, which goes on. Reload the page to see it."
            self._form.say(section(note(text, "warn"), text))

    def _wait(self, refresh: Callable[[], object]) -> None:
        run = self.model.run
        if run is None:
            return
        try:
            while not run.state().is_over:
                refresh()
                time.sleep(_POLL_S / 4)
        except KeyboardInterrupt:
            # The stop button of Lab, or Ctrl-C at `tidelab report`.
            run.cancel()
            raise

    def _refresh(self) -> bool:
        """Show how far the run is; return whether it is over."""
        run = self.model.run
        if run is None:
            return True
        state = run.state()
        # What was counted is only shown when the page has it: until then "finished" would be a promise.
        self._form.show_progress(
            preparing(state) if state.status == "done" and self._shown else describe(state)
        )
        return state.is_over

    def _finished(self) -> None:
        run = self.model.run
        if run is None:
            return
        state = run.state()
        self._enable()
        self._list_runs()
        if state.status != "done":
            self._form.show_progress(describe(state))
            self._form.say(views.outcome(run))
            return
        for output, view in self._shown:
            self._fill(output, view)
        self._open_grids()
        if self._hello is not None:
            self._hello.has_results = True
        self._form.show_progress(describe(state))

    def _fill(self, output: Any, view: View) -> None:
        run = self.model.run
        assert run is not None
        output.outputs = ()
        try:
            output.append_display_data(listing.live_view(view, run))
        except Exception:
            # One view that fails must not hide the others.
            _log.exception("A view could not be shown")
            text = "This part could not be shown. The other parts and the files to download are not affected."
            output.append_display_data(section(note(text, "warn"), text))

    def _clear(self) -> None:
        if self._hello is not None:
            self._hello.has_results = False
        self._refresher.stop()
        for grid in self._grids:
            grid.close_run()
        for output, _ in self._shown:
            output.outputs = ()

    def _open_grids(self) -> None:
        run, visitor = self.model.run, self.model.visitor
        if run is not None and visitor is not None:
            for grid in self._grids:
                grid.open_for(visitor, run)

    def _done_run(self) -> RunFolder | None:
        run = self.model.run
        return run if run is not None and run.state().status == "done" else None

    def _name_run(self) -> None:
        if self._hello is not None and self.model.run is not None:
            self._hello.run = self.model.run.run_id

    def _enable(self) -> None:
        self._form.enable(True)
        self._hello.can_start = not self._form.button.disabled

    def _list_runs(self) -> None:
        shown = self.model.run.path.name if self.model.run is not None else None
        self._form.list_runs([listing.run_option(run) for run in self.model.earlier_runs()], shown)

    # ---- the report ---------------------------------------------------------------------------------------------

    def _start_or_raise(self) -> None:
        if not self.model.start():
            problems = " ".join(f"{name}: {rule}" for name, rule in self.model.problems.items())
            raise AnalysisError(f"{self.model.message} {problems}".strip())
        place = os.environ.get(RUN_FILE)
        if place and self.model.run is not None:
            Path(place).write_text(str(self.model.run.path), encoding="utf-8")

    def _raise_unless_done(self) -> None:
        assert self.model.run is not None
        state = self.model.run.state()
        if state.status != "done":
            display(views.outcome(self.model.run))
            raise AnalysisError(state.message or f"The analysis was {state.status}.")


__all__ = ["Analysis", "AnalysisError"]
