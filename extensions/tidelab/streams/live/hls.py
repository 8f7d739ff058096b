"""The picture with its boxes as an HTTP Live Stream: a playlist and a bounded number of segments, which any web server can serve."""

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import av.error
import numpy as np
import numpy.typing as npt

from tidelab.streams.errors import StreamError
from tidelab.streams.opening import words
from tidelab.streams.writing import h264_encoder

Rgb = npt.NDArray[np.uint8]

PLAYLIST: Final = "live.m3u8"
SEGMENT_S: Final = 2.0
SEGMENTS: Final = 6
"""In the playlist; a few more stay on the disk for players that are behind."""
_WIDEST: Final = 1280
_TICK: Final = Fraction(1, 1000)
_BT709: Final = 1
_VIDEO_RANGE: Final = 1
_KEY: Final = 1  # AV_PICTURE_TYPE_I


def size_for(width: int, height: int) -> tuple[int, int]:
    """Return the size of the stream: at most 1280 px wide, sides even.

    >>> size_for(3840, 2160), size_for(641, 481)
    ((1280, 720), (640, 480))
    """
    scale = min(1.0, _WIDEST / width)
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)


class HlsWriter:
    """Writes frames at the times at which they came; use as a context manager.

    Parameters
    ----------
    folder
        Where playlist and segments go; those of an earlier stream are removed.
    width, height
        Of the first picture; later ones of another size are scaled to it.
    """

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._folder = folder
        self._size = size_for(width, height)
        self._last = -1
        self._cut_ms = 0

    def __enter__(self) -> Self:
        remove_stream(self._folder)
        options = {
            "hls_time": f"{SEGMENT_S:g}",
            "hls_list_size": str(SEGMENTS),
            "hls_delete_threshold": "2",
            "hls_flags": "delete_segments+independent_segments+temp_file+program_date_time",
            "hls_segment_filename": str(self._folder / "segment-%08d.ts")
            .replace("%08d", "\0")
            .replace("%", "%%")
            .replace("\0", "%08d"),
        }
        with self._told():
            self._out: Any = av.open(str(self._folder / PLAYLIST), "w", format="hls", options=options)
            encoder = h264_encoder()
            tuned = {"preset": "veryfast", "tune": "zerolatency", "crf": "24"} if encoder == "libx264" else {}
            track: Any = self._out.add_stream(encoder, rate=25, options=tuned)
            track.width, track.height = self._size
            track.pix_fmt = "yuv420p"
            track.codec_context.time_base = _TICK
            # Said, for players guess otherwise by the number of lines: ITU-R BT.709, 16 to 235.
            track.codec_context.colorspace = track.codec_context.color_primaries = (
                track.codec_context.color_trc
            ) = _BT709
            track.codec_context.color_range = _VIDEO_RANGE
            # Segments begin where we ask for a whole picture, and nowhere else.
            track.codec_context.gop_size = 100_000
            self._track = track
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception) if error else self._told():
            for packet in self._track.encode():
                self._out.mux(packet)
            self._out.close()

    def add(self, pixels: Rgb, time_s: float) -> None:
        """Add a picture, uint8 RGB, that came `time_s` seconds after the first."""
        ticks = max(self._last + 1, round(time_s * 1000))
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        image = image.reformat(
            width=self._size[0],
            height=self._size[1],
            format="yuv420p",
            dst_colorspace=_BT709,
            dst_color_range=_VIDEO_RANGE,
        )
        image.pts, image.time_base = ticks, _TICK
        if self._last < 0 or ticks - self._cut_ms >= SEGMENT_S * 1000:
            image.pict_type = _KEY
            self._cut_ms = ticks
        self._last = ticks
        with self._told():
            for packet in self._track.encode(image):
                self._out.mux(packet)

    @contextlib.contextmanager
    def _told(self) -> Any:
        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise StreamError(f"The stream in {self._folder} could not be written: {words(error)}.") from None


def remove_stream(folder: Path) -> None:
    """Remove playlist and segments."""
    for pattern in (f"{PLAYLIST}*", "segment-*.ts*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
