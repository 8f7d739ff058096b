"""Translate the output of pip and npm into what failed and what to do."""

import re
from dataclasses import dataclass

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_NOISE = re.compile(r"^(ERROR|npm error|npm ERR!|error)[:\s]*", re.IGNORECASE)


@dataclass(frozen=True)
class Cause:
    """One known cause: the ``pattern`` in the output, and the words for it."""

    pattern: re.Pattern[str]
    what: str
    remedy: str


def _cause(pattern: str, what: str, remedy: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), what, remedy)


# The first match counts, so causes come before their consequences: pip without a network ends with "No matching distribution".
CAUSES = (
    _cause(
        r"No space left on device|Errno 28|ENOSPC|Disk quota exceeded",
        "the disk is full.",
        "free some space (`pip cache purge` may help), or put the environments elsewhere with TIDELAB_STATE, and run the same command again.",
    ),
    _cause(
        r"DO NOT MATCH THE HASHES|Hashes are required|EINTEGRITY|BadZipFile|Can't verify hashes",
        "a downloaded package is not the one that the lock names (its SHA-256 differs).",
        "run `pip cache purge` and try again; if it stays, the registry or a proxy on the way changes packages: do not install from it.",
    ),
    _cause(
        r"CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER|SSLError|unable to verify the first certificate",
        "the registry's certificate is not trusted.",
        "where a company proxy stands between, set PIP_CERT and NODE_EXTRA_CA_CERTS to its certificate file and try again.",
    ),
    _cause(
        r"Name or service not known|Temporary failure in name resolution|NewConnectionError|Network is unreachable|Connection refused"
        r"|ConnectTimeoutError|Read timed out|ReadTimeoutError|ProxyError|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET"
        r"|Connection aborted|Connection reset|RemoteDisconnected|IncompleteRead",
        "the package registry cannot be reached.",
        "check the network (and HTTPS_PROXY, PIP_INDEX_URL where you use them) and run the same command again; what was downloaded is kept.",
    ),
    _cause(
        r"\b(401|403) (Client )?Error|E401|E403|Unauthorized|status code 40[13]",
        "the package registry refuses us.",
        "check the login or token in your pip (or npm) configuration and run the same command again.",
    ),
    _cause(
        r"Permission denied|EACCES|Errno 13|Read-only file system",
        "a folder cannot be written.",
        "make the checkout writable for you, or put the environments elsewhere with TIDELAB_STATE.",
    ),
    _cause(
        r"requires a different Python|is not a supported wheel|Requires-Python|No matching distribution found|Could not find a version",
        "the registry offers no build of a package for this machine and Python.",
        "check the network and your pip settings first; a mirror may be incomplete. The locks are made for Linux with Python 3.11 or 3.12.",
    ),
    _cause(
        r"Killed|MemoryError|Cannot allocate memory|ENOMEM",
        "the machine ran out of memory.",
        "close other programs and run the same command again.",
    ),
)


def explain(output: str) -> tuple[str, str]:
    """Return ``(what failed, what to do)`` for the output of a failed pip or npm.

    An unknown failure is told by its last error line, without addresses' credentials.
    """
    for cause in CAUSES:
        if cause.pattern.search(output):
            return cause.what, cause.remedy
    line = last_error(output) or "it ended without a word"
    return f"{line.rstrip('.')}.", "read the full output; run the same command again after a change."


def last_error(output: str) -> str:
    """Return the last line that reads like an error, else the last line at all; empty for empty output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _NOISE.match(line) or re.search(r"\b\w+(Error|Exception)\b", line)]
    chosen = (errors or lines or [""])[-1]
    return redact(_NOISE.sub("", chosen))[:300]


def redact(text: str) -> str:
    """Return a text without user names and passwords inside addresses.

    >>> redact("Looking in https://me:secret@host/simple")
    'Looking in https://***@host/simple'
    """
    return _CREDENTIALS.sub("***@", text)
