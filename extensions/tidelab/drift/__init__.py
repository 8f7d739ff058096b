"""Is the model fit for these images? Comparison with the reference that travels with the model."""

from tidelab.drift.reference import Reference, ReferenceFileError

__all__ = ["Reference", "ReferenceFileError"]
