"""Passwords: scrypt with its parameters stored beside each hash, so that they can be raised later.

A stored password reads ``scrypt$<n>$<r>$<p>$<salt>$<key>`` (base64). The cost follows the OWASP password storage cheat
sheet: n=2^16, r=8, p=2 needs 64 MiB and a few tenths of a second per guess.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 256
_KEY_BYTES = 32
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0/o, 1/l/i: people type it from a terminal


class PasswordError(ValueError):
    """A password that may not be used; the text says which rule it breaks."""


@dataclass(frozen=True)
class Cost:
    """Cost of one scrypt computation (memory is about 128 * n * r bytes)."""

    n: int = 2**16
    r: int = 8
    p: int = 2

    @property
    def memory(self) -> int:
        """Bytes that hashlib must be allowed to take."""
        return 128 * self.r * (self.n + self.p + 2) + 1024 * 1024


COST = Cost()


def generate_password() -> str:
    """Return a password of four groups of four letters or digits (about 79 bits)."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def check_new_password(password: str, name: str = "") -> None:
    """Refuse a new password that is too short, too long or the account's name.

    Raises
    ------
    PasswordError
        The password breaks a rule.
    """
    if len(password) < MINIMUM_LENGTH:
        raise PasswordError(
            f"A password needs at least {MINIMUM_LENGTH} characters; this one has {len(password)}."
        )
    if len(password) > MAXIMUM_LENGTH:
        raise PasswordError(
            f"A password may have at most {MAXIMUM_LENGTH} characters; this one has {len(password)}."
        )
    if len(set(password)) < 5:
        raise PasswordError("A password needs at least 5 different characters.")
    if name and password.strip().lower() == name.lower():
        raise PasswordError("The password may not be the account's name.")


def hash_password(password: str, cost: Cost = COST) -> str:
    """Return what is stored for a password, with a fresh salt."""
    salt = secrets.token_bytes(16)
    return f"scrypt${cost.n}${cost.r}${cost.p}${_encode(salt)}${_encode(_derive(password, salt, cost))}"


def verify_password(password: str, stored: str) -> bool:
    """Compare a password with a stored one in constant time; anything unreadable is a wrong password."""
    try:
        cost, salt, key = _parse(stored)
        if len(password) > MAXIMUM_LENGTH:
            return False
        return hmac.compare_digest(_derive(password, salt, cost), key)
    except (ValueError, binascii.Error, OverflowError):
        return False


def needs_upgrade(stored: str, cost: Cost = COST) -> bool:
    """Tell whether a stored password was made with another cost than today's."""
    try:
        return _parse(stored)[0] != cost
    except (ValueError, binascii.Error):
        return True


def _derive(password: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=cost.memory, dklen=_KEY_BYTES
    )


def _parse(stored: str) -> tuple[Cost, bytes, bytes]:
    kind, n, r, p, salt, key = stored.split("$")
    cost = Cost(int(n), int(r), int(p))
    if kind != "scrypt" or cost.memory > 2**30 or min(cost.n, cost.r, cost.p) < 1:
        raise ValueError("not a stored password of ours")
    return cost, base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True)


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
