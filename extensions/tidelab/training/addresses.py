"""Which addresses may be fetched from: https, known hosts, never a private network.

A URL in a declaration or a redirect of a repository must not make this machine talk to its own network (server-side request
forgery): names are resolved first, every redirect is checked again, and the peer that finally answered is checked once more.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

DEFAULT_HOSTS: Final = (
    "zenodo.org", "doi.org", "vliz.be", "marineinfo.org", "pangaea.de", "figshare.com", "github.com", "githubusercontent.com",
    "huggingface.co", "hf.co",
)  # fmt: skip
"""Repositories that publish models of this field, with their sub-domains."""

HOSTS_VARIABLE: Final = "TIDELAB_DOWNLOAD_HOSTS"


class AddressError(ValueError):
    """An address that must not be fetched; the text says which and why."""


@dataclass(frozen=True)
class AddressRules:
    """Where downloads may go.

    Parameters
    ----------
    hosts
        Allowed hosts, with their sub-domains.
    trusted_origins
        ``scheme://host:port`` that are exempt from every rule: a mirror in one's own house, or a test's stand-in server.
    """

    hosts: tuple[str, ...] = DEFAULT_HOSTS
    trusted_origins: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls) -> "AddressRules":
        """Return the default rules with the hosts of ``TIDELAB_DOWNLOAD_HOSTS`` (separated by ``,``) besides."""
        extra = tuple(
            host.strip().lower() for host in os.environ.get(HOSTS_VARIABLE, "").split(",") if host.strip()
        )
        return cls(hosts=DEFAULT_HOSTS + extra)

    def trusts(self, url: str) -> bool:
        """Whether the URL belongs to a trusted origin."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" in self.trusted_origins

    def check(self, url: str) -> None:
        """Raise `AddressError` unless the URL may be fetched."""
        if self.trusts(url):
            return
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            raise AddressError(f"{url[:200]!r} is not a web address.") from None
        if parts.scheme != "https":
            raise AddressError(
                f"{_shown(url)} is not https, so what arrives could have been changed on the way. Give an https address."
            )
        if parts.username or parts.password:
            raise AddressError(
                "The address holds a user name or password; secrets do not belong in addresses."
            )
        if port not in (None, 443):
            raise AddressError(f"{_shown(url)} names port {port}; downloads use https on port 443.")
        if not any(host == known or host.endswith(f".{known}") for known in self.hosts):
            raise AddressError(
                f"{host or 'This address'} is not among the hosts that models may be fetched from ({', '.join(self.hosts)}). "
                f"An administrator can add it in {HOSTS_VARIABLE}; or download the file yourself, check it, and give its path."
            )
        for address in _resolve(host):
            check_peer(address, host)


def check_peer(address: str, host: str) -> None:
    """Raise `AddressError` unless an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if not ip.is_global or ip.is_multicast:
        raise AddressError(f"{host} leads to {ip}, an address inside a private network; nothing was fetched.")


def _resolve(host: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
    except OSError:
        raise ConnectionError(f"the name {host} cannot be resolved") from None


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]
