"""Keyed digests: the same name or image gives the same digest here, and says nothing to whoever has not the key.

The key lies in ``<data>/usage/secret`` (mode 0600) and never leaves the machine. Whoever can read it (the operating-system user that
runs Tidelab, and so its admin) can try out names; whoever is handed the events alone cannot. It protects a list that is passed on,
not people from the admin of their hub. Without the file nobody can connect old events with new ones.

A server in a container does not see the key. The hub tells it the person's pseudonym (``TIDELAB_PSEUDONYM``), and contents are remembered
with a key of the person's own (``TIDELAB_USAGE`` lies in their home).
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

from tidelab import paths

_BYTES: Final = 32
_GIVEN: Final = re.compile(r"[0-9a-f]{32}")


def secret() -> bytes:
    """Return the key of this data folder; it is made at first use, once, whoever comes first.

    Raises
    ------
    OSError
        When it cannot be read or made.
    """
    path = paths.usage() / "secret"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise OSError(22, f"not a key of {_BYTES} bytes; restore it from a backup, or remove it", str(path))
    return key


def pseudonym(person: str, key: bytes) -> str:
    """Return 32 hexadecimal digits for a person's name (HMAC-SHA256, RFC 2104, cut to 128 bits)."""
    return hmac.digest(key, b"person\0" + person.encode(errors="surrogatepass"), hashlib.sha256).hex()[:32]


def own_pseudonym(person: str, key: bytes) -> str:
    """Return the pseudonym that the hub gave this server for its owner, else the one that our own key gives."""
    given = os.environ.get("TIDELAB_PSEUDONYM", "")
    if _GIVEN.fullmatch(given) and os.environ.get("TIDELAB_USER") == person:
        return given
    return pseudonym(person, key)


def fingerprint(text: str, key: bytes) -> bytes:
    """Return 16 bytes for an image's content in a use case; the same content elsewhere cannot be recognised without the key."""
    return hmac.digest(key, b"image\0" + text.encode(errors="surrogatepass"), hashlib.sha256)[:16]


def _make(path: Path) -> None:
    fresh = path.with_name(f".secret-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a replacement: of two that begin at once the first stays, and both read that one.
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink(missing_ok=True)
