"""Cookies of a hub whose TLS ends in front of it, and sign-ins counted by the address that the reverse proxy saw."""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.support.hub import RunningHub

EDGE = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "lab.example.org",
    "Host": "lab.example.org",
    "Sec-Fetch-Mode": "navigate",
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    settings = {"TIDEHUB_PUBLIC_URL": "https://lab.example.org/", "TIDEHUB_TRUSTED_PROXIES": '["127.0.0.1"]'}
    with RunningHub(tmp_path_factory.mktemp("cookies"), **settings) as running:
        yield running


def sign_in(hub: RunningHub, name: str, password: str, **headers: str) -> requests.Response:
    """Sign in as a browser behind the reverse proxy does, keeping cookies by hand: they are for https alone."""
    first = requests.get(hub.url + "hub/login", headers=EDGE | headers, timeout=30)
    hidden = re.search(r'name="_xsrf" value="([^"]+)"', first.text)
    assert hidden
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in first.cookies)
    return requests.post(
        hub.url + "hub/login", data={"username": name, "password": password, "_xsrf": hidden[1]},
        headers=EDGE | {"Cookie": jar, "Origin": "https://lab.example.org"} | headers, allow_redirects=False, timeout=60,
    )  # fmt: skip


def test_cookies_are_for_https_and_not_for_scripts(hub: RunningHub) -> None:
    answer = sign_in(hub, "admin", hub.admin.password)
    assert answer.status_code == 302
    made = {
        line.partition("=")[0]: line for line in answer.raw.headers.getlist("Set-Cookie") if '=""' not in line
    }
    assert any("login" in name for name in made), made
    for name, line in made.items():
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert "secure" in parts, name
        assert "samesite=lax" in parts, name
        # The other half of the check against forged forms: pages read it, and it opens nothing.
        assert "httponly" in parts or name == "_xsrf", name


def test_a_guesser_waits_and_others_behind_the_same_reverse_proxy_do_not(hub: RunningHub) -> None:
    """The reverse proxy appends whom it saw; what a client wrote in front of that is not believed."""
    guesser = {"X-Forwarded-For": "198.51.100.7"}
    codes = [sign_in(hub, f"nobody{number}", "wrong-password", **guesser).status_code for number in range(23)]
    assert codes[-1] == 429
    lying = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
    assert sign_in(hub, "nobody99", "wrong-password", **lying).status_code == 429
    assert sign_in(hub, "admin", hub.admin.password, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 302
