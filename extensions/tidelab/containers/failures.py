"""Translate the builder's output into what failed and what to do."""

import re
from typing import Final

from tidelab.environments.failures import explain as explain_packages
from tidelab.environments.failures import redact

# The first match counts. What pip says is explained by the installer's own table.
_CAUSES: Final = (
    (
        r"no space left on device|disk quota exceeded",
        "the disk of the container engine is full.",
        "free some space (`docker system df` says what takes it; `docker image prune` removes images without a name), then the same command again.",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect|Is the docker daemon running",
        "the container engine stopped answering.",
        "see `systemctl status docker`, start it, and run the same command again; what was built is kept.",
    ),
    (
        r"pull access denied|manifest unknown|repository does not exist|not found: manifest",
        "the image it lies on is neither here nor in a registry.",
        "name another with --base-image, or make one on this machine: images/base/make.sh (Debian).",
    ),
    (
        r"failed to resolve source metadata|dial tcp.*(i/o timeout|no such host|connection refused)|TLS handshake timeout|"
        r"Client\.Timeout exceeded",
        "the image registry cannot be reached.",
        "check the network and the engine's proxy settings; or make the base image on this machine: images/base/make.sh (Debian).",
    ),
    (
        r"Failed to fetch https?://|Unable to locate package|Temporary failure resolving",
        "the Debian packages cannot be fetched.",
        "check the network (and HTTP_PROXY where you use one), then the same command again.",
    ),
    (
        r"Release file .* is not valid yet|certificate verification failed: The certificate is NOT trusted",
        "a Debian mirror is not trusted.",
        "check this machine's clock; for a mirror behind an inspecting proxy give its certificate with --ca-bundle.",
    ),
    (
        r"SHA256SUMS|computed checksums? did NOT match",
        "published weights are not the file whose sha256 is declared.",
        "fetch them again (`tidelab images build --weights`); if it stays, the file at that place has changed: do not use it.",
    ),
)


def explain(output: str) -> tuple[str, str]:
    """Return what failed and what to do, for the output of a build; credentials are cut out."""
    for pattern, what, remedy in _CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return what, remedy
    what, remedy = explain_packages(output)
    return redact(what), remedy
