"""The form as widgets: where the images come from, the settings, Analyse and Cancel, progress, earlier analyses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets
from markupsafe import Markup

from tidelab.catalogue.notebooks import INPUT
from tidelab.reports.display import Displayable
from tidelab.widgets.chooser import FolderChooser
from tidelab.widgets.deletion import Deletion
from tidelab.widgets.fields import Field, make_field
from tidelab.widgets.model import AnalysisModel, Source
from tidelab.widgets.progress import Progress
from tidelab.widgets.transfer import Uploader

_SOURCES: Final[dict[Source, str]] = {
    "upload": "Upload",
    "folder": "Folder on the hub",
    "given": "As in the parameters cell",
    "sample": "Sample",
}


@dataclass(frozen=True)
class Actions:
    """What the form calls."""

    analyse: Callable[[], None]
    cancel: Callable[[], None]
    open_run: Callable[[str], None]
    delete_run: Callable[[str], None]


class FormView:
    """Widgets for one :class:`AnalysisModel`; they hold nothing that the model does not."""

    def __init__(self, model: AnalysisModel, actions: Actions) -> None:
        self.model, self._actions = model, actions
        app = model.use_case.app
        policy = model.use_case.data_policy
        self.uploader = Uploader(
            app.limits.upload_mb if app else 200,
            self._uploaded,
            keep_hours=None if policy.keeps_cache else policy.ephemeral_hours,
        )
        self.chooser = FolderChooser(self._folder_chosen)
        # Never disabled: ToggleButtons show that only when they are drawn, so they would stay so. Choosing does no harm.
        self.source = widgets.ToggleButtons(
            options=[(_SOURCES[name], name) for name in self._sources()], value=model.source
        )
        self.source.observe(lambda change: self._choose_source(change["new"]), names="value")
        self.fields = self._make_fields()
        self.button = widgets.Button(
            description=app.button if app else "Analyse", button_style="primary", disabled=True
        )
        self.button.add_class("tl-analyse")
        self.button.on_click(lambda _: actions.analyse())
        self.stop = widgets.Button(description="Cancel", disabled=True)
        self.stop.on_click(lambda _: actions.cancel())
        self.bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="100%"))
        self.bar.add_class("tl-progress")
        self.text = widgets.HTML()
        self.message = widgets.Output()
        self.runs = widgets.Dropdown(
            options=[], layout=widgets.Layout(width="32rem", max_width="100%"), disabled=True
        )
        self.show = widgets.Button(description="Show", disabled=True, tooltip="Show this analysis below")
        self.show.on_click(lambda _: self._show_run())
        self.deletion = Deletion(self._chosen_run, actions.delete_run)
        self._earlier = widgets.VBox(
            [
                _title("Your last analyses"),
                widgets.HBox([self.runs, self.show, self.deletion.button]),
                self.deletion.box,
            ]
        )
        self._earlier.add_class("tl-earlier")
        self._earlier.layout.display = "none"
        self.box = self._lay_out()
        self._choose_source(model.source)

    def enable(self, enabled: bool) -> None:
        """Let the person use the form, or not."""
        busy = self.model.busy
        for control in (
            self.chooser.control,
            self.runs,
            self.show,
            self.deletion.button,
            *(f.control for f in self.fields),
        ):
            control.disabled = not enabled
        self.uploader.enabled = enabled
        self.button.disabled = not enabled or busy
        self.stop.disabled = not busy

    def send_again(self) -> None:
        """Send the state of every widget of the form to the page once more, those of the places not shown too."""
        waiting = [self.box, *self._panels.values()]
        while waiting:
            widget = waiting.pop()
            widget.send_state()
            waiting += getattr(widget, "children", ())

    def say(self, displayable: Displayable | None) -> None:
        """Show a message below the buttons, or nothing. Never ``with output:``: from a callback that shows nothing."""
        self.message.outputs = ()
        if displayable is not None:
            self.message.append_display_data(displayable)

    def show_progress(self, progress: Progress | None) -> None:
        """Show how far the run is, or nothing."""
        self.bar.layout.display = "none" if progress is None else ""
        self.bar.value = (progress.fraction or 0.0) if progress else 0.0
        words = progress.text if progress else ""
        self.text.value = str(Markup('<span class="tl-progress-text" role="status">{}</span>').format(words))

    def show_problems(self) -> None:
        """Show next to each field what is wrong with it."""
        for field in self.fields:
            field.say(self.model.problems.get(field.name, ""))

    def list_runs(self, options: Sequence[tuple[str, str]], shown: str | None) -> None:
        """Offer earlier analyses: (words, name) each, newest first."""
        self._earlier.layout.display = "" if options else "none"
        self.runs.options = list(options)
        if shown in {name for _, name in options}:
            self.runs.value = shown
        elif options:
            # Until one is chosen the list shows the newest without meaning it, and Show would do nothing.
            self.runs.index = 0

    def _sources(self) -> list[Source]:
        if self.model.face == "app":
            return ["upload", "folder", "sample"]
        return ["sample", "folder"] if self.model.source == "sample" else ["given", "folder", "sample"]

    def _make_fields(self) -> list[Field]:
        declared = self.model.use_case.notebook(self.model.notebook).parameters
        return [
            make_field(name, parameter, self.model.values[name], self._changed)
            for name, parameter in declared.items()
            if name != INPUT
        ]

    def _lay_out(self) -> Any:
        declared = self.model.use_case.notebook(self.model.notebook).parameters
        plain = [field.box for field in self.fields if not declared[field.name].advanced]
        more = [field.box for field in self.fields if declared[field.name].advanced]
        settings = [widgets.HBox(plain, layout=widgets.Layout(flex_flow="row wrap"))]
        if more:
            settings.append(
                widgets.Accordion([widgets.VBox(more)], titles=("More settings",)).add_class("tl-more")
            )
        self._given = widgets.HTML(str(Markup("<code>{}</code>").format(str(self.model.values.get(INPUT)))))
        sample = self.model.use_case.sample
        self._sample = widgets.HTML(str(Markup("<span>{} ({})</span>").format(sample.title, sample.licence)))
        self._panels: dict[Source, Any] = {
            "upload": self.uploader, "folder": self.chooser.box, "given": self._given, "sample": self._sample,
        }  # fmt: skip
        self._panel = widgets.VBox([])
        policy = self.model.use_case.data_policy.sentence
        self._policy = widgets.HTML(str(Markup('<p class="tl-policy">{}</p>').format(policy)))
        box = widgets.VBox(
            [
                _title(declared[INPUT].title if INPUT in declared else "Images"), self.source, self._panel, self._policy,
                *([_title("Settings"), *settings] if self.fields else []),
                widgets.HBox([self.button, self.stop]).add_class("tl-buttons"), self.bar, self.text, self.message, self._earlier,
            ]
        )  # fmt: skip
        box.add_class("tl-form")
        self.show_progress(None)
        return box

    def _show_run(self) -> None:
        if self.runs.value:
            self._actions.open_run(self.runs.value)

    def _chosen_run(self) -> tuple[str, str] | None:
        return next((option for option in self.runs.options if option[1] == self.runs.value), None)

    def _choose_source(self, source: Source) -> None:
        self.model.source = source
        self._panel.children = (self._panels[source],)

    def _changed(self, name: str, value: Any) -> None:
        self.model.set_value(name, value)
        self.show_problems()

    def _folder_chosen(self, folder: Path | None) -> None:
        self.model.folder = folder

    def _uploaded(self, path: Path, _n_files: int) -> None:
        self.model.uploaded = path


def _title(text: str) -> Any:
    return widgets.HTML(str(Markup('<h3 class="tl-form-title">{}</h3>').format(text)))
