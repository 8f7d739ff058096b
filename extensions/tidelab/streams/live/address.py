"""Where a live source is, and how it is shown: never with a login."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tidelab.runs.names import display_name
from tidelab.streams.errors import StreamError

LOGIN: Final = "TIDELAB_STREAM_LOGIN"
AUTHORITY: Final = "TIDELAB_STREAM_CA"
_KINDS: Final = {"rtsp": "rtsp", "rtsps": "rtsp", "udp": "mpegts", "http": "mpegts", "https": "mpegts"}
_SECURE: Final = ("rtsps", "https")
_TELLING: Final = frozenset("=&:;@,")
"""Characters of a path that stand between names and values, and so may stand before a password."""

_EXPECTED: Final = "Expected loop:FILE (a video that is repeated) or an address such as rtsp://camera.example/stream, udp://@:1234 or http://camera.example/live.ts (MPEG-TS)."


@dataclass(frozen=True)
class Address:
    """A live source.

    Parameters
    ----------
    kind
        ``loop``, ``rtsp`` or ``mpegts`` (a transport stream over UDP or HTTP).
    shown
        For logs, files and screens: without login, without what stands behind a ``?``, and with ``…`` for each part of the path that may
        hold a password (cameras take ``/user=admin&password=x&channel=1`` and ``/admin:x/1``).
    target
        Path or address; may hold a password. It is not part of the text of this object.
    authority
        File of certificates (PEM) that a source with TLS is checked against; empty: those of the system.
    """

    kind: str
    shown: str
    target: str
    authority: str = ""

    @property
    def scheme(self) -> str:
        """``loop``, or that of the address."""
        return self.shown.partition(":")[0]

    @property
    def is_secure(self) -> bool:
        """Whether it is read over TLS, its certificate checked."""
        return self.scheme in _SECURE

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> "Address":
        """Return a source as a person writes it.

        Parameters
        ----------
        text
            ``loop:FILE``, ``rtsp://...``, ``rtsps://...``, ``udp://...``, ``http://...`` or ``https://...``. A login in it is seen by everybody who may
            list the processes of the machine; better put it into the variable ``TIDELAB_STREAM_LOGIN`` (``name:password``).
        environment
            Where that variable and ``TIDELAB_STREAM_CA`` are looked up.

        Raises
        ------
        StreamError
            When it is none of these, or ``TIDELAB_STREAM_CA`` is no file of certificates; the text holds no login.

        Examples
        --------
        >>> Address.parse("rtsp://ada:secret@cam.example:554/h264?password=x", {}).shown
        'rtsp://cam.example:554/h264?…'
        >>> Address.parse("rtsp://cam.example/user=admin&password=x&channel=1/0", {}).shown
        'rtsp://cam.example/…/0'
        """
        if text.startswith("loop:"):
            return cls("loop", *_of_file(text))
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise StreamError(f"The source is no address that can be read. {_EXPECTED}") from None
        kind = _KINDS.get(parts.scheme, "")
        # udp://@:1234 listens for whoever sends.
        listens = parts.scheme == "udp" and port is not None
        if (
            not kind
            or (parts.scheme == "udp" and not listens)
            or not (host or listens)
            or any(char.isspace() for char in text)
        ):
            shown = f"{parts.scheme}://…" if "://" in text else display_name(text.partition(":")[0][:40])
            raise StreamError(f"{shown} is no live source. {_EXPECTED}")
        name = f"[{host}]" if ":" in host else host
        place = name if port is None else f"{name or '@'}:{port}"
        # A password with / ? or # in it ends the host early: what then looks like a port is its beginning.
        rest = f"{parts.path}?{parts.query}#{parts.fragment}"
        cut = "@" not in parts.netloc and "@" in rest
        shown = f"{parts.scheme}://{name if cut else place}{_masked(parts.path)}{'?…' if parts.query else ''}"
        login = place if parts.scheme == "udp" else _login(parts.netloc, place, environment)
        target = urlunsplit((parts.scheme, login, parts.path, parts.query, ""))
        authority = _authority(environment) if parts.scheme in _SECURE else ""
        return cls(kind, shown, target, authority)


def _of_file(text: str) -> tuple[str, str]:
    """Return how a repeated file is shown, and its path."""
    path = Path(text.removeprefix("loop:")).expanduser()
    if not path.is_file():
        # Whoever put loop: before the address of a camera may have written its login there.
        named = "loop:…" if "@" in text or "//" in text else display_name(str(path))
        raise StreamError(f"{named} is no file. {_EXPECTED}")
    return f"loop:{display_name(path.name)}", str(path)


def _authority(environment: Mapping[str, str]) -> str:
    given = environment.get(AUTHORITY, "")
    if not given:
        return ""
    named = f"{AUTHORITY} is {display_name(given)}, which"
    if not Path(given).is_file():
        raise StreamError(f"{named} is no file; expected certificates (PEM).")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # Before the first frame: FFmpeg would say of such a file that the connection failed, and try again for ever.
        context.load_verify_locations(cafile=given)
    except ssl.SSLError:
        pass  # an SSLError is an OSError, and its words are OpenSSL's own
    except OSError as error:
        raise StreamError(
            f"{named} cannot be read ({error.strerror or type(error).__name__}); expected certificates (PEM)."
        ) from None
    if not context.cert_store_stats()["x509"]:
        raise StreamError(
            f"{named} holds no certificates in PEM (text with -----BEGIN CERTIFICATE-----). If it is a certificate in DER (often .crt, .cer or .der), convert "
            "it with: openssl x509 -inform der -in camera.crt -out camera.pem"
        )
    return given


def _masked(path: str) -> str:
    """Return a path with ``…`` for the parts that are more than a name."""
    return "/".join(
        "…" if any(char in _TELLING for char in unquote(part)) else display_name(part)
        for part in path.split("/")
    )


def _login(netloc: str, place: str, environment: Mapping[str, str]) -> str:
    if "@" in netloc:
        return f"{netloc.rpartition('@')[0]}@{place}"
    given = environment.get(LOGIN, "")
    if not given:
        return place
    name, colon, password = given.partition(":")
    if not colon or not name:
        raise StreamError(f"{LOGIN} is not name:password.")
    return f"{quote(name, safe='')}:{quote(password, safe='')}@{place}"
