"""A person's word on the images of a run: an append-only log beside the results, and the names in force that follow from it."""

from tidelab.runs.validation.acts import Validation
from tidelab.runs.validation.determinations import determinations
from tidelab.runs.validation.summary import AuditProgress, ValidationSummary

__all__ = ["AuditProgress", "Validation", "ValidationSummary", "determinations"]
