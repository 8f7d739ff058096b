"""Is the model fit for these images? Comparison with the reference that travels with the model."""

from tidelab.drift.assess import assess, cannot_tell
from tidelab.drift.reference import Reference, ReferenceFileError
from tidelab.drift.settings import DriftSettings

__all__ = ["DriftSettings", "Reference", "ReferenceFileError", "assess", "cannot_tell"]
