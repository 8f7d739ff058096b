"""The reader of a live source: drains it, and connects again when it breaks off, later and later."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av.error

from tidelab.runs.limits import Limits
from tidelab.streams.errors import StreamError
from tidelab.streams.live.address import Address
from tidelab.streams.live.connecting import open_source, why_not
from tidelab.streams.live.newest import Newest
from tidelab.streams.reading import Sound, VideoReader

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
SILENT_S: Final = 10.0
"""Seconds without a packet after which a connection counts as broken off."""
_STEADY_S: Final = 30.0
"""A connection that held for so long was good: the next wait is short again."""


class Source:
    """Reads a source in a thread of its own until it is stopped; use as a context manager.

    Parameters
    ----------
    address
        The source.
    newest
        Takes each frame.
    limits
        `megapixels` of a frame.
    first_wait_s
        Seconds before the first attempt to connect again; doubled up to a minute.
    silent_s
        Seconds without a packet after which the connection is made anew.

    Attributes
    ----------
    state
        ``connecting``, ``reading`` or ``waiting``.
    problem
        Why it is not reading now, in words; empty: it is.
    connections
        How often it was connected.
    damaged
        Packets that came damaged or could not be decoded: those a network lost a part of, and those before the first whole picture.
    """

    def __init__(
        self,
        address: Address,
        newest: Newest,
        limits: Limits,
        *,
        first_wait_s: float = FIRST_WAIT_S,
        silent_s: float = SILENT_S,
    ) -> None:
        self._address, self._newest, self._limits = address, newest, limits
        self._first_wait, self._silent = first_wait_s, silent_s
        self._stop = threading.Event()
        # A daemon: a connection that hangs in the network is not waited for when the program ends.
        self._thread = threading.Thread(target=self._run, name="live-source", daemon=True)
        self.state, self.problem, self.connections, self.damaged = "connecting", "", 0, 0
        self.failed: BaseException | None = None

    def __enter__(self) -> "Source":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        try:
            self._read_on()
        except BaseException as error:
            self.failed = error

    def _read_on(self) -> None:
        wait = self._first_wait
        while not self._stop.is_set():
            self.state = "connecting"
            begun = time.monotonic()
            try:
                for image, turn in self._frames():
                    self.state, self.problem = "reading", ""
                    self._newest.put(image, turn)
                    if self._stop.is_set():
                        return
                self.problem = "the source ended the stream"
            except StreamError as error:
                if self._address.kind == "loop":
                    raise  # a file does not get better by waiting
                self.problem = str(error)
            except av.error.FFmpegError as error:
                self.problem = why_not(self._address, error, self._silent)
            if self._address.kind == "loop":
                continue
            if time.monotonic() - begun >= _STEADY_S:
                wait = self._first_wait
            self.state = "waiting"
            self._stop.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT_S)

    def _frames(self) -> "Iterator[tuple[VideoFrame, int]]":
        return self._loop() if self._address.kind == "loop" else self._stream()

    def _loop(self) -> "Iterator[tuple[VideoFrame, int]]":
        """Play a file once, as fast as its times say."""
        with VideoReader(Path(self._address.target), self._limits) as reader:
            self.connections += 1
            begun, index, shown_s = time.monotonic(), 0, 0.0
            for item in reader.items():
                if isinstance(item, Sound):
                    continue
                if self._stop.wait(max(0.0, begun + item.time_s - time.monotonic())):
                    return
                index, shown_s = index + 1, float(item.duration * reader.time_base)
                yield item.image, reader.facts.turn
            if not index:
                raise StreamError(
                    f"{self._address.shown}: not one frame could be decoded ({reader.broken or 'it is empty'})."
                )
            self._stop.wait(min(1.0, shown_s))

    def _stream(self) -> "Iterator[tuple[VideoFrame, int]]":
        with open_source(self._address, self._silent) as container:
            track = container.streams.video[0]
            # Frame threads hold frames back; slices do not.
            track.thread_type = "SLICE"
            track.codec_context.options = {"max_pixels": str(self._limits.megapixels * 1_000_000)}
            self.connections += 1
            for packet in container.demux(track):
                if self._stop.is_set():
                    return
                # Of a network that loses packets, parts are missing; what is left of the picture is shown, and counted here.
                self.damaged += packet.is_corrupt
                try:
                    images = packet.decode()
                except av.error.InvalidDataError:
                    self.damaged += not packet.is_corrupt
                    continue  # a damaged packet, or the frames before the first whole picture
                for image in images:
                    angle = image.rotation
                    yield image, 0 if angle % 90 else round(angle / 90) % 4
