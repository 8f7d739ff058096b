"""What the service does with an engine that answers, does not answer, or is none."""

from typing import Any

import pytest

from tidehub.docker.engine import EngineError
from tidehub.gpus import containers
from tidehub.gpus.containers import Containers
from tidehub.settings import Settings


def settings(mode: str) -> Settings:
    return Settings.model_construct(mode=mode, docker_network="tidelab")


def test_without_containers_the_engine_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "connect", lambda: pytest.fail("asked"))
    assert Containers(settings("embedded")).seen() is None


def test_an_engine_that_does_not_answer_concludes_nothing_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def connect() -> Any:
        asked.append(1)
        raise EngineError("no engine answers")

    monkeypatch.setattr(containers, "connect", connect)
    engine = Containers(settings("docker"))
    assert (engine.seen(), engine.seen(), len(asked)) == (None, None, 2)
    assert "leases are not compared with it: no engine answers" in caplog.text
    engine.stop("docker:a")
    assert "docker:a runs on a GPU that somebody else has and could not be stopped" in caplog.text


def test_a_server_on_another_ones_card_is_stopped_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopped: list[tuple[str, str]] = []

    def stop(client: Any, instance: str, place: str) -> str:
        stopped.append((instance, place))
        return "tidelab-eve"

    monkeypatch.setattr(containers, "connect", lambda: object())
    monkeypatch.setattr(containers, "stop_conflicting", stop)
    Containers(settings("docker")).stop("docker:a")
    assert stopped == [("tidelab", "docker:a")]
    assert "tidelab-eve ran on a GPU that somebody else has and was stopped." in caplog.text
