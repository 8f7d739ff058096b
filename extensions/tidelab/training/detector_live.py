"""Curves that grow while a detector learns."""

from tidelab.training import detector_plots
from tidelab.training.live import Live
from tidelab.training.progress import DetectorEpoch


class LiveDetectorCurves(Live[DetectorEpoch]):
    """Curves of a YOLO training; `every_s` as in `Live`."""

    def __init__(self, every_s: float = 2.0) -> None:
        super().__init__(detector_plots.curves, lambda epoch: epoch.sentence, every_s)
