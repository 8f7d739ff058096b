"""How the camera of the tests asks for a login: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2617 without ``qop``)."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal
from urllib.request import parse_http_list, parse_keqv_list

Scheme = Literal["basic", "digest-md5", "digest-md5-2069", "digest-sha256", "digest-both"]
_REALM = "camera"


@dataclass
class Login:
    """What a camera asks for and whether an answer is right.

    Parameters
    ----------
    text
        ``name:password``; empty: anybody may come in.
    scheme
        ``digest-md5-2069`` has no ``qop``, as old cameras do; ``digest-both`` offers SHA-256 and then MD5, as RFC 7616 has it.

    Attributes
    ----------
    headers
        ``Authorization`` headers that came, in order.
    """

    text: str = ""
    scheme: Scheme = "basic"
    headers: list[str] = field(default_factory=list)
    _nonces: set[str] = field(default_factory=set)

    def challenge(self) -> str:
        """Return the header that asks for it."""
        if self.scheme == "basic":
            return f'WWW-Authenticate: Basic realm="{_REALM}"\r\n'
        nonce = secrets.token_hex(16)
        self._nonces.add(nonce)
        offered = {"digest-sha256": ["SHA-256"], "digest-both": ["SHA-256", "MD5"]}.get(self.scheme, ["MD5"])
        qop = "" if self.scheme == "digest-md5-2069" else ', qop="auth"'
        lines = (f'Digest realm="{_REALM}", nonce="{nonce}", algorithm={name}{qop}' for name in offered)
        return "".join(f"WWW-Authenticate: {line}\r\n" for line in lines)

    def lets_in(self, method: str, header: str) -> bool:
        """Whether an ``Authorization`` header is the right one for a request."""
        if not self.text:
            return True
        if header:
            self.headers.append(header)
        scheme, _, rest = header.partition(" ")
        if self.scheme == "basic":
            return scheme == "Basic" and rest == base64.b64encode(self.text.encode()).decode()
        return scheme == "Digest" and self._digest_is_right(method, parse_keqv_list(parse_http_list(rest)))

    def _digest_is_right(self, method: str, given: dict[str, str]) -> bool:
        name, _, password = self.text.partition(":")
        if given.get("nonce") not in self._nonces or given.get("username") != name:
            return False

        def hashed(*parts: str) -> str:
            sha = given.get("algorithm") == "SHA-256"
            made = hashlib.sha256() if sha else hashlib.md5(usedforsecurity=False)
            made.update(":".join(parts).encode())
            return made.hexdigest()

        who, what = hashed(name, _REALM, password), hashed(method, given.get("uri", ""))
        if self.scheme == "digest-sha256" and given.get("algorithm") != "SHA-256":
            return False
        if self.scheme == "digest-md5-2069":
            return given.get("response") == hashed(who, given["nonce"], what)
        if given.get("qop") != "auth" or not given.get("nc") or not given.get("cnonce"):
            return False
        counted = (given["nonce"], given["nc"], given["cnonce"], given["qop"])
        return given.get("response") == hashed(who, *counted, what)
