"""A camera: an RTSP server on 127.0.0.1 that sends H.264 over the connection (RFC 2326 with interleaved RTP), with or without a login and TLS."""

import contextlib
import socket
import ssl
import threading
import time
from typing import Any

import av

from tests.support.rtsp_logins import Login, Scheme
from tests.support.squares import moving, picture, video_frame

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=squares\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


class RtspCamera:
    """Sends the standard clip of squares for ever, one connection at a time; use as a context manager.

    Parameters
    ----------
    rate
        Frames a second.
    login
        ``name:password`` it asks for; empty: none.
    hang_up_after
        Frames after which each connection is cut; None: never.
    silent
        Say nothing more instead of cutting it.
    scheme
        How it asks for the login.
    tls
        Of an ``rtsps`` camera; None: plain.

    Attributes
    ----------
    connections
        That were played.
    refused
        Requests without the right login.
    login
        What it asked for and what it was told.
    """

    def __init__(
        self,
        rate: int = 25,
        *,
        login: str = "",
        hang_up_after: int | None = None,
        silent: bool = False,
        scheme: Scheme = "basic",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rate, self._hang_up, self._silent, self._tls = rate, hang_up_after, silent, tls
        self.login = Login(login, scheme)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.connections = self.refused = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "RtspCamera":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # A handshake that fails is an OSError too: whoever does not trust the certificate hangs up.
            with connection, contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                connection.settimeout(10)
                if self._tls is not None:
                    connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                if self._agree(connection):
                    self.connections += 1
                    self._play(connection)

    def _agree(self, connection: socket.socket) -> bool:
        """Answer requests until PLAY."""
        while not self._stop.is_set():
            request = self._request(connection)
            if not request:
                return False
            method = request[0].split()[0]
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in request[1:])
            }
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers.get('cseq', '0')}\r\n"
            if not self.login.lets_in(method, headers.get("authorization", "")):
                self.refused += 1
                answer = answer.replace("200 OK", "401 Unauthorized") + self.login.challenge()
                connection.sendall(f"{answer}\r\n".encode())
                continue
            if method == "OPTIONS":
                answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                answer += f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n"
            elif method == "SETUP":
                answer += "Session: 12345678\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            elif method == "PLAY":
                answer += "Session: 12345678\r\n"
            connection.sendall(f"{answer}\r\n{_SDP if method == 'DESCRIBE' else ''}".encode())
            if method == "PLAY":
                return True
        return False

    def _request(self, connection: socket.socket) -> list[str]:
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            piece = connection.recv(1)
            if not piece:
                return []
            text += piece
        return text.decode().strip().split("\r\n")

    def _play(self, connection: socket.socket) -> None:
        """FFmpeg makes the RTP packets and sends them to a socket of ours; each goes on in a frame of the connection."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", 0))
            packets.setblocking(False)
            target = f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1200"
            with av.open(target, "w", format="rtp") as out:
                track: Any = out.add_stream(
                    "libx264",
                    rate=self._rate,
                    options={"preset": "ultrafast", "tune": "zerolatency", "g": "10"},
                )
                track.width, track.height, track.pix_fmt = 160, 120, "yuv420p"
                begun = time.monotonic()
                for number in range(self._hang_up or 1_000_000):
                    if self._stop.wait(max(0.0, begun + number / self._rate - time.monotonic())):
                        return
                    out.mux(track.encode(video_frame(picture(moving(number % 40)), number, self._rate)))
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            packet = packets.recv(65_536)
                            connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
                if self._silent:
                    with contextlib.suppress(OSError):
                        while connection.recv(4096) and not self._stop.is_set():
                            pass  # until the other side has had enough
