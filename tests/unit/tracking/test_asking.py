"""Asking for a promotion costs memory, processor time and disk: one person cannot take all of it."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.tiny_model import tiny_bundle
from tidelab.domain.decision import Decision
from tidelab.models import ModelBundle
from tidelab.tracking.connection import Connection
from tidelab.tracking.server.identity import Caller
from tidelab.tracking.server.models import promotion as module
from tidelab.tracking.server.models.champions import Champion, Champions
from tidelab.tracking.server.models.errors import RefusedError
from tidelab.tracking.server.models.promotion import MOST_PENDING, Promotion
from tidelab.tracking.server.models.records import PromotionRequest, Records, now
from tidelab.tracking.server.models.registry import Registry

SLUG = "flowcam-plankton"
BOB = Caller("bob", "user")
MAYA = Caller("maya", "user", groups=frozenset({f"maintainers-{SLUG}"}))


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
    from tidelab.domain.card import ModelCard

    card = tiny_bundle(tmp_path / "bundle").card.model_dump(mode="json")
    card["quality"]["per_class"] = {card["labels"][0]: {"support": number}}
    with pytest.raises(ValidationError, match="finite"):
        ModelCard.model_validate(card)


def decision(bundle: ModelBundle, **changes: object) -> Decision:
    fields: dict[str, object] = {
        "recommended": False, "reasons": ("The class Tripos collapsed.",), "challenger": bundle.card.files["model.onnx"], **changes,
    }  # fmt: skip
    return Decision.model_validate(fields)


def with_decision(promotion: Promotion, found: Decision | None) -> PromotionRequest:
    return promotion.ask(BOB, SLUG, f"{SLUG}--bob", "1", "better", found)


def test_a_refused_recommendation_must_be_read_before_it_is_confirmed(
    promotion: Promotion, fetched: threading.Event, tmp_path: Path
) -> None:
    fetched.set()
    request = with_decision(promotion, decision(ModelBundle.load(tmp_path / "bundle")))
    assert any("does not recommend it: The class Tripos collapsed." in one for one in request.warnings)
    assert promotion.records.get(request.id).decision == request.decision
    with pytest.raises(RefusedError, match="The class Tripos collapsed"):
        promotion.confirm(MAYA, request.id, "because", acknowledged=False)
    with pytest.raises(RefusedError, match="reason is empty"):
        promotion.confirm(MAYA, request.id, " ", acknowledged=True)


def test_a_recommended_model_needs_no_acknowledgement_of_the_comparison(
    promotion: Promotion, fetched: threading.Event, tmp_path: Path
) -> None:
    fetched.set()
    found = decision(ModelBundle.load(tmp_path / "bundle"), recommended=True, reasons=("Better.",))
    request = with_decision(promotion, found)
    assert not any("comparison" in one or "compared" in one for one in request.warnings)


def test_no_comparison_is_said(promotion: Promotion, fetched: threading.Event) -> None:
    fetched.set()
    assert any("No comparison with the champion" in one for one in with_decision(promotion, None).warnings)


def test_a_comparison_of_another_model_is_refused(
    promotion: Promotion, fetched: threading.Event, tmp_path: Path
) -> None:
    fetched.set()
    other = decision(ModelBundle.load(tmp_path / "bundle"), challenger="0" * 64)
    with pytest.raises(RefusedError, match="made with another model") as refused:
        with_decision(promotion, other)
    assert refused.value.status == 422
    assert list(promotion.records.requests.iterdir()) == []


def test_a_champion_that_changed_since_is_said(
    promotion: Promotion, fetched: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched.set()
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    bundle = ModelBundle.load(tmp_path / "bundle")
    request = with_decision(
        promotion, decision(bundle, recommended=True, reasons=("Better.",), champion="0" * 64)
    )
    use_case = promotion.use_case(SLUG)
    assert not any(
        "another model than the present" in one for one in promotion.warnings(request, bundle, use_case)
    )
    champions = Champions(use_case.model.registered_name)
    new = tiny_bundle(tmp_path / "new", seed=9)
    place = champions.store("1", new)
    champions.publish(Champion(SLUG, "1", new.digest, place.name, "maya", now(), "good", None))
    assert any(
        "another model than the present" in one for one in promotion.warnings(request, bundle, use_case)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"reasons": ()},
        {"look": 0},
        {"extra": 1},
        {"reasons": ("x" * 3000,)},
        {"p_value": float("nan")},
        {"n_images": -1},
    ],
)
def test_a_decision_is_bounded(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        decision(tiny_bundle(tmp_path / "bundle"), **changes)
