"""Which frames of a video are analysed: an explicit rule, so that effort can be stated."""

from dataclasses import dataclass, field

from tidelab.streams.errors import StreamError


@dataclass
class Sampling:
    """Every frame, or the first frame at or after each multiple of `every_s`.

    The grid starts at the first frame and does not drift: with ``every_s = 1`` a video of 24 frames a second gives frames 0, 24, 48, ...,
    and after a gap the next frame is taken once, not once for each second that is missing.

    Parameters
    ----------
    every_s
        Seconds of video time between analysed frames; None or 0: every frame.
    """

    every_s: float | None = None
    _next: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.every_s is not None and not 0 <= self.every_s <= 86_400:
            raise StreamError(f"every_s = {self.every_s:g}: expected seconds from 0 (every frame) to 86400.")

    @property
    def words(self) -> str:
        """The rule as a manifest says it."""
        return (
            f"the first frame at or after each multiple of {self.every_s:g} s"
            if self.every_s
            else "every frame"
        )

    def takes(self, time_s: float) -> bool:
        """Whether the frame at this video time (seconds since the first frame; ascending) is analysed."""
        if not self.every_s:
            return True
        # A timestamp like 0.99999 of a 1 s grid is the frame that was meant: half a microsecond is forgiven.
        place = int((time_s + 5e-7) / self.every_s)
        if place < self._next:
            return False
        self._next = place + 1
        return True
