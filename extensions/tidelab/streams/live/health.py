"""How a live analysis goes, in numbers and in words."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from tidelab.streams.live.newest import Newest, Rate
from tidelab.streams.live.source import Source


@dataclass(frozen=True)
class Health:
    """Numbers of a moment.

    Parameters
    ----------
    state
        ``connecting``, ``reading``, ``waiting`` (to connect again) or ``stopped``.
    problem
        Why it is not reading; empty: it is.
    fps_in, fps_analysed
        Frames a second that came and that were analysed, over the last ten seconds.
    received, analysed, dropped, refused
        Frames since the start: all that came, those analysed, those passed over because a newer one was there, and those that the
        model could not use.
    lag_s
        Seconds from the arrival of the last analysed frame to its result; the network's delay is not in it. None: none was analysed.
    longest_lag_s
        The longest of the last hundred.
    connections
        How often the source was connected.
    damaged
        Packets that came damaged or could not be decoded (`tidelab.streams.live.source.Source`).
    not_streamed
        Analysed pictures that are not in the stream because the encoder was busy.
    """

    state: str
    problem: str
    fps_in: float
    fps_analysed: float
    received: int
    analysed: int
    dropped: int
    refused: int
    lag_s: float | None
    longest_lag_s: float | None
    connections: int
    damaged: int
    not_streamed: int

    @property
    def words(self) -> str:
        """One line for people."""
        if self.state in ("connecting", "waiting"):
            why = f": {self.problem}" if self.problem else ""
            then = " It is tried again." if self.state == "waiting" else ""
            return f"Not connected{why}.{then} {self.analysed} frames analysed so far."
        lag = "" if self.lag_s is None else f", {self.lag_s:.1f} s behind"
        end = "Stopped. " if self.state == "stopped" else ""
        damaged = f" {self.damaged} packets came damaged." if self.damaged else ""
        return (
            f"{end}{self.fps_in:.1f} frames/s come, {self.fps_analysed:.1f} frames/s analysed{lag}; of {self.received} frames "
            f"{self.analysed} were analysed and {self.dropped} dropped for newer ones.{damaged}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what ``status.json`` holds of it."""
        rounded = {
            name: round(value, 3) if isinstance(value, float) else value for name, value in vars(self).items()
        }
        return {**rounded, "words": self.words}


class Watchdog:
    """Collects what :class:`Health` says."""

    def __init__(self, source: Source, newest: Newest) -> None:
        self._source, self._newest = source, newest
        self._rate = Rate()
        self._lags: deque[float] = deque(maxlen=100)
        self.analysed = self.refused = self.not_streamed = 0

    def looked(self, received: float, *, refused: bool) -> None:
        """Note that the frame that came at `received` (monotonic) has its result."""
        now = time.monotonic()
        self.analysed += not refused
        self.refused += refused
        self._rate.note(now)
        self._lags.append(now - received)

    def health(self, state: str = "") -> Health:
        """Return the numbers of this moment; `state` where the loop knows better than the source."""
        lags = list(self._lags)
        received, dropped = self._newest.totals()
        return Health(
            state or self._source.state,
            self._source.problem,
            self._newest.fps(),
            self._rate.now(time.monotonic()),
            received,
            self.analysed,
            dropped,
            self.refused,
            lags[-1] if lags else None,
            max(lags) if lags else None,
            self._source.connections,
            self._source.damaged,
            self.not_streamed,
        )
