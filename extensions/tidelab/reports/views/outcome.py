"""A run that did not finish: what happened and what to do, with details folded away for whoever is asked for help."""

from typing import Final

from markupsafe import Markup

from tidelab.reports.display import Displayable, note, section
from tidelab.reports.views.files import failed_table
from tidelab.runs import RunFolder

_LOG_LINES: Final = 60
_HEADLINES: Final = {
    "failed": "The analysis stopped.",
    "cancelled": "The analysis was cancelled.",
    "queued": "The analysis is waiting for its turn.",
    "running": "The analysis is under way.",
    "done": "The analysis is finished.",
}


def outcome(run: RunFolder) -> Displayable:
    """Return the state of a run in words; for a failed one the sentence and the next step."""
    state = run.state()
    headline = _HEADLINES[state.status]
    text = state.message
    if state.status == "cancelled" and not text:
        text = "Analyse again to go on: finished images are kept."
    body = note(
        Markup("<strong>{}</strong> {}").format(headline, text),
        "warn" if state.status == "failed" else "info",
    )
    if state.status == "failed" and (run.path / "failed_files.csv").exists():
        body += failed_table(run)
    log = "\n".join(run.log().splitlines()[-_LOG_LINES:]) if state.status == "failed" else ""
    if log:
        body += Markup(
            "<details><summary>Details for the administrator (run {})</summary><pre>{}</pre></details>"
        ).format(run.run_id, log)
    return section(body, f"{headline} {text}", "tl-outcome")
