"""Small pieces the form shows of runs: a line for each earlier one, the report's parameters, the live downloads."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from markupsafe import Markup

from tidelab import paths
from tidelab.catalogue.notebooks import INPUT
from tidelab.reports import numbers, views
from tidelab.reports.display import Displayable, section, table
from tidelab.reports.views.downloads import downloadable
from tidelab.runs import RunFolder
from tidelab.runs.methods import parameter_words
from tidelab.runs.shown_paths import shown_parameters, shown_path
from tidelab.widgets.model import AnalysisModel

_STATES = {
    "queued": "waiting",
    "running": "running",
    "done": "finished",
    "failed": "stopped",
    "cancelled": "cancelled",
}


def run_option(run: RunFolder) -> tuple[str, str]:
    """Return (words, name) of a run for the list of earlier ones: when, what, how it stands."""
    state = run.state()
    when = state.started or state.updated
    day = datetime.fromisoformat(when).strftime("%Y-%m-%d %H:%M UTC") if when else run.path.name
    # Before its files are listed a run has no number of images, which is not the same as none.
    parts = [day, *([numbers.plural(state.total, "image")] if state.total else []), _STATES[state.status]]
    return " · ".join(parts), run.path.name


def parameters_table(model: AnalysisModel) -> Displayable:
    """Return the parameters of this analysis, for the report, which has no form."""
    declared = model.use_case.notebook(model.notebook).parameters
    root = model.visitor.runs_root if model.visitor else paths.runs()
    shown = shown_parameters(model.values, model.use_case, root)
    shown |= {"model": shown_path(str(shown["model"]), root)} if "model" in shown else {}
    rows: list[tuple[str | Markup, str | Markup]] = [
        (declared[name].title, _shown(name, value)) for name, value in shown.items()
    ]
    words = "\n".join(f"{title}: {value}" for title, value in rows)
    return section(table(["Parameter", "Value"], rows), words, "tl-parameters")


def live_view(view: Callable[[Any], Displayable], run: RunFolder) -> Any:
    """Return a view of a run as Lab and app show it: the downloads become buttons, all else is the view itself."""
    if view is not views.downloads:
        return view(run)
    from tidelab.widgets.downloads import Downloads

    return Downloads(downloadable(run), run)


def _shown(name: str, value: Any) -> str:
    if name == INPUT and isinstance(value, list):
        return f"{numbers.plural(len(value), 'file')}, the first is {value[0]}"
    return parameter_words(name, value) or "not given"
