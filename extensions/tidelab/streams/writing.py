"""A video beside its source: same frames, same times, same size, the same sound."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.codec import Codec

from tidelab.streams.errors import StreamError
from tidelab.streams.opening import words
from tidelab.streams.reading import Frame, Sound, VideoReader, upright

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Rgb = npt.NDArray[np.uint8]

_ENCODERS: Final = ("libx264", "libopenh264", "h264_videotoolbox")
_OPTIONS: Final = {"libx264": {"preset": "veryfast", "crf": "20"}}


def h264_encoder() -> str:
    """Return the name of an H.264 encoder of this FFmpeg; raises `StreamError` where there is none."""
    for name in _ENCODERS:
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            Codec(name, "w")
            return name
    raise StreamError(
        f"The FFmpeg of this PyAV ({av.__version__}) has no H.264 encoder ({', '.join(_ENCODERS)}), so no video can be written. "
        "Install the wheel from PyPI, or go without --annotated."
    )


def file_suffix(reader: VideoReader) -> str:
    """Return ``.mp4``, or ``.mkv`` where the sound of the source may not lie in an MP4."""
    if reader.audio is None:
        return ".mp4"
    allowed = {"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "flac", "dca"}
    return ".mp4" if reader.audio.codec_context.name.removeprefix("lib") in allowed else ".mkv"


class VideoWriter:
    """Encodes frames under the times of their source and copies its sound; use as a context manager.

    Parameters
    ----------
    path
        The file to write; the caller moves it into place.
    reader
        The source.
    suffix
        ``.mp4`` or ``.mkv``.
    comment
        Stands in the file as ``comment``.

    Attributes
    ----------
    frames
        Written so far.
    """

    def __init__(self, path: Path, reader: VideoReader, suffix: str, comment: str) -> None:
        self._path, self._reader = path, reader
        self._format = {".mp4": "mp4", ".mkv": "matroska"}[suffix]
        self._comment = comment
        self._durations: dict[int, int] = {}
        self._turn = reader.facts.turn
        self.frames = 0

    def __enter__(self) -> Self:
        with _told(self._path):
            # Edit lists are rounded to the clock of the whole file, which is milliseconds unless it is told otherwise.
            clock = {"movie_timescale": str(self._reader.time_base.denominator), "movflags": "+faststart"}
            options = clock if self._format == "mp4" else {}
            self._out: Any = av.open(str(self._path), "w", format=self._format, options=options)
            self._out.metadata["comment"] = self._comment
            self._video = self._picture_track()
            audio = self._reader.audio
            self._audio = self._out.add_stream_from_template(audio) if audio is not None else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            with contextlib.suppress(Exception):  # the reason is on its way already
                self._out.close()
            return
        with _told(self._path):
            for packet in self._video.encode():
                self._mux(packet)
            self._out.close()

    def frame(self, frame: Frame, pixels: Rgb | None) -> None:
        """Write a frame: `pixels` (upright RGB) in its place, or the frame as it is where they are None."""
        if pixels is None and self._turn:
            pixels = upright(frame.image, self._turn)
        image = frame.image if pixels is None else _image(pixels)
        # Numbers of colours mean the same in all frames: those that were drawn on go back by the rule by which they came.
        space, span = self._colours
        with _told(self._path):
            image = image.reformat(
                width=self._video.width,
                height=self._video.height,
                format=self._video.pix_fmt,
                src_colorspace=space if pixels is None else None,
                src_color_range=span if pixels is None else None,
                dst_colorspace=space,
                dst_color_range=span,
            )
        # What the source's encoder made of a frame binds ours otherwise.
        image.pict_type = 0
        image.pts, image.time_base = frame.ticks, self._reader.time_base
        self._durations[frame.ticks] = frame.duration
        with _told(self._path):
            for packet in self._video.encode(image):
                self._mux(packet)
        self.frames += 1

    def sound(self, sound: Sound) -> None:
        """Copy a packet of sound."""
        packet = sound.packet
        if self._audio is None:
            return
        shift = round(self._reader.sound_start() / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = self._audio
        with _told(self._path):
            self._out.mux(packet)

    def _picture_track(self) -> Any:
        facts, encoder = self._reader.facts, h264_encoder()
        track = self._out.add_stream(
            encoder, rate=facts.frame_rate or Fraction(25), options=_OPTIONS.get(encoder, {})
        )
        track.width, track.height = facts.width_px, facts.height_px
        # Half the colours need even sides; an odd side keeps its size with all of them.
        track.pix_fmt = "yuv420p" if facts.width_px % 2 == 0 == facts.height_px % 2 else "yuv444p"
        track.codec_context.time_base = self._reader.time_base
        track.time_base = self._reader.time_base
        colours = self._reader.colours
        self._colours = (colours.matrix, colours.span)
        for name, value in (
            ("colorspace", colours.matrix),
            ("color_range", colours.span),
            ("color_primaries", colours.primaries),
            ("color_trc", colours.transfer),
        ):
            if value is not None:
                setattr(track.codec_context, name, value)
        shape = self._reader.pixel_shape
        if shape and shape != 1:
            track.codec_context.sample_aspect_ratio = 1 / shape if facts.turn % 2 else shape
        return track

    def _mux(self, packet: Any) -> None:
        duration = self._durations.pop(packet.pts, 0)
        if duration:
            packet.duration = duration
        self._out.mux(packet)


def _image(pixels: Rgb) -> "VideoFrame":
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        full = getattr(error, "errno", None) in (28, 122)
        why = "the disk is full; free some space and run it again" if full else words(error)
        raise StreamError(f"The annotated video in {path.parent} could not be written: {why}.") from None
