"""Where a request comes from, for the rate limit: what the proxies say, never what the client says."""

import ipaddress
from collections.abc import Container

from tornado.httputil import HTTPServerRequest

UNKNOWN = "unknown"
_IPV6_NETWORK = 64


def client_address(request: HTTPServerRequest, trusted: Container[str] = ()) -> str:
    """Return the address that the nearest proxy saw, skipping our own proxies.

    Tornado's ``remote_ip`` is no answer: it believes the header ``X-Real-Ip``, which our proxy hands on as the client wrote it.
    Each proxy *appends* to ``X-Forwarded-For`` whom it saw, so its end is true and its beginning is the client's.

    Parameters
    ----------
    request
        A request that came through our proxy; one that did not comes from this machine and counts as `UNKNOWN`.
    trusted
        Addresses of reverse proxies in front of ours.

    Returns
    -------
    str
        An IPv4 address, or the /64 network of an IPv6 address: whoever has one address of it has all of them.
    """
    seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    return _key(next((one for one in reversed(seen) if one not in trusted), ""))


def _key(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _IPV6_NETWORK), strict=False))
