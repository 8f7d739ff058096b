"""Who is calling, against a small stand-in for the hub's API over real HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from tidelab.tracking.server import identity
from tidelab.tracking.server.identity import (
    Caller,
    HubIdentity,
    HubUnreachableError,
    bearer_token,
    caller_from_model,
)
from tidelab.tracking.server.settings import HubService

SCOPE = "access:services!service=mlflow"
ALICE: dict[str, Any] = {"kind": "user", "name": "alice", "admin": False, "groups": ["g"], "scopes": [SCOPE]}


class Hub(BaseHTTPRequestHandler):
    """Answers ``GET /hub/api/user`` as told, and remembers what it was asked."""

    answer: ClassVar[tuple[int, bytes]] = (200, b"")
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        Hub.asked.append(self.headers["Authorization"])
        status, body = Hub.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hub.asked.clear()
    Hub.answer = (200, json.dumps(ALICE).encode())
    yield f"http://127.0.0.1:{server.server_port}/hub/api"
    server.shutdown()
    server.server_close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def service(api_url: str) -> HubService:
    return HubService(
        "mlflow", api_url, "own-token", "service-mlflow", "/", "/services/mlflow", "http://127.0.0.1:1"
    )


def test_the_hubs_answer_is_remembered_and_then_asked_again(hub: str):
    clock = Clock()
    people = HubIdentity(service(hub), clock)
    assert people.caller("secret") == Caller("alice", "user", groups=frozenset({"g"}))
    people.caller("secret")
    assert Hub.asked == ["token secret"]
    clock.now = identity.GOOD_SECONDS + 1
    Hub.answer = (403, b"")
    assert people.caller("secret") is None
    Hub.answer = (200, json.dumps(ALICE).encode())
    assert people.caller("secret") is None  # a refusal is remembered too, but briefly
    clock.now += identity.BAD_SECONDS + 1
    assert people.caller("secret") is not None


def test_forgetting_a_token_asks_again(hub: str):
    people = HubIdentity(service(hub))
    people.caller("secret")
    people.forget("secret")
    people.caller("secret")
    assert len(Hub.asked) == 2


def test_what_is_remembered_is_bounded_and_never_the_token(hub: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(identity, "CACHE_SIZE", 3)
    people = HubIdentity(service(hub))
    for number in range(10):
        people.caller(f"secret-{number}")
    assert len(people._answers) == 3
    assert "secret" not in repr(people._answers)


@pytest.mark.parametrize("status", [500, 502, 302])
def test_a_hub_that_fails_lets_nobody_in(hub: str, status: int):
    Hub.answer = (status, b"")
    people = HubIdentity(service(hub))
    for _ in range(2):  # not remembered: the next request asks again
        with pytest.raises(HubUnreachableError, match="hub does not answer"):
            people.caller("secret")
    assert len(Hub.asked) == 2


def test_a_dead_hub_lets_nobody_in():
    with pytest.raises(HubUnreachableError, match="Nothing was changed"):
        HubIdentity(service("http://127.0.0.1:9/hub/api")).caller("secret")


def test_an_answer_that_is_not_json_lets_nobody_in(hub: str):
    Hub.answer = (200, b"<html>")
    with pytest.raises(HubUnreachableError):
        HubIdentity(service(hub)).caller("secret")


@pytest.mark.parametrize("token", ["", "x" * 600, "a\nb", "x\u00e9", "a\x00b"])
def test_what_cannot_be_a_token_is_not_sent(hub: str, token: str):
    assert HubIdentity(service(hub)).caller(token) is None
    assert Hub.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []}, {"scopes": ["access:services!service=models"]}, {"scopes": None}, {"kind": "group"}, {"name": ""},
        {"name": 3}, {"name": None},
    ],
)  # fmt: skip
def test_without_the_scope_or_a_name_nobody_calls(change: dict[str, Any]):
    assert caller_from_model({**ALICE, **change}, frozenset({SCOPE})) is None


@pytest.mark.parametrize("model", [None, [], "alice", 3])
def test_an_answer_of_another_shape_is_nobody(model: object):
    assert caller_from_model(model, frozenset({SCOPE})) is None


def test_only_true_is_an_administrator_and_a_service_never_is():
    for value in (1, "true", None):
        caller = caller_from_model({**ALICE, "admin": value}, frozenset({SCOPE}))
        assert caller is not None
        assert not caller.admin
    robot = caller_from_model({**ALICE, "kind": "service", "admin": True}, frozenset({SCOPE}))
    assert robot == Caller("alice", "service")
    assert robot.key == "service:alice" != Caller("alice", "user").key


def test_who_maintains():
    assert Caller("a", "user", groups=frozenset({"m"})).maintains("m")
    assert Caller("a", "user", admin=True).maintains("m")
    assert not Caller("a", "user").maintains("m")
    assert not Caller("a", "service", groups=frozenset({"m"})).maintains("m")


def test_headers():
    assert bearer_token("bearer  abc ") == "abc"
    assert bearer_token("token abc") == "abc"
    for header in ("", "Basic abc", "Bearer", "Bearer ", "abc"):
        assert bearer_token(header) is None
