"""Whose attempt it is: what a client says of its own address is not believed."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import HTTPError

from tidehub.accounts import AccountStore
from tidehub.addresses import client_address
from tidehub.authenticator import LocalAccounts
from tidehub.passwords import Cost


def address(headers: dict[str, str], trusted: tuple[str, ...] = (), remote: str = "127.0.0.1") -> str:
    request = HTTPServerRequest("POST", "/hub/login", headers=HTTPHeaders(headers))
    request.remote_ip = remote
    return client_address(request, trusted)


def test_the_proxys_last_word_counts_and_nothing_a_client_adds() -> None:
    seen = address({"X-Forwarded-For": "203.0.113.7"})
    assert seen == "203.0.113.7"
    # Tornado believes X-Real-Ip of anyone, and so remote_ip is what the client chose.
    assert address({"X-Forwarded-For": "203.0.113.7", "X-Real-Ip": "10.0.0.1"}, remote="10.0.0.1") == seen
    assert address({"X-Forwarded-For": "10.0.0.1, 203.0.113.7"}) == seen
    assert address({"X-Forwarded-For": "10.0.0.1, 203.0.113.7, 127.0.0.1"}, ("127.0.0.1",)) == seen


def test_a_whole_ipv6_network_is_one_address() -> None:
    one, other = (address({"X-Forwarded-For": f"2001:db8:1:2::{end}"}) for end in ("1", "ffff:9"))
    assert one == other
    assert one != address({"X-Forwarded-For": "2001:db8:1:3::1"})
    mapped = [address({"X-Forwarded-For": f"::ffff:203.0.113.{end}"}) for end in (7, 8)]
    assert mapped == ["203.0.113.7", "203.0.113.8"]


@pytest.mark.parametrize("value", ["", "nonsense", "x" * 5000, "1.2.3.4.5", " , "])
def test_what_is_no_address_is_one_and_the_same(value: str) -> None:
    assert address({"X-Forwarded-For": value}) == address({"X-Forwarded-For": "other nonsense"})
    assert len(address({"X-Forwarded-For": value})) < 50


def test_guesses_from_one_place_wait_whatever_address_they_claim(tmp_path: Path) -> None:
    authenticator = LocalAccounts(accounts_file=str(tmp_path / "accounts.sqlite"))
    authenticator.store = AccountStore(tmp_path / "accounts.sqlite", cost=Cost(n=16))

    async def guess(number: int) -> None:
        headers = HTTPHeaders({"X-Forwarded-For": "203.0.113.7", "X-Real-Ip": f"10.0.0.{number}"})
        request = HTTPServerRequest("POST", "/hub/login", headers=headers)
        request.remote_ip = f"10.0.0.{number}"
        form = {"username": f"name{number}", "password": "not the password"}
        await authenticator.authenticate(SimpleNamespace(request=request), form)

    async def guess_all() -> None:
        for number in range(25):
            await guess(number)

    with pytest.raises(HTTPError) as refused:
        asyncio.run(guess_all())
    assert refused.value.status_code == 429
