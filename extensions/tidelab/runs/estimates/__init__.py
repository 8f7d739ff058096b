"""Raw and corrected counts of a run, with intervals, or the reason why they are withheld."""

from tidelab.runs.estimates.compute import compute
from tidelab.runs.estimates.kept import ESTIMATES_FILE, estimates

__all__ = ["ESTIMATES_FILE", "compute", "estimates"]
