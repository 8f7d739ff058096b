"""Senders of MPEG-TS: the clip of squares for ever, over UDP and over HTTP, on 127.0.0.1."""

import base64
import contextlib
import http.server
import io
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, Self

import av

from tests.support.squares import moving, picture, video_frame

_PACKETS: Final = 7
_PACKET: Final = 188


def transport_stream(stop: threading.Event, rate: int, *, paced: bool = True) -> Iterator[bytes]:
    """Yield an MPEG transport stream of the squares in pieces, frame by frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
        track: Any = out.add_stream("libx264", rate=rate, options=options)
        track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
        begun = time.monotonic()
        for number in range(1_000_000):
            if stop.wait(max(0.0, begun + number / rate - time.monotonic()) if paced else 0.0):
                return
            out.mux(track.encode(video_frame(picture(moving(number % 40)), number, rate)))
            piece = buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
            yield piece


class UdpSender:
    """Sends to a port of 127.0.0.1; use as a context manager.

    Parameters
    ----------
    rate
        Frames a second.
    lose_every
        Every so many datagrams one is not sent; 0: none is lost.
    """

    def __init__(self, rate: int = 50, *, lose_every: int = 0) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._rate, self._lose = rate, lose_every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.sent = self.lost = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _send(self) -> None:
        waiting = b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for piece in transport_stream(self._stop, self._rate):
                waiting += piece
                while len(waiting) >= _PACKETS * _PACKET:
                    datagram, waiting = waiting[: _PACKETS * _PACKET], waiting[_PACKETS * _PACKET :]
                    self.sent += 1
                    if self._lose and self.sent % self._lose == 0:
                        self.lost += 1
                        continue
                    with contextlib.suppress(OSError):
                        out.sendto(datagram, ("127.0.0.1", self.port))


class HttpSender:
    """A web server: ``/live.ts`` is the stream, ``/page`` a page, ``/away`` a redirect to the stream; use as a context manager.

    Parameters
    ----------
    rate
        Frames a second.
    login
        ``name:password`` of Basic authentication; empty: none.
    """

    def __init__(self, rate: int = 50, *, login: str = "") -> None:
        stop = self._stop = threading.Event()
        seen = self.seen = []  # type: list[str]
        expected = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                if expected and self.headers.get("Authorization") != expected:
                    self._answer(401, **{"WWW-Authenticate": 'Basic realm="camera"'})
                elif self.path == "/away":
                    self._answer(302, Location="/live.ts")
                elif self.path == "/page":
                    self._answer(200, **{"Content-Type": "text/html"})
                    self.wfile.write(b"<!doctype html>" + b"<p>hello</p>" * 20_000)
                elif self.path == "/live.ts":
                    self._answer(200, **{"Content-Type": "video/mp2t"})
                    with contextlib.suppress(OSError):
                        for piece in transport_stream(stop, rate):
                            self.wfile.write(piece)
                else:
                    self._answer(404)

            def _answer(self, status: int, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
