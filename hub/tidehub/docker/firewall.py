"""What servers in containers may reach: two ports of this machine, never a metadata service, and no neighbour unless allowed.

``python -m tidehub.docker.firewall render`` prints the rules, ``apply`` and ``remove`` need root. Docker itself keeps containers
of one network apart (no traffic between containers) and other networks too; what it leaves open is this machine itself, through
the gateway, and everything this machine can reach. Two chains of our own close that, with iptables, as Docker does:

- ``<NETWORK>-IN``, called first by ``INPUT``: from servers, only the hub's and the proxy's port on the gateway;
- ``<NETWORK>-OUT``, called by Docker's ``DOCKER-USER``: metadata addresses never, private networks as the settings say.

Only these two chains and the two calls are written or removed; `apply` may be repeated and replaces what it wrote before.
"""

import argparse
import hashlib
import ipaddress
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tidehub.settings import Settings, SettingsError, load_settings

Egress = Literal["open", "internet", "none"]
Run = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]

METADATA: Final = ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")
"""Link-local, where clouds (and others) answer with a machine's credentials, and where Alibaba, Azure and Oracle do besides."""
PRIVATE: Final = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
    *("0.0.0.0/8", "127.0.0.0/8", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
)
"""Networks that are not the internet: RFC 1918, 6598, 1122, 2544, 5771, 1112."""
_KNOWN: Final = "-m conntrack --ctstate RELATED,ESTABLISHED"
# Refused, not dropped: a notebook that asks for what it may not have fails at once and does not hang.
_REFUSE: Final = "-j REJECT --reject-with icmp-admin-prohibited"
_CHAIN_CHARACTERS: Final = 24


class FirewallError(RuntimeError):
    """Rules that cannot be written; the text says which program failed, what it said and what to do."""


@dataclass(frozen=True)
class Rules:
    """What the rules depend on.

    Parameters
    ----------
    network
        Name of Docker's network; the chains are named after it.
    subnet
        Its addresses. Packets are told by where they come from: without the capability NET_RAW no server can forge that.
    ports
        TCP ports of the gateway that servers may reach: hub and proxy.
    egress
        ``open``: everything but metadata; ``internet``: no private network but the allowed ones; ``none``: the allowed ones only.
    allowed
        Addresses or networks that servers may reach besides, e.g. a registry or a file server of the institute.
    name_servers
        Addresses that may be asked for names (port 53): Docker asks them from the server's address.
    """

    network: str
    subnet: ipaddress.IPv4Network
    ports: tuple[int, ...]
    egress: Egress = "internet"
    allowed: tuple[ipaddress.IPv4Network, ...] = ()
    name_servers: tuple[ipaddress.IPv4Address, ...] = ()

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        """Address of this machine in the network: the first one."""
        return self.subnet.network_address + 1

    @property
    def chains(self) -> tuple[str, str]:
        """Names of the two chains, for what enters this machine and for what leaves it."""
        name = re.sub(r"[^A-Z0-9-]", "-", self.network.upper())
        if len(name) > _CHAIN_CHARACTERS:
            name = f"{name[: _CHAIN_CHARACTERS - 9]}-{hashlib.sha256(self.network.encode()).hexdigest()[:8]}"
        return f"{name}-IN", f"{name}-OUT"

    @property
    def jumps(self) -> tuple[tuple[str, ...], ...]:
        """The two calls, as iptables' arguments without its ``-I``, ``-C`` or ``-D``."""
        into, out = self.chains
        # The gateway's address lies in the subnet too: what this machine says to itself passes.
        return (
            ("INPUT", "-s", str(self.subnet), "!", "-i", "lo", "-j", into),
            ("DOCKER-USER", "-s", str(self.subnet), "-j", out),
        )


def rules_of(settings: Settings, resolv_conf: Path = Path("/etc/resolv.conf")) -> Rules:
    """Return the rules that the settings ask for."""
    return Rules(
        network=settings.docker_network,
        subnet=ipaddress.IPv4Network(settings.docker_subnet),
        ports=(settings.hub_port, settings.port),
        egress=settings.egress,
        allowed=tuple(ipaddress.IPv4Network(text) for text in settings.egress_allow),
        name_servers=name_servers(resolv_conf),
    )


def name_servers(resolv_conf: Path) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the machine's name servers that Docker passes on: IPv4, and none of the machine itself."""
    try:
        lines = resolv_conf.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        try:
            address = ipaddress.IPv4Address(rest.split("#")[0].strip())
        except ValueError:
            continue
        if word == "nameserver" and not address.is_loopback:
            found.append(address)
    return tuple(dict.fromkeys(found))


def render(rules: Rules) -> str:
    """Return the two chains as ``iptables-restore --noflush`` reads them."""
    into, out = rules.chains
    enter = [
        f"{_KNOWN} -j ACCEPT",
        *(f"-d {rules.gateway}/32 -p tcp -m tcp --dport {port} -j ACCEPT" for port in rules.ports),
        _REFUSE,
    ]
    leave = [f"{_KNOWN} -j RETURN", *(f"-d {network} {_REFUSE}" for network in METADATA)]
    if rules.egress != "open":
        leave += [f"-d {network} -j RETURN" for network in rules.allowed]
        leave += [
            f"-d {address}/32 -p {protocol} -m {protocol} --dport 53 -j RETURN"
            for address in rules.name_servers
            for protocol in ("udp", "tcp")
        ]
        leave += (
            [f"-d {network} {_REFUSE}" for network in PRIVATE] if rules.egress == "internet" else [_REFUSE]
        )
    lines = ["*filter", f":{into} - [0:0]", f":{out} - [0:0]"]
    lines += [f"-A {into} {rule}" for rule in enter] + [f"-A {out} {rule}" for rule in leave]
    return "\n".join([*lines, "COMMIT", ""])


def run_command(command: Sequence[str], text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run one program of iptables on this machine."""
    try:
        return subprocess.run(
            list(command), input=text, capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        raise FirewallError(
            f"{command[0]} is not installed. Docker needs it too: install the package iptables."
        ) from None


def apply(rules: Rules, run: Run = run_command) -> None:
    """Write the chains, then call them; both may be there already.

    Raises
    ------
    FirewallError
        When a program fails, mostly because this is not root.
    """
    # Without a Docker that has started once, its chain is not there yet; Docker takes over one that is.
    if run(("iptables", "-w", "-n", "-L", "DOCKER-USER"), "").returncode:
        _must(run, ("iptables", "-w", "-N", "DOCKER-USER"))
    _must(run, ("iptables-restore", "-w", "--noflush"), render(rules))
    for chain, *match in rules.jumps:
        if run(("iptables", "-w", "-C", chain, *match), "").returncode:
            _must(run, ("iptables", "-w", "-I", chain, "1", *match))


def remove(rules: Rules, run: Run = run_command) -> None:
    """Take away the calls and the chains; what is not there is passed over.

    Raises
    ------
    FirewallError
        When something that is there cannot be removed.
    """
    for jump in rules.jumps:
        while run(("iptables", "-w", "-C", *jump), "").returncode == 0:
            _must(run, ("iptables", "-w", "-D", *jump))
    for chain in rules.chains:
        if run(("iptables", "-w", "-n", "-L", chain), "").returncode == 0:
            _must(run, ("iptables", "-w", "-F", chain))
            _must(run, ("iptables", "-w", "-X", chain))


def _must(run: Run, command: Sequence[str], text: str = "") -> None:
    done = run(command, text)
    if done.returncode:
        said = " ".join(done.stderr.split())[:300] or f"status {done.returncode}"
        raise FirewallError(f"`{' '.join(command)}` failed: {said}. Writing firewall rules needs root.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tidehub.docker.firewall",
        description="What servers in containers may reach of this machine and of the network.",
    )
    parser.add_argument("action", choices=("render", "apply", "remove"))
    action = parser.parse_args(arguments).action
    try:
        rules = rules_of(load_settings())
        if action == "render":
            print(render(rules), end="")
            print(
                "".join(f"# iptables -I {chain} 1 {' '.join(match)}\n" for chain, *match in rules.jumps),
                end="",
            )
        elif action == "apply":
            apply(rules)
        else:
            remove(rules)
    except (SettingsError, FirewallError) as error:
        print(f"tidelab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
