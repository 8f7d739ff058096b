"""What is asked of a video, how far it is, and what came out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Between = Literal["last", "none"]
BETWEEN: Final = ("last", "none")


@dataclass(frozen=True)
class VideoOptions:
    """What is asked of a video.

    Parameters
    ----------
    every_s
        Seconds between analysed frames; None: every frame.
    interval_s
        Length of the intervals of MaxN and MeanCount.
    annotated
        Whether the video is written with its boxes.
    between
        On frames that are not analysed: ``last``, the boxes of the last analysed one, dimmed; ``none``, no boxes.
    start, time_zone
        As `tidelab.streams.clock.start_of` takes them.
    force
        Overwrite files in the folder that no such analysis has written.
    """

    every_s: float | None = None
    interval_s: float = 60.0
    annotated: bool = False
    between: Between = "last"
    start: str = ""
    time_zone: str = ""
    force: bool = False


@dataclass(frozen=True)
class VideoProgress:
    """How far it is: frames that went by, frames expected (0: not known), seconds it took, video time of the last frame."""

    frames: int
    expected: int
    elapsed_s: float
    time_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds that are left at this pace; None: not known yet."""
        if not (self.expected and self.frames):
            return None
        return self.elapsed_s / self.frames * max(0, self.expected - self.frames)


@dataclass(frozen=True)
class VideoResult:
    """What came out.

    Parameters
    ----------
    folder
        Where it lies.
    complete
        Whether the whole video was analysed.
    words
        A sentence about it.
    frames, analysed, refused
        Frames of the video, those analysed, and those the model could not use.
    notes
        What was odd.
    """

    folder: Path
    complete: bool
    words: str
    frames: int
    analysed: int
    refused: int
    notes: tuple[str, ...]
