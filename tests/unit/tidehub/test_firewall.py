"""The firewall's rules: what they say, that they replace only themselves, and what happens when they cannot be written."""

import ipaddress
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidehub.docker import firewall
from tidehub.docker.firewall import METADATA, PRIVATE, FirewallError, Rules
from tidehub.settings import Settings

SUBNET = ipaddress.IPv4Network("172.30.77.0/24")


def rules(**changes: object) -> Rules:
    return Rules(**({"network": "tidelab", "subnet": SUBNET, "ports": (8081, 8000)} | changes))  # type: ignore[arg-type]


class Iptables:
    """Chains in memory, as far as the four programs' calls used here go."""

    def __init__(self, *, docker: bool = True, broken: str = "") -> None:
        self.chains: dict[str, list[str]] = {"INPUT": ["-s 10.0.0.1 -j DROP"]}
        if docker:
            self.chains["DOCKER-USER"] = ["-j RETURN"]
        self.broken = broken

    def __call__(self, command: Sequence[str], text: str) -> "subprocess.CompletedProcess[str]":
        code = 0 if self._do(list(command), text) else 1
        return subprocess.CompletedProcess(list(command), code, "", "" if code == 0 else "Permission denied")

    def _do(self, command: list[str], text: str) -> bool:
        if self.broken and self.broken in command:
            return False
        if command[0] == "iptables-restore":
            for line in text.splitlines():
                word, _, rest = line.partition(" ")
                if word.startswith(":"):
                    self.chains[word[1:]] = []
                elif word == "-A":
                    chain, _, rule = rest.partition(" ")
                    self.chains[chain].append(rule)
            return True
        words = [word for word in command[1:] if word not in ("-w", "-n")]
        action, chain, rest = words[0], words[1], words[2:]
        if action == "-N":
            return self.chains.setdefault(chain, []) == []
        if action == "-L":
            return chain in self.chains
        if action == "-I":
            self.chains[chain].insert(int(rest[0]) - 1, " ".join(rest[1:]))
            return True
        rule = " ".join(rest)
        if action in ("-C", "-D"):
            found = rule in self.chains.get(chain, [])
            if found and action == "-D":
                self.chains[chain].remove(rule)
            return found
        if action == "-F":
            self.chains[chain].clear()
            return True
        return action == "-X" and self.chains.pop(chain) == []


def test_only_the_two_ports_of_the_gateway_are_open() -> None:
    text = firewall.render(rules())
    lines = [line for line in text.splitlines() if line.startswith("-A TIDELAB-IN")]
    assert lines == [
        "-A TIDELAB-IN -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A TIDELAB-IN -d 172.30.77.1/32 -p tcp -m tcp --dport 8081 -j ACCEPT",
        "-A TIDELAB-IN -d 172.30.77.1/32 -p tcp -m tcp --dport 8000 -j ACCEPT",
        "-A TIDELAB-IN -j REJECT --reject-with icmp-admin-prohibited",
    ]
    assert text.startswith("*filter\n")
    assert text.endswith("COMMIT\n")


def verdict(text: str, address: str, port: int = 443, protocol: str = "tcp") -> str:
    """What the chain that leaves says to one packet, read as iptables reads it: the first rule that fits."""
    for line in text.splitlines():
        words = line.split()
        if words[:2] != ["-A", "TIDELAB-OUT"] or "--ctstate" in words:
            continue
        options = dict(zip(words[2::2], words[3::2], strict=False))
        fits = ipaddress.ip_address(address) in ipaddress.ip_network(options.get("-d", "0.0.0.0/0"))
        fits &= options.get("-p", protocol) == protocol and options.get("--dport", str(port)) == str(port)
        if fits:
            return options["-j"]
    return "RETURN"


@pytest.mark.parametrize("egress", ["open", "internet", "none"])
def test_metadata_is_refused_whatever_is_allowed(egress: firewall.Egress) -> None:
    text = firewall.render(rules(egress=egress, allowed=(ipaddress.IPv4Network("0.0.0.0/0"),)))
    for network in METADATA:
        assert verdict(text, str(ipaddress.IPv4Network(network)[-1])) == "REJECT", network
    assert verdict(text, "169.254.169.254", 80) == "REJECT"


@pytest.mark.parametrize(
    ("egress", "address", "expected"),
    [
        ("open", "10.1.2.3", "RETURN"), ("open", "151.101.0.223", "RETURN"),
        ("internet", "10.1.2.3", "REJECT"), ("internet", "192.168.1.1", "REJECT"), ("internet", "172.17.0.2", "REJECT"),
        ("internet", "151.101.0.223", "RETURN"), ("internet", "10.9.0.7", "RETURN"),
        ("none", "151.101.0.223", "REJECT"), ("none", "10.9.0.7", "RETURN"),
    ],
)  # fmt: skip
def test_what_leaves(egress: firewall.Egress, address: str, expected: str) -> None:
    text = firewall.render(rules(egress=egress, allowed=(ipaddress.IPv4Network("10.9.0.0/24"),)))
    assert verdict(text, address) == expected


def test_name_servers_answer_names_and_nothing_else() -> None:
    text = firewall.render(rules(name_servers=(ipaddress.IPv4Address("10.0.0.53"),)))
    assert verdict(text, "10.0.0.53", 53, "udp") == verdict(text, "10.0.0.53", 53) == "RETURN"
    assert verdict(text, "10.0.0.53", 443) == "REJECT"


def test_name_servers_are_read_as_docker_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nsearch sea\nnameserver 127.0.0.53\nnameserver 10.0.0.53 # ours\nnameserver fe80::1\nnameserver 10.0.0.53\nnameserver\n")  # fmt: skip
    assert firewall.name_servers(file) == (ipaddress.IPv4Address("10.0.0.53"),)
    assert firewall.name_servers(tmp_path / "none") == ()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_file_of_name_servers_is_read(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as handle:
        Path(handle.name).write_bytes(content)
        firewall.name_servers(Path(handle.name))


@pytest.mark.parametrize("docker", [True, False])
def test_apply_twice_is_apply_once_and_remove_leaves_what_was(docker: bool) -> None:
    machine = Iptables(docker=docker)
    before = {name: list(chain) for name, chain in machine.chains.items()}
    firewall.apply(rules(), machine)
    once = {name: list(chain) for name, chain in machine.chains.items()}
    assert once["INPUT"] == ["-s 172.30.77.0/24 ! -i lo -j TIDELAB-IN", *before["INPUT"]]
    assert once["DOCKER-USER"][0] == "-s 172.30.77.0/24 -j TIDELAB-OUT"
    firewall.apply(rules(), machine)
    assert machine.chains == once
    firewall.apply(rules(egress="open"), machine)
    assert len(machine.chains["TIDELAB-OUT"]) == 1 + len(METADATA) < len(once["TIDELAB-OUT"])
    firewall.remove(rules(), machine)
    firewall.remove(rules(), machine)
    assert machine.chains == before | {"DOCKER-USER": before.get("DOCKER-USER", [])}


def test_two_hubs_on_one_machine_have_chains_of_their_own() -> None:
    one, two = rules(network="tidelab-" + "a" * 60), rules(network="tidelab-" + "a" * 59 + "b")
    assert len({*one.chains, *two.chains, *rules().chains}) == 6
    assert all(len(name) <= 28 for name in (*one.chains, *two.chains)), "iptables' own limit"


def test_without_root_a_sentence() -> None:
    with pytest.raises(FirewallError, match=r"iptables-restore.*Permission denied.*needs root"):
        firewall.apply(rules(), Iptables(broken="--noflush"))


def test_the_settings_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = Settings(docker_subnet="10.50.0.0/24", hub_port=9001, port=9000, egress_allow=["192.0.2.0/24"])
    made = firewall.rules_of(given, tmp_path / "none")
    assert (str(made.gateway), made.ports, made.egress) == ("10.50.0.1", (9001, 9000), "internet")
    monkeypatch.setenv("TIDEHUB_EGRESS_ALLOW", '["sea"]')
    assert firewall.main(["render"]) == 1
    assert "TIDEHUB_EGRESS_ALLOW" in capsys.readouterr().err
    monkeypatch.setenv("TIDEHUB_EGRESS_ALLOW", '["192.0.2.7"]')
    assert firewall.main(["render"]) == 0
    shown = capsys.readouterr().out
    assert "-d 192.0.2.7/32 -j RETURN" in shown
    assert "# iptables -I DOCKER-USER 1 -s 172.30.77.0/24 -j TIDELAB-OUT" in shown
    assert all(f"-d {network} " in shown for network in PRIVATE)
