"""Curves that grow while a detector learns, and a line that says in which step it is."""

import time

from tidelab.training import detector_plots
from tidelab.training.live import Live
from tidelab.training.progress import DetectorEpoch, TrainingStep


class LiveDetectorCurves(Live[DetectorEpoch]):
    """Curves of a YOLO training, as `on_epoch`; with `step` as `on_step` a line too that tells of each epoch while it goes on.

    Parameters
    ----------
    every_s
        Redrawn at most this often, seconds.
    """

    def __init__(self, every_s: float = 2.0) -> None:
        super().__init__(detector_plots.curves, lambda epoch: epoch.sentence, every_s)
        self._told = float("-inf")

    def step(self, step: TrainingStep) -> None:
        """Take in one step: an epoch of large pictures may last an hour."""
        if time.monotonic() - self._told < self._every:
            return
        self._told = time.monotonic()
        last = f"\n{self.history[-1].sentence}" if self.history else ""
        self.tell(step.sentence + last)
