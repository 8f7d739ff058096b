"""What a run looks like to a person: views of its results, and the report that holds them."""

from tidelab.reports.outputs import ReportError
from tidelab.reports.rendering import Report, render

__all__ = ["Report", "ReportError", "render"]
