"""How a live source is opened, and in words why it is not: what FFmpeg may do is said for each kind of source, and nothing else is allowed."""

import contextlib
import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import av
import av.error

from tidelab.runs.names import display_name
from tidelab.streams.errors import StreamError
from tidelab.streams.live.address import AUTHORITY, LOGIN, Address
from tidelab.streams.opening import words

if TYPE_CHECKING:
    from av.container import InputContainer

OPEN_S: Final = 15.0
_HANDSHAKE_S: Final = 5.0
_LOW_DELAY: Final = {"fflags": "nobuffer", "flags": "low_delay"}
_RTSP: Final = {
    **_LOW_DELAY,
    "rtsp_transport": "tcp",
    "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,udp",
    "allowed_media_types": "video",
    # Microseconds of looking before the first frame; an RTSP source has described itself already.
    "analyzeduration": "1000000",
}
_MPEGTS: Final = {
    **_LOW_DELAY,
    # Bytes and microseconds of looking for the tracks: a source that never names them is given up.
    "probesize": "5000000",
    "analyzeduration": "5000000",
}
_UDP: Final = {
    "protocol_whitelist": "udp",
    # Packets of 188 bytes that wait at most, and what happens to more: they are lost, and the stream goes on.
    "fifo_size": "28672",
    "overrun_nonfatal": "1",
}
_HTTP: Final = {
    # A redirect could lead anywhere, and take the login along.
    "max_redirects": "0",
    "http_proxy": "",
    "reconnect": "0",
}


def open_source(address: Address, silent_s: float) -> "InputContainer":
    """Open a live source that is no file.

    Parameters
    ----------
    address
        The source.
    silent_s
        Seconds without a packet after which reading raises `av.error.ExitError`.

    Raises
    ------
    StreamError
        In words, without the login, where it cannot be opened.
    """
    container: Any = None
    try:
        container = av.open(
            address.target,
            "r",
            format="mpegts" if address.kind == "mpegts" else None,
            options=options_of(address),
            timeout=(OPEN_S, silent_s),
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise StreamError(why_not(address, error, silent_s)) from None
    if not container.streams.video:
        container.close()
        raise StreamError("the source has no video")
    opened: InputContainer = container
    return opened


def options_of(address: Address) -> dict[str, str]:
    """Return what FFmpeg is told about a source; certificates are always checked."""
    scheme = address.scheme
    if address.kind == "rtsp":
        found = dict(_RTSP)
    elif scheme == "udp":
        host = urlsplit(address.target).hostname or ""
        # A unicast address says on which of the machine's addresses to listen; FFmpeg alone would listen on all.
        found = {**_MPEGTS, **_UDP, **({"localaddr": host} if host and not _is_multicast(host) else {})}
    else:
        found = {
            **_MPEGTS,
            **_HTTP,
            "protocol_whitelist": "https,tls,tcp" if address.is_secure else "http,tcp",
        }
    if address.is_secure:
        found |= {"tls_verify": "1"}
        authority = authority_file(address)
        found |= {"ca_file": authority} if authority else {}
    return found


def authority_file(address: Address, environment: Mapping[str, str] = os.environ) -> str:
    """Return the file of certificates that a source is checked against: the person's own, else that of the system; empty: none was found."""
    if address.authority:
        return address.authority
    paths = ssl.get_default_verify_paths()
    for path in (environment.get("SSL_CERT_FILE", ""), paths.cafile or "", paths.openssl_cafile):
        if path and Path(path).is_file():
            return path
    with contextlib.suppress(ImportError):
        import certifi

        return str(certifi.where())
    return ""


def why_not(address: Address, error: BaseException, silent_s: float) -> str:
    """Return in words why a source could not be opened or broke off; holds no login."""
    if isinstance(error, av.error.ExitError):
        # What PyAV's clock raises when nothing came in time.
        return f"it was silent for {silent_s:g} s, or did not answer in {OPEN_S:g} s"
    if isinstance(error, av.error.HTTPUnauthorizedError):
        given = (
            "name or password is wrong"
            if "@" in address.target
            else f"none was given ({LOGIN}=name:password)"
        )
        return f"the source refused the login (401 Unauthorized): {given}, or it asks for a kind that is not known here; known are Basic and Digest with MD5"
    if address.is_secure and not isinstance(error, av.error.HTTPClientError):
        fault = certificate_fault(address)
        if fault:
            return fault
    unreadable = isinstance(error, av.error.InvalidDataError) or getattr(error, "errno", 0) == errno.EIO
    if unreadable and address.kind == "mpegts":
        return f"what it sends is no MPEG-TS, or broke off ({words(error)})"
    return f"the connection failed ({words(error)})"


def certificate_fault(address: Address) -> str:
    """Return in words what is wrong with the certificate of a source; empty: nothing, or it cannot be asked."""
    parts = urlsplit(address.target)
    authority = authority_file(address)
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except (OSError, ValueError) as error:
        # The system's, or the person's own that was changed since the address was read.
        reason = words(error) if isinstance(error, OSError) else type(error).__name__
        return f"the file of certificates {display_name(authority)} cannot be used ({reason}); expected certificates (PEM), see {AUTHORITY}"
    host, port = parts.hostname or "", parts.port or (322 if address.scheme == "rtsps" else 443)
    try:
        with socket.create_connection((host, port), _HANDSHAKE_S) as plain:
            plain.settimeout(_HANDSHAKE_S)
            with context.wrap_socket(plain, server_hostname=host):
                return ""
    except ssl.SSLCertVerificationError as error:
        reason = " ".join(str(error.verify_message).split())[:120]
        return (
            f"its certificate is not trusted ({reason}). If the camera made it itself, put it (PEM) into a file, compare its fingerprint with that of the "
            f"camera, and name the file in {AUTHORITY}"
        )
    except (OSError, ValueError):
        return ""


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False
