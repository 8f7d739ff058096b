"""Frames of a video file in the order in which they are shown, with the packets of its sound between them."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av.error
import numpy as np
import numpy.typing as npt

from tidelab.runs.limits import Limits
from tidelab.runs.names import display_name
from tidelab.streams.errors import StreamError
from tidelab.streams.opening import VideoFacts, opened, words

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """One frame.

    Parameters
    ----------
    index
        From 0.
    ticks
        Presentation time in units of the reader's `time_base`, since the beginning of the container.
    time_s
        Seconds since the first frame.
    duration
        In ticks; 0: not known.
    image
        As the decoder gave it, not turned.
    """

    index: int
    ticks: int
    time_s: float
    duration: int
    image: "VideoFrame"


@dataclass(frozen=True)
class Sound:
    """A packet of the first audio track, as it lies in the file."""

    packet: "Packet[Any]"


@dataclass(frozen=True)
class Colours:
    """What the numbers of a video's colours mean, by ITU-T H.273; None: the video does not say.

    Parameters
    ----------
    matrix, primaries, transfer
        Coefficients of YUV, primaries and transfer characteristics.
    span
        1: 16 to 235 (video), 2: 0 to 255 (pictures).
    """

    matrix: int | None
    primaries: int | None
    transfer: int | None
    span: int | None


class VideoReader:
    """Open video; use as a context manager.

    Parameters
    ----------
    path
        The file.
    limits
        `megapixels` of a frame.
    sound
        Whether packets of the first audio track are given too.

    Attributes
    ----------
    facts
        What the file says of itself.
    time_base
        Seconds of a tick.
    notes
        Sentences about what was odd; complete when :meth:`items` has ended.
    broken
        Why the video ended before its end; empty: it did not.
    """

    def __init__(self, path: Path, limits: Limits | None = None, *, sound: bool = False) -> None:
        self._path, self._limits = path, limits or Limits()
        self._stack = contextlib.ExitStack()
        self._sound = sound
        self.notes: list[str] = []
        self.broken = ""

    def __enter__(self) -> Self:
        self._container, self._track = self._stack.enter_context(opened(self._path, self._limits))
        try:
            self.time_base = self._track.time_base or Fraction(1, 90_000)
            self.audio = (
                self._container.streams.audio[0] if self._sound and self._container.streams.audio else None
            )
            self._first = self._peek()
            self._opening = list(self._first[-1:])
            self.facts = self._facts()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def pixel_shape(self) -> Fraction | None:
        """Width over height of a pixel, where the file says it is not 1."""
        return self._track.sample_aspect_ratio

    @property
    def colours(self) -> Colours:
        """What the colours of the first frame mean."""
        image = next((item for item in self._opening if not isinstance(item, Sound)), None)
        if image is None:
            return Colours(None, None, None, None)
        known = (image.colorspace, image.color_primaries, image.color_trc)
        matrix, primaries, transfer = (None if int(value) in (0, 2) else int(value) for value in known)
        full = image.format.name.startswith("yuvj")
        return Colours(matrix, primaries, transfer, 2 if full else int(image.color_range) or None)

    def items(self) -> Iterator[Frame | Sound]:
        """Yield frames and sound to the end, or to where the file is damaged (then :attr:`broken` says so)."""
        index, origin, last, last_s = 0, 0, -1, 0.0
        # Sound and picture keep their distance: both count from the beginning of the container.
        start = round(Fraction(self._container.start_time or 0, 1_000_000) / self.time_base)
        for item in self._decoded():
            if isinstance(item, Sound):
                yield item
                continue
            ticks = self._ticks(item, index, last, start)
            origin = ticks if index == 0 else origin
            last_s = float((ticks - origin) * self.time_base)
            yield Frame(index, ticks, last_s, int(item.duration or 0), item)
            index, last = index + 1, ticks
        self._compare(index, last_s)

    def sound_start(self) -> Fraction:
        """Seconds at which the container begins: taken off the times of sound that is copied."""
        return Fraction(self._container.start_time or 0, 1_000_000)

    def _ticks(self, image: "VideoFrame", index: int, last: int, start: int) -> int:
        step = max(1, round(1 / (self._track.average_rate or 25) / self.time_base))
        if image.pts is None:
            self._note("Some frames have no time; they were put one frame's length after the one before.")
            return last + step if index else 0
        ticks = int(image.pts) - start
        if index and ticks <= last:
            self._note("Some frames have the time of an earlier one; they were put just after it.")
            return last + 1
        return ticks

    def _peek(self) -> "list[VideoFrame | Sound]":
        """Decode up to the first frame: its display matrix says how it is turned, and whether anything can be decoded at all."""
        found: list[VideoFrame | Sound] = []
        self._stream = self._demuxed()
        for item in self._stream:
            found.append(item)
            if not isinstance(item, Sound):
                break
        return found

    def _decoded(self) -> "Iterator[VideoFrame | Sound]":
        yield from self._first
        self._first = []
        yield from self._stream

    def _demuxed(self) -> "Iterator[VideoFrame | Sound]":
        audio = self.audio
        tracks: tuple[Any, ...] = (self._track, audio) if audio else (self._track,)
        try:
            for packet in self._container.demux(*tracks):
                if audio is not None and packet.stream is audio:
                    if packet.dts is not None:
                        yield Sound(packet)
                    continue
                yield from self._frames(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            self.broken = f"the file is damaged ({words(error)})"

    def _frames(self, packet: Any) -> "Iterator[VideoFrame]":
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            self._note(
                "Some parts of the video are damaged and could not be decoded; their frames are missing."
            )

    def _facts(self) -> VideoFacts:
        track, container = self._track, self._container
        image = next((item for item in self._first if not isinstance(item, Sound)), None)
        angle = image.rotation if image is not None else 0
        turn = round(angle / 90) % 4
        if angle % 90:
            self._note(f"The file asks to be turned by {angle} degrees; only quarter turns are applied.")
            turn = 0
        width, height = track.codec_context.width, track.codec_context.height
        duration = track.duration * self.time_base if track.duration else None
        if duration is None and container.duration:
            duration = Fraction(container.duration, 1_000_000)
        written = container.metadata.get("creation_time") or track.metadata.get("creation_time") or ""
        rate = track.average_rate or track.guessed_rate
        # Some AVI files declare their clock as the rate, and each of its ticks as a frame.
        sane = rate if rate and 0 < rate <= (120 if container.format.name == "avi" else 1000) else None
        declared = track.frames if sane else 0
        return VideoFacts(
            name=display_name(self._path.name),
            container=container.format.name,
            codec=track.codec_context.name,
            width_px=height if turn % 2 else width,
            height_px=width if turn % 2 else height,
            turn=turn,
            frame_rate=sane,
            frames=declared,
            duration_s=float(duration) if duration else None,
            created=written,
            sound=container.streams.audio[0].codec_context.name if container.streams.audio else "",
        )

    def _compare(self, found: int, last_s: float) -> None:
        facts = self.facts
        if self.broken or not found:
            return
        # One or two frames fewer are common where a recording was cut; a tenth is a copy that stopped half-way.
        if facts.frames and found < math.floor(facts.frames * 0.9):
            self.broken = (
                f"{found} of {facts.frames} frames could be decoded: the copy probably stopped half-way"
            )
        elif facts.duration_s and last_s < facts.duration_s * 0.9 - 1:
            # The sound of a whole file may be longer than its picture, so this is no proof.
            self._note(
                f"The file says that it lasts {facts.duration_s:.1f} s, and its last frame is at {last_s:.1f} s. "
                "Where that is not so in the camera's own copy, copy it again."
            )

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def upright(image: "VideoFrame", turn: int) -> Rgb:
    """Return a frame as uint8 RGB of shape ``(height, width, 3)``, turned counter-clockwise by `turn` quarters.

    Raises
    ------
    StreamError
        When there is no rule from its colours to RGB.
    """
    try:
        pixels: Any = image.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, ValueError) as error:
        raise StreamError(
            f"A frame's colours ({image.format.name}, matrix {int(image.colorspace)} of ITU-T H.273) cannot be turned into RGB "
            f"({words(error)}). Save the video as H.264 in MP4 and use that."
        ) from None
    return np.ascontiguousarray(np.rot90(pixels, turn)) if turn else np.ascontiguousarray(pixels)
