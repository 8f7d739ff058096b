"""The newest frame of a source: a reader that never waits for who looks, so that what is looked at is never old."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_WINDOW_S: Final = 10.0


@dataclass(frozen=True)
class LiveFrame:
    """A frame and when it came.

    Parameters
    ----------
    number
        From 1, counting all frames that came.
    image, turn
        As the decoder gave it, and the quarter turns that make it upright.
    received
        `time.monotonic` when it was decoded.
    moment
        The same as seconds since 1970 UTC, by the clock of this computer.
    """

    number: int
    image: "VideoFrame"
    turn: int
    received: float
    moment: float


class Rate:
    """Events a second over the last ten seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=5000)
        self._begun: float | None = None

    def note(self, at: float) -> None:
        """Note an event."""
        self._begun = at if self._begun is None else self._begun
        self._times.append(at)

    def now(self, at: float) -> float:
        """Return the rate at a moment; 0 before the first event."""
        while self._times and self._times[0] <= at - _WINDOW_S:
            self._times.popleft()
        if self._begun is None:
            return 0.0
        return len(self._times) / min(_WINDOW_S, max(1.0, at - self._begun))


class Newest:
    """Holds one frame. Who puts never waits; a frame that nobody took before the next came is dropped, and counted."""

    def __init__(self) -> None:
        self._frame: LiveFrame | None = None
        self._here = threading.Condition()
        self._rate = Rate()
        self.received = 0
        self.dropped = 0

    def put(self, image: "VideoFrame", turn: int) -> None:
        """Put the newest frame in the place of the one before."""
        now = time.monotonic()
        with self._here:
            self.received += 1
            self._rate.note(now)
            if self._frame is not None:
                self.dropped += 1
            self._frame = LiveFrame(self.received, image, turn, now, time.time())
            self._here.notify()

    def take(self, timeout_s: float) -> LiveFrame | None:
        """Take the newest frame; waits for one, at most `timeout_s`."""
        with self._here:
            if self._frame is None:
                self._here.wait(timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def fps(self) -> float:
        """Return the frames that came a second, lately."""
        with self._here:
            return self._rate.now(time.monotonic())

    def totals(self) -> tuple[int, int]:
        """Return the frames that came and those that were dropped, of one moment."""
        with self._here:
            return self.received, self.dropped
