"""How this machine reaches package registries, for the stage of a build that is thrown away.

Registry addresses may hold passwords. Build arguments stay in an image's history and files that are copied stay in its layers, so
both settings go as files into the stage ``install`` of the Dockerfiles, of which only ``/out`` reaches the image.
"""

import ast
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tidelab.containers.content import Item
from tidelab.containers.errors import ImageError

# What decides where packages come from. Places on this machine's disk mean nothing inside a build.
_KEPT: Final = (
    "index-url",
    "extra-index-url",
    "trusted-host",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
)
_CERTIFICATES: Final = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_SYSTEM: Final = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
_LINE: Final = re.compile(r"^(?::env:|[\w-]+)\.([\w-]+)=(.*)$")


def registry_items(environment: Mapping[str, str] | None = None, pip_config: str | None = None) -> list[Item]:
    """Return ``host/pip.conf`` and ``host/ca.crt`` as this machine's pip is set up; both are left out of digests.

    Parameters
    ----------
    environment
        Variables to read; default: those of this process.
    pip_config
        What ``pip config list`` prints; default: ask pip.

    Raises
    ------
    ImageError
        A certificate file that is named and cannot be read.
    """
    environment = os.environ if environment is None else environment
    settings = read_settings(_ask_pip() if pip_config is None else pip_config)
    lines = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()) if name in _KEPT)
    return [
        Item("host/pip.conf", text=f"[global]\n{lines}", counts=False),
        Item("host/ca.crt", text=_certificates(environment, settings.get("cert")), counts=False),
    ]


def read_settings(listed: str) -> dict[str, str]:
    r"""Return pip's settings, a later line over an earlier one (files, then the environment), without places on the disk.

    >>> read_settings("global.index-url='https://registry.example/simple'\n:env:.find-links='/opt/wheels'")
    {'index-url': 'https://registry.example/simple'}
    """
    found = {}
    for line in listed.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        name, value = match[1].replace("_", "-").lower(), _unquoted(match[2])
        if name != "cert":
            value = " ".join(part for part in value.split() if not part.startswith(("/", "file:", "~", ".")))
        if value:
            found[name] = value
    return found


def _unquoted(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else str(value)


def _ask_pip() -> str:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            capture_output=True, text=True, timeout=30, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""  # no pip here: the registry's own address and no settings
    return done.stdout


def _certificates(environment: Mapping[str, str], configured: str | None) -> str:
    """Return the certificates that this machine trusts, for an inspecting proxy is known here and not in a base image."""
    named = [environment[name] for name in _CERTIFICATES if environment.get(name)]
    chosen = [*named[:1], *([configured] if configured else [])][:1]
    for place in (*map(Path, chosen), *(_SYSTEM if not chosen else ())):
        if place.is_file():
            return _pem(place)
        if chosen:
            raise ImageError(
                f"The certificate file {place} is not there. Correct PIP_CERT (or REQUESTS_CA_BUNDLE, SSL_CERT_FILE), or unset it."
            )
    return "".join(_system_store())


def _system_store() -> Iterator[str]:
    for certificate in ssl.create_default_context().get_ca_certs(binary_form=True):
        yield ssl.DER_cert_to_PEM_cert(certificate)


def _pem(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ImageError(f"The certificate file {file} cannot be read ({error.strerror}).") from None
