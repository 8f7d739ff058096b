"""Views of a run: pure functions from a run folder to HTML that every face can show.

No widgets, no side effects, no file is written; whatever comes from outside (file names, labels, notes) is escaped.
"""

from tidelab.reports.views.counts import counts, counts_plot
from tidelab.reports.views.downloads import downloads
from tidelab.reports.views.estimates import estimates
from tidelab.reports.views.files import failed_files
from tidelab.reports.views.gallery import gallery
from tidelab.reports.views.objects import objects_per_picture, pictures
from tidelab.reports.views.outcome import outcome
from tidelab.reports.views.provenance import provenance
from tidelab.reports.views.samples import samples
from tidelab.reports.views.sizes import sizes
from tidelab.reports.views.summary import summary
from tidelab.reports.views.validation import validation
from tidelab.reports.views.verdict import verdict

__all__ = [
    "counts",
    "counts_plot",
    "downloads",
    "estimates",
    "failed_files",
    "gallery",
    "objects_per_picture",
    "outcome",
    "pictures",
    "provenance",
    "samples",
    "sizes",
    "summary",
    "validation",
    "verdict",
]
