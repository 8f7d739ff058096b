"""One HTML file from an executed notebook: it opens offline, asks for nothing, and runs no script."""

from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from tidelab.catalogue import UseCase
from tidelab.reports.display import note, stylesheet
from tidelab.reports.executing import Failure

_TEMPLATES: Final = Path(__file__).resolve().parent / "template"


def make_page(notebook: Any, use_case: UseCase, title: str, failure: Failure | None) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    notebook
        The executed notebook.
    use_case, title
        What it is a report of.
    failure
        The step that failed, shown on top; None when all went well.
    """
    from nbconvert.exporters.html import HTMLExporter

    exporter = HTMLExporter(template_name="tidelab-report", extra_template_basedirs=[str(_TEMPLATES)])
    exporter.exclude_input = exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    resources = {
        "tidelab": {
            "title": title,
            "use_case": use_case.title,
            "style": stylesheet(),
            "problem": str(problem(failure)),
        },
        # The page's own words say what failed; a traceback belongs to the log.
    }
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if output.output_type not in ("error", "stream")
            ]
    notebook.cells = [
        cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(body)


def problem(failure: Failure | None) -> Markup:
    """Return the banner of a failed report."""
    if failure is None:
        return Markup("")
    where = Markup("at the step “{}”").format(failure.step) if failure.step else Markup("during the analysis")
    said = note(
        Markup("<strong>This report could not be finished: it stopped {}.</strong><br>{}").format(
            where, failure.words
        ),
        "warn",
    )
    return Markup('<section class="tl-view" role="alert">{}</section>').format(said)
