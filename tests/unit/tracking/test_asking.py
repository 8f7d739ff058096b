"""Asking for a promotion costs memory, processor time and disk: one person cannot take all of it."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.tiny_model import tiny_bundle
from tidelab.models import ModelBundle
from tidelab.tracking.connection import Connection
from tidelab.tracking.server.identity import Caller
from tidelab.tracking.server.models import promotion as module
from tidelab.tracking.server.models.errors import RefusedError
from tidelab.tracking.server.models.promotion import MOST_PENDING, Promotion
from tidelab.tracking.server.models.records import Records
from tidelab.tracking.server.models.registry import Registry

SLUG = "flowcam-plankton"
BOB = Caller("bob", "user")


@pytest.fixture
def promotion(tmp_path: Path) -> Promotion:
    return Promotion(Registry(Connection("http://127.0.0.1:9", "")), Records(tmp_path / "promotion"))


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every version is one good bundle, which arrives when the event is set."""
    bundle, arrives = tiny_bundle(tmp_path / "bundle").folder, threading.Event()

    def fetch(connection: Connection, name: str, version: str, place: Path) -> ModelBundle:
        assert arrives.wait(20)
        shutil.copytree(bundle, place)
        return ModelBundle.load(place)

    monkeypatch.setattr(module, "fetch_version", fetch)
    return arrives


def ask(promotion: Promotion, version: int) -> str:
    try:
        return promotion.ask(BOB, SLUG, f"{SLUG}--bob", str(version), "better").status
    except RefusedError as error:
        return str(error.status)


def test_requests_sent_at_once_do_not_go_around_the_limits(
    promotion: Promotion, fetched: threading.Event
) -> None:
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, promotion, version) for version in range(1, 13)]
        # All but one are answered while the first still waits for its files.
        answers = [future.result(20) for future in asked if _ends(future)]
        fetched.set()
    assert answers == ["429"] * 11
    answers = [ask(promotion, version) for version in range(20, 30)]
    assert sum(one.status == "pending" for one in promotion.records.all()) == MOST_PENDING
    assert answers.count("429") == 10 - (MOST_PENDING - 1)


def _ends(future: object) -> bool:
    try:
        future.result(3)  # type: ignore[attr-defined]
    except TimeoutError:
        return False
    return True


def test_a_refused_bundle_leaves_nothing_on_the_disk(
    promotion: Promotion, fetched: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, use_case: object) -> None:
        raise RefusedError("not fit", 422)

    fetched.set()
    monkeypatch.setattr(module, "review", refuse)
    assert ask(promotion, 1) == "422"
    assert list(promotion.records.requests.iterdir()) == []
    monkeypatch.undo()


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_card_holds_numbers(tmp_path: Path, number: float) -> None:
    """A support of infinity made the request's page an error, so that nobody could decline it there."""
    from pydantic import ValidationError

    from tidelab.domain.card import ModelCard

    card = tiny_bundle(tmp_path / "bundle").card.model_dump(mode="json")
    card["quality"]["per_class"] = {card["labels"][0]: {"support": number}}
    with pytest.raises(ValidationError, match="finite"):
        ModelCard.model_validate(card)
