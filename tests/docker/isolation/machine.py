"""The machine and the network around it; only connections are asked for, nothing is sent and nothing read."""

from pathlib import Path
from typing import Any

from .core import attempt, connect, reached


@attempt
def engine_socket(given: dict[str, Any]) -> str:
    found = [
        path
        for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")
        if Path(path).exists()
    ]
    return f"found {found}" if found else reached(*((given["gateway"], port) for port in (2375, 2376)))


@attempt
def host_services(given: dict[str, Any]) -> str:
    return reached(*((address, given["host_port"]) for address in given["host_addresses"]))


@attempt
def hub_and_proxy(given: dict[str, Any]) -> str:
    """The control: these two are open."""
    opened = [connect(given["gateway"], port) for port in (given["hub_port"], given["proxy_port"])]
    return "allowed" if all(opened) else f"hub and proxy: {opened}"


@attempt
def metadata_addresses(given: dict[str, Any]) -> str:
    """Only a connection is asked for, nothing of what may be behind it."""
    return reached(
        *(
            (address, 80)
            for address in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16")
        )
    )


@attempt
def private_networks(given: dict[str, Any]) -> str:
    return reached(
        *((address, port) for address in ("10.0.0.1", "192.168.0.1", "172.17.0.1") for port in (80, 443))
    )


@attempt
def ipv6(given: dict[str, Any]) -> str:
    with Path("/proc/net/if_inet6").open() as stream:
        found = [line.split()[-1] for line in stream if line.split()[-1] != "lo"]
    return f"addresses on {found}" if found else "no address"
