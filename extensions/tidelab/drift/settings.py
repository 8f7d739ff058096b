"""The parameters of a verdict; the declaration of a use case holds them under ``drift:``."""

from tidelab.catalogue.settings import Drift as DriftSettings

__all__ = ["DriftSettings"]
