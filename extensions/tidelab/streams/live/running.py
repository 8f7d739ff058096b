"""The loop of a live analysis: take the newest frame, look, count, show, tell."""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from PIL import Image

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections
from tidelab.runs.failures import InputError
from tidelab.runs.files import write_bytes, write_json, write_text
from tidelab.runs.limits import Limits
from tidelab.runs.processes import FileLock
from tidelab.runs.progress import now
from tidelab.streams.drawing import draw
from tidelab.streams.errors import StreamError, writing_to
from tidelab.streams.intervals import Interval, Intervals
from tidelab.streams.live.address import Address
from tidelab.streams.live.counts import append_interval, described
from tidelab.streams.live.health import Health, Watchdog
from tidelab.streams.live.hls import HlsWriter, Rgb, remove_stream, size_for
from tidelab.streams.live.newest import LiveFrame, Newest
from tidelab.streams.live.source import FIRST_WAIT_S, Source
from tidelab.streams.model import StreamModel
from tidelab.streams.overlap import Behind
from tidelab.streams.reading import upright

STATUS: Final = "status.json"
LATEST: Final = "latest.jpg"
PAGE: Final = "index.html"
_LOOK_S: Final = 0.25
_STATUS_S: Final = 1.0
_LATEST_S: Final = 1.0


@dataclass(frozen=True)
class LiveOptions:
    """What is asked of a live analysis.

    Parameters
    ----------
    interval_s
        Length of the intervals of the counts; they begin at whole multiples since midnight UTC.
    camera
        For the column ``camera``; empty: the source as it is shown.
    seconds
        End after so many; None: go on until stopped.
    first_wait_s
        See `tidelab.streams.live.source.Source`.
    """

    interval_s: float = 60.0
    camera: str = ""
    seconds: float | None = None
    first_wait_s: float = FIRST_WAIT_S


@dataclass(frozen=True)
class _Shown:
    pixels: Rgb
    found: Detections | None
    time_s: float


def run_live(
    model: StreamModel,
    address: Address,
    out: Path,
    options: LiveOptions,
    *,
    stop: threading.Event | None = None,
    tell: Callable[[Health], None] = lambda _: None,
) -> Health:
    """Analyse a live source until `stop` is set.

    Parameters
    ----------
    model
        The detector.
    address
        The source.
    out
        Folder for ``counts-<day>.csv`` (appended), ``live.m3u8`` with its segments, ``latest.jpg``, ``index.html`` and ``status.json``.
    options
        See :class:`LiveOptions`.
    tell
        Told about once a second.

    Returns
    -------
    Health
        The last numbers.

    Raises
    ------
    StreamError
        When the folder cannot be written, or a file that is repeated cannot be read. A source that cannot be reached raises nothing:
        it is tried again.
    """
    intervals = Intervals(options.interval_s, len(model.classes))
    with _held(out), writing_to(out), contextlib.ExitStack() as stack:
        remove_stream(out)
        page = files("tidelab.streams.live").joinpath("page.html").read_text(encoding="utf-8")
        write_text(out / PAGE, page)
        newest = Newest()
        stream = stack.enter_context(_Stream(out))
        limits = Limits.of(model.use_case)
        source = stack.enter_context(Source(address, newest, limits, first_wait_s=options.first_wait_s))
        live = _Live(model, address, out, options, intervals, newest, source, stream, tell)
        return live.loop(stop or threading.Event())


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    """Hold the folder of a live analysis: made when missing, written by one process."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".tidelab-live.lock")
        free = lock.acquire()
    except OSError as error:
        raise StreamError(
            f"The folder {out} cannot be written ({error.strerror}). Choose another with --out."
        ) from None
    if not free:
        raise StreamError(
            f"Another live analysis is writing to {out}. Stop it first, or choose another folder with --out."
        )
    try:
        yield
    finally:
        lock.release()


class _Stream:
    """The stream and the newest picture, drawn and encoded in a thread of their own."""

    def __init__(self, out: Path) -> None:
        self._out, self._stack = out, contextlib.ExitStack()
        self._hls: HlsWriter | None = None
        self._pictured = float("-inf")
        self.draw: Callable[[_Shown], Rgb] = lambda shown: shown.pixels

    def __enter__(self) -> "_Stream":
        self._behind = self._stack.enter_context(Behind[_Shown](self._write, 1, "live-encode"))
        return self

    def __exit__(self, *details: object) -> None:
        try:
            self._stack.__exit__(*details)  # type: ignore[arg-type]
        finally:
            if self._hls:
                self._hls.__exit__(None, None, None)

    def offer(self, shown: _Shown) -> bool:
        """Hand over a picture; False: the encoder is busy, and it is left out."""
        return self._behind.offer(shown)

    def _write(self, shown: _Shown) -> None:
        pixels = self.draw(shown)
        if self._hls is None:
            self._hls = HlsWriter(self._out, pixels.shape[1], pixels.shape[0]).__enter__()
        self._hls.add(pixels, shown.time_s)
        if time.monotonic() - self._pictured >= _LATEST_S:
            self._pictured = time.monotonic()
            small = Image.fromarray(pixels).resize(size_for(pixels.shape[1], pixels.shape[0]))
            jpeg = io.BytesIO()
            small.save(jpeg, "JPEG", quality=85)
            write_bytes(self._out / LATEST, jpeg.getvalue(), durable=False)


class _Live:
    def __init__(
        self, model: StreamModel, address: Address, out: Path, options: LiveOptions, intervals: Intervals,
        newest: Newest, source: Source, stream: _Stream, tell: Callable[[Health], None],
    ) -> None:  # fmt: skip
        self._model, self._address, self._out, self._options = model, address, out, options
        self._intervals, self._newest, self._source, self._stream, self._tell = (
            intervals,
            newest,
            source,
            stream,
            tell,
        )
        self._dog = Watchdog(source, newest)
        self._begun = time.monotonic()
        self._first: LiveFrame | None = None
        self._covered: tuple[float, float] = (0.0, 0.0)
        self._received = 0
        self._counted: dict[str, Any] | None = None
        self._told = float("-inf")
        stream.draw = lambda shown: (
            shown.pixels if shown.found is None else draw(shown.pixels, shown.found, model.classes)
        )

    def loop(self, halt: threading.Event) -> Health:
        until = float("inf") if self._options.seconds is None else self._begun + self._options.seconds
        while not halt.is_set() and time.monotonic() < until:
            if self._source.failed is not None:
                raise self._source.failed
            frame = self._newest.take(_LOOK_S)
            if frame is not None:
                self._look(frame)
            if time.monotonic() - self._told >= _STATUS_S:
                self._told = time.monotonic()
                self._status(self._dog.health())
        for interval in self._intervals.finish():
            self._append(interval)
        health = self._dog.health("stopped")
        self._status(health)
        return health

    def _look(self, frame: LiveFrame) -> None:
        try:
            pixels = upright(frame.image, frame.turn)
        except StreamError:
            # One odd frame of a camera that goes on for months ends nothing; it is counted.
            self._dog.looked(frame.received, refused=True)
            return
        name = f"live@{frame.number}"
        found = self._model.seen([DecodedImage(name, name, pixels)])[0]
        refused = isinstance(found, InputError)
        self._dog.looked(frame.received, refused=refused)
        self._first = self._first or frame
        time_s = frame.received - self._first.received
        if not self._stream.offer(_Shown(pixels, None if isinstance(found, InputError) else found, time_s)):
            self._dog.not_streamed += 1
        if not isinstance(found, InputError):
            self._count(frame, found)

    def _count(self, frame: LiveFrame, found: Detections) -> None:
        before = self._covered
        for interval in self._intervals.add(frame.number, frame.moment, self._model.classes.counts(found)):
            self._append(interval)
            before = (frame.moment, frame.moment)
        self._covered = (before[0] or frame.moment, frame.moment)

    def _append(self, interval: Interval) -> None:
        covered = self._covered[1] - self._covered[0]
        # Frames that came since the rows before: those of this interval, to within the frame that closed it.
        received = self._newest.received - self._received
        self._received = self._newest.received
        camera = self._options.camera or self._address.shown
        append_interval(self._out, self._model, interval, camera, covered, received)
        self._counted = described(self._model, interval, covered)

    def _status(self, health: Health) -> None:
        content = {
            **health.as_dict(), "source": self._address.shown, "updated": now(), "model": self._model.described(),
            "interval_s": self._options.interval_s, "camera": self._options.camera, "counted": self._counted,
        }  # fmt: skip
        write_json(self._out / STATUS, content, durable=False)
        self._tell(health)
