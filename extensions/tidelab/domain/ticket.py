"""Who looks at an app: a short-lived statement, signed by the apps service, checked by the kernel behind the page.

A pre-heated kernel knows nobody. The page brings it a ticket; only the service can have made one (Ed25519), so a visitor
cannot claim to be someone else, and the kernel holds nothing that could make a ticket.
"""

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LIFETIME_S: Final = 600
"""Seconds a ticket is good for: a page that is being prepared brings it within one, and it is used once."""
_MAX_LENGTH: Final = 4096
_PURPOSE: Final = "tidelab-app-ticket:1"


class TicketError(ValueError):
    """A ticket that is not accepted; the text says why, without repeating the ticket."""


@dataclass(frozen=True)
class Ticket:
    """One person, looking at one app.

    Parameters
    ----------
    user
        Name of the person at the hub.
    app
        Slug of the use case whose page carries the ticket.
    exp
        Seconds since 1970 after which it is refused.
    """

    user: str
    app: str
    exp: int


def issue(key: Ed25519PrivateKey, user: str, app: str, *, now: float | None = None) -> str:
    """Return a signed ticket that is good for ten minutes from `now` (seconds since 1970)."""
    exp = int(time.time() if now is None else now) + LIFETIME_S
    body = json.dumps({"app": app, "exp": exp, "for": _PURPOSE, "user": user}, sort_keys=True).encode()
    return f"{_encode(body)}.{_encode(key.sign(body))}"


def verify(text: str, key: Ed25519PublicKey, app: str, *, now: float | None = None) -> Ticket:
    """Return what a ticket says.

    Parameters
    ----------
    text
        The ticket as the page holds it.
    key
        Public key of the apps service.
    app
        Slug that the ticket must be for.
    now
        Seconds since 1970; the clock when None.

    Raises
    ------
    TicketError
        When it was not made by the service, was changed, is for another app, or is too old.
    """
    if len(text) > _MAX_LENGTH or text.count(".") != 1:
        raise TicketError("the ticket is not one that the apps service makes.")
    body, signature = (_decode(part) for part in text.split("."))
    try:
        key.verify(signature, body)
    except InvalidSignature:
        raise TicketError("the ticket was not signed by this apps service.") from None
    # Parsed only after the signature: what is below was written by `issue`.
    fields = json.loads(body)
    if fields.get("for") != _PURPOSE:
        raise TicketError("the ticket was made for another purpose.")
    if fields["app"] != app:
        raise TicketError("the ticket is for another app.")
    if fields["exp"] < (time.time() if now is None else now):
        raise TicketError("the ticket is too old. Reload the page.")
    return Ticket(user=str(fields["user"]), app=str(fields["app"]), exp=int(fields["exp"]))


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public key as it stands in ``TIDELAB_TICKET_KEY``."""
    return _encode(key.public_key().public_bytes_raw())


def public_key(text: str) -> Ed25519PublicKey:
    """Read ``TIDELAB_TICKET_KEY``; raise TicketError when it is not a key."""
    try:
        return Ed25519PublicKey.from_public_bytes(_decode(text))
    except ValueError:
        raise TicketError("TIDELAB_TICKET_KEY is not an Ed25519 public key.") from None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TicketError("the ticket is not one that the apps service makes.") from None
