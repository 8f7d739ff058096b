"""Opening a video that a stranger made: containers we name, this one file, no addresses, and a sentence where it cannot be read."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import av.container
import av.error

from tidelab.runs.limits import Limits
from tidelab.runs.names import display_name
from tidelab.streams.errors import StreamError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,h264,hevc,m4v,dv,ivf,nut,mjpeg,y4m,yuv4mpegpipe"
"""No playlists (hls, dash, concat), patterns (image2) or scripts: those make FFmpeg open other files and addresses."""

_EXPECTED: Final = "Expected a video such as MP4, MOV, MKV, WebM, AVI, MPEG or MXF."


@dataclass(frozen=True)
class VideoFacts:
    """What a video says of itself.

    Parameters
    ----------
    name
        File name as it is shown.
    container, codec
        As FFmpeg calls them.
    width_px, height_px
        Of the upright picture.
    turn
        Quarter turns counter-clockwise that make the picture upright, 0 to 3, from the display matrix.
    frame_rate
        Mean frames a second as declared; None: not declared.
    frames
        Frames as declared; 0: not declared.
    duration_s
        As declared; None: not declared.
    created
        ``creation_time`` of the container, as written there; empty: none.
    sound
        Codec of the first audio track; empty: none.
    """

    name: str
    container: str
    codec: str
    width_px: int
    height_px: int
    turn: int
    frame_rate: Fraction | None
    frames: int
    duration_s: float | None
    created: str
    sound: str

    @property
    def expected_frames(self) -> int:
        """Frames as declared, or duration times rate; 0: not known."""
        if self.frames or not (self.frame_rate and self.duration_s):
            return self.frames
        return round(self.duration_s * self.frame_rate)


@contextlib.contextmanager
def opened(path: Path, limits: Limits) -> Iterator[tuple[av.container.InputContainer, "VideoStream"]]:
    """Open a video file and give its container and first video track.

    Parameters
    ----------
    path
        The file.
    limits
        `megapixels` of a frame.

    Raises
    ------
    StreamError
        Names the file and what is wrong with it.
    """
    place = path.expanduser().absolute()
    name = display_name(path.name)
    if not place.is_file():
        what = "it is no file" if place.exists() else "there is no such file"
        raise StreamError(f"{display_name(str(path))} cannot be read: {what}. {_EXPECTED}")
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    try:
        container = av.open(str(place), "r", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise StreamError(
            f"{name} cannot be opened as a video ({words(error)}). {_EXPECTED} {_next(place)}"
        ) from None
    with container:
        tracks = container.streams.video
        if not tracks:
            raise StreamError(f"{name} has no video track. {_EXPECTED}")
        track = tracks[0]
        _check(track, name, limits)
        # Frame threads decode several pictures at once; slices alone leave most cores idle.
        track.thread_type = "AUTO"
        yield container, track


def _check(track: "VideoStream", name: str, limits: Limits) -> None:
    context = track.codec_context
    if not context or context.width < 1 or context.height < 1:
        raise StreamError(
            f"{name}: the video track says no size, so it cannot be decoded. Copy the file again from the camera."
        )
    pixels = context.width * context.height
    if pixels > limits.megapixels * 1_000_000:
        raise StreamError(
            f"{name}: a frame has {pixels / 1e6:.0f} million pixels; at most {limits.megapixels} million are read. Make it smaller first."
        )
    # A stream may grow on its way: the decoder refuses such a frame itself.
    context.options = {"max_pixels": str(limits.megapixels * 1_000_000)}


def _next(place: Path) -> str:
    if place.stat().st_size == 0:
        return "The file is empty: copy it again from the camera."
    return "If other programs cannot play it either, copy it again from the camera: the recording was probably not closed."


def words(error: BaseException) -> str:
    """Return what FFmpeg says, without numbers and file names.

    >>> words(ValueError("[Errno 5] Input/output error: 'rtsp://user:secret@host/'"))
    'Input/output error'
    """
    text = (
        getattr(error, "strerror", None)
        or str(error).partition("] ")[2].rpartition(": '")[0]
        or type(error).__name__
    )
    line = " ".join(str(text).split())[:120]
    return line if line.isprintable() else type(error).__name__
