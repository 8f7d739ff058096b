"""Is the model fit for these images? Comparison with the reference that travels with the model."""

from tidelab.drift.assess import assess, cannot_tell
from tidelab.drift.reference import Reference, ReferenceFileError
from tidelab.drift.settings import DriftSettings
from tidelab.drift.timeline import Timeline, TimelineEntry

__all__ = [
    "DriftSettings",
    "Reference",
    "ReferenceFileError",
    "Timeline",
    "TimelineEntry",
    "assess",
    "cannot_tell",
]
