"""The servers' network: a bridge on which no container reaches another; its gateway is where hub and proxy listen."""

import ipaddress
from typing import Any, Final

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from tidehub.docker.engine import EngineError, explain
from tidehub.settings import Settings
from tidelab.containers import names

_ICC: Final = "com.docker.network.bridge.enable_icc"


def ensure_network(client: Any, settings: Settings) -> bool:
    """Make the network if there is none, check the one that is there; tell whether it was made.

    Raises
    ------
    EngineError
        The one that is there is another kind of network, or its addresses are taken by something else.
    """
    name = settings.docker_network
    try:
        found = client.inspect_network(name)
    except NotFound:
        _make(client, settings)
        return True
    except APIError as error:
        raise EngineError(explain(error, f"look at the network {name!r}")) from None
    if wrong := _what_is_wrong(found, settings):
        raise EngineError(
            f"The Docker network {name!r} is there already, but {wrong}. Remove it (`docker network rm {name}`), and the hub makes "
            "it anew, or choose another name with TIDEHUB_DOCKER_NETWORK."
        )
    return False


def _make(client: Any, settings: Settings) -> None:
    pool = IPAMPool(subnet=settings.docker_subnet, gateway=settings.gateway)
    try:
        client.create_network(
            settings.docker_network,
            driver="bridge",
            ipam=IPAMConfig(pool_configs=[pool]),
            options={_ICC: "false"},
            labels={names.INSTANCE: settings.docker_network.lower()},
            check_duplicate=True,
        )
    except APIError as error:
        said = str(error.explanation)
        if "overlaps" in said or "conflicts" in said:
            raise EngineError(
                f"TIDEHUB_DOCKER_SUBNET={settings.docker_subnet} is taken by {_taker(client, settings)} on this machine. Choose other "
                "addresses, e.g. TIDEHUB_DOCKER_SUBNET=172.30.78.0/24."
            ) from None
        if "already exists" in said:  # somebody else made it a moment ago
            return
        raise EngineError(explain(error, f"make the network {settings.docker_network!r}")) from None


def _taker(client: Any, settings: Settings) -> str:
    wanted = ipaddress.IPv4Network(settings.docker_subnet)
    for network in client.networks():
        for pool in (network.get("IPAM") or {}).get("Config") or []:
            subnet = pool.get("Subnet", "")
            if ":" not in subnet and subnet and ipaddress.IPv4Network(subnet, strict=False).overlaps(wanted):
                return f"the Docker network {network['Name']!r} ({subnet})"
    return "another network"


def _what_is_wrong(found: dict[str, Any], settings: Settings) -> str:
    pools = [
        pool for pool in (found.get("IPAM") or {}).get("Config") or [] if ":" not in pool.get("Subnet", "")
    ]
    subnets = [str(pool.get("Subnet")) for pool in pools]
    if found.get("Driver") != "bridge":
        return f"it is of the kind {found.get('Driver')!r}, not a bridge"
    if settings.docker_subnet not in subnets:
        return f"its addresses are {', '.join(subnets) or 'unknown'} and TIDEHUB_DOCKER_SUBNET is {settings.docker_subnet}"
    gateways = [str(pool.get("Gateway", "")).partition("/")[0] for pool in pools]
    if not any(gateway in (settings.gateway, "") for gateway in gateways):
        return f"its gateway is {', '.join(gateways)} and not {settings.gateway}"
    if (found.get("Options") or {}).get(_ICC) != "false":
        return "its containers reach each other (enable_icc)"
    return ""
