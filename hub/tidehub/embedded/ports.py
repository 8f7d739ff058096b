"""Ports: those of the last start where they are free, since running servers remember the hub's."""

import json
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

PREFERRED = 8000


class PortTakenError(Exception):
    """The port that was asked for is in use."""


@dataclass(frozen=True)
class Ports:
    """``public`` is what people open; ``api`` (the proxy's routes) and ``hub`` stay on 127.0.0.1."""

    public: int
    api: int
    hub: int


_TRIES = 100


def choose_ports(host: str, asked: int | None, file: Path, *, hub_host: str = "127.0.0.1") -> Ports:
    """Choose three free ports and remember them in ``file``.

    Parameters
    ----------
    host
        Address the public port is opened on.
    asked
        The public port somebody asked for; None: the last one, else 8000, else any free one.
    file
        Where the ports of the last start are kept.
    hub_host
        Address the hub listens on.

    Raises
    ------
    PortTakenError
        When the port that was asked for is in use.
    """
    last = _read(file)
    if asked is not None and not is_free(asked, host):
        raise PortTakenError(
            f"Port {asked} is in use by another program. Choose another one (make run PORT=8010), or none: a free one is taken."
        )
    public = asked or _first_free([last.public if last else PREFERRED, PREFERRED], host, taken=())
    api = _first_free([last.api] if last else [], "127.0.0.1", taken=(public,))
    hub = _first_free([last.hub] if last else [], hub_host, taken=(public, api))
    ports = Ports(public, api, hub)
    file.write_text(json.dumps(asdict(ports)), encoding="utf-8")
    return ports


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on a port now (connections that linger from an earlier one do not count)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _first_free(wishes: list[int], host: str, taken: tuple[int, ...]) -> int:
    for port in wishes:
        if port not in taken and is_free(port, host):
            return port
    for _ in range(_TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken and is_free(port, host):
            return port
    raise PortTakenError(
        f"No port can be opened on {host}: it is no address of this machine, or every port is taken."
    )


def _read(file: Path) -> Ports | None:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        return Ports(**{field.name: int(raw[field.name]) for field in fields(Ports)})
    except (OSError, ValueError, KeyError, TypeError):
        return None
