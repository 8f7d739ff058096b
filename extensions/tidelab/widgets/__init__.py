"""The form, the progress and the results of an analysis, for Lab and app; plain output for the report."""

from tidelab.widgets.analysis import Analysis

__all__ = ["Analysis"]
