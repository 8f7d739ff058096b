"""MaxN and mean count of each class in intervals of time, as frames go by: what `tidelab.science.abundance` gives for a table in memory.

A test holds the two to the same figures. References for both numbers stand there. Sums of detections over frames are no number of
individuals and are not given.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.streams.errors import StreamError

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """What was seen in one interval.

    Parameters
    ----------
    start_s
        Its beginning, on the time axis of the frames.
    width_s
        Its length as asked for; the first and the last may hold less.
    frames
        Analysed frames.
    frames_with
        Frames in which each class was seen.
    max_n
        Largest count of each class in one frame.
    max_n_frame
        The first frame with that count.
    mean_count
        Mean count of each class over the analysed frames.
    """

    start_s: float
    width_s: float
    frames: int
    frames_with: Counts
    max_n: Counts
    max_n_frame: Counts
    mean_count: npt.NDArray[np.float64]


class Intervals:
    """Collects counts of frames in order of time; memory is that of one interval.

    Parameters
    ----------
    width_s
        Length of an interval.
    n_labels
        Classes.
    origin_s
        A moment at which an interval begins: 0 for the first frame, or so that intervals begin at whole minutes of the clock.

    Examples
    --------
    >>> intervals = Intervals(10, 1)
    >>> for frame, count in enumerate([2, 0, 3]):
    ...     _ = list(intervals.add(frame, frame * 1.0, np.array([count])))
    >>> last = next(intervals.finish())
    >>> int(last.max_n[0]), int(last.max_n_frame[0]), round(float(last.mean_count[0]), 3)
    (3, 2, 1.667)
    """

    def __init__(self, width_s: float, n_labels: int, origin_s: float = 0.0) -> None:
        if not 1 <= width_s <= 86_400:
            raise StreamError(f"An interval of {width_s:g} s: expected 1 to 86400 s.")
        self._width, self._n, self._origin = width_s, n_labels, origin_s
        self._place: int | None = None
        self._max = self._frame = self._with = np.zeros(n_labels, np.int64)
        self._sum = np.zeros(n_labels, np.float64)
        self._begin(None)

    def add(self, frame: int, time_s: float, counts: Counts) -> Iterator[Interval]:
        """Add the counts of a frame; yields the interval before when this frame opens another one."""
        place = math.floor((time_s - self._origin) / self._width + 1e-9)
        if place != self._place:
            yield from self.finish()
            self._begin(place)
        better = counts > self._max if self._frames else np.ones(self._n, bool)
        self._max = np.where(better, counts, self._max)
        self._frame = np.where(better, frame, self._frame)
        self._sum += counts
        self._with += counts > 0
        self._frames += 1

    def finish(self) -> Iterator[Interval]:
        """Yield the interval that is open, if it holds a frame."""
        if self._place is None or not self._frames:
            return
        start = self._origin + self._place * self._width
        yield Interval(
            start, self._width, self._frames, self._with, self._max, self._frame, self._sum / self._frames
        )
        self._begin(None)

    def _begin(self, place: int | None) -> None:
        self._place, self._frames = place, 0
        self._max = np.zeros(self._n, np.int64)
        self._frame = np.zeros(self._n, np.int64)
        self._with = np.zeros(self._n, np.int64)
        self._sum = np.zeros(self._n, np.float64)
