"""Which addresses downloads may go to."""

import socket

import pytest

from tidelab.training.addresses import AddressError, AddressRules, check_peer


@pytest.fixture
def names(monkeypatch):
    """Let names resolve as a table says, so that nothing leaves the machine."""
    table = {
        "zenodo.org": ["188.185.48.194"],
        "files.zenodo.org": ["2001:1458:d00:61::100:37d"],
        "rebound.zenodo.org": ["188.185.48.194", "10.0.0.5"],
    }

    def resolve(host, port, **_):
        if host not in table:
            raise socket.gaierror("unknown")
        return [(0, 0, 0, "", (address, port)) for address in table[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("url", ["https://zenodo.org/x", "https://files.zenodo.org:443/x?y=1"])
def test_known_hosts_are_allowed(names, url):
    AddressRules().check(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://zenodo.org/x", "not https"),
        ("ftp://zenodo.org/x", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https://zenodo.org:8443/x", "names port 8443"),
        ("https://ada:hunter2@zenodo.org/x", "user name or password"),
        ("https://evil.example/x", "not among the hosts"),
        ("https://zenodo.org.evil.example/x", "not among the hosts"),
        ("https://evilzenodo.org/x", "not among the hosts"),
        ("https://127.0.0.1/x", "not among the hosts"),
        ("https://[::1]/x", "not among the hosts"),
        ("https://rebound.zenodo.org/x", "private network"),
        ("https://", "not among the hosts"),
        ("https://[broken", "not a web address"),
    ],
)
def test_everything_else_is_refused_in_words(names, url, words):
    with pytest.raises(AddressError, match=words) as caught:
        AddressRules().check(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1"]
)  # fmt: skip
def test_private_peers_are_refused(address):
    with pytest.raises(AddressError, match="private network"):
        check_peer(address, "zenodo.org")


def test_public_peers_pass():
    check_peer("188.185.48.194", "zenodo.org")


def test_an_administrator_adds_hosts(names, monkeypatch):
    monkeypatch.setenv("TIDELAB_DOWNLOAD_HOSTS", " Weights.Institute.example , ")
    rules = AddressRules.from_environment()
    with pytest.raises(ConnectionError):  # allowed, so it is looked up; the table does not know it
        rules.check("https://weights.institute.example/x")


def test_a_trusted_origin_is_exactly_that_origin():
    rules = AddressRules(trusted_origins=frozenset({"http://127.0.0.1:8000"}))
    rules.check("http://127.0.0.1:8000/x")
    for url in ("http://127.0.0.1:8001/x", "https://127.0.0.1:8000/x", "http://127.0.0.1:8000@evil.example/"):
        with pytest.raises(AddressError):
            rules.check(url)
