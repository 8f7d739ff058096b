"""Frames in groups of bounded size: those to analyse as RGB, the others as the decoder gave them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.runs.pipeline import BATCH_PIXELS
from tidelab.streams.reading import Frame, Sound, VideoReader, upright
from tidelab.streams.sampling import Sampling

BATCH_FRAMES: Final = 8
_SEEN: Final = 250
"""Frames after which a group ends even if none of them is analysed, so that progress is told."""


@dataclass
class Group:
    """Frames and sound in their order.

    Parameters
    ----------
    items
        What is written: all frames and sound where a video is made, else the analysed frames alone.
    sampled
        Frame number -> upright RGB of the frames to analyse.
    seen
        Frames that went by.
    last_s
        Video time of the last of them.
    """

    items: list[Frame | Sound] = field(default_factory=list)
    sampled: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    seen: int = 0
    last_s: float = 0.0
    pixels: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it ends here. A frame that is held counts half: the decoder's form has half the bytes of RGB."""
        return len(self.sampled) >= BATCH_FRAMES or self.pixels >= BATCH_PIXELS or self.seen >= _SEEN


def groups(
    reader: VideoReader, sampling: Sampling, stop: threading.Event, *, keep_all: bool
) -> Iterator[Group]:
    """Decode a video into groups, until its end or until `stop` is set.

    Parameters
    ----------
    reader
        The open video.
    sampling
        Which frames are analysed.
    stop
        Ends the reading after the frame at hand.
    keep_all
        Whether frames that are not analysed, and the sound, are kept for writing.
    """
    group, area = Group(), reader.facts.width_px * reader.facts.height_px
    for item in reader.items():
        if stop.is_set():
            break
        if isinstance(item, Sound):
            if keep_all:
                group.items.append(item)
            continue
        taken = sampling.takes(item.time_s)
        if taken:
            group.sampled[item.index] = upright(item.image, reader.facts.turn)
            group.pixels += area
        if taken or keep_all:
            group.items.append(item)
            group.pixels += area // 2
        group.seen, group.last_s = group.seen + 1, item.time_s
        if group.is_full:
            yield group
            group = Group()
    if group.seen or group.items:
        yield group
