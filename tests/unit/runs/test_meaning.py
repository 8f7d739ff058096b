"""What the classes of a run mean, and their totals."""

import json
import shutil

import pytest

from tests.support.meaning import meaningful_case, sample_images
from tidelab.domain.card import InputSpec, ModelCard
from tidelab.runs import get_executor, prepare
from tidelab.runs.meaning import Meanings, label_meaning, meanings
from tidelab.runs.totals import group_totals


def card(**more: object) -> ModelCard:
    return ModelCard(
        name="m", title="M", use_case="x", labels=("middle", "fibre", "=odd"), input=InputSpec(kind="image"),
        embedding_dim=2, framework="none", created="2026-01-01T00:00:00Z", **more,
    )  # fmt: skip


@pytest.fixture
def use_case(tmp_path):
    return meaningful_case(tmp_path / "usecases")


def test_the_declaration_comes_before_the_card(use_case):
    made = card(
        label_kinds={"middle": "artefact", "fibre": "non-living"}, aphia_ids={"middle": 1, "fibre": 2}
    )
    found = meanings(use_case, made.labels, made)
    assert (found["middle"].kind, found["middle"].aphia_id, found["middle"].origin) == (
        "taxon",
        148947,
        "declaration",
    )
    assert (found["fibre"].kind, found["fibre"].aphia_id, found["fibre"].origin) == ("non-living", 2, "card")


def test_what_nobody_declares_is_of_unknown_kind_and_never_lives(use_case):
    found = meanings(use_case, card().labels, card(aphia_ids={"fibre": 12}))
    assert (found["fibre"].kind, found["fibre"].is_biological, found["fibre"].group) == (
        "",
        False,
        "unknown-kind",
    )
    assert found.of("never heard of").group == "unknown-kind"
    assert found.of("").group == "unidentified"
    assert found.of_unknown_kind == ("fibre", "'=odd")


def test_both_spellings_of_a_name_are_found(use_case):
    found = meanings(use_case, card().labels, card())
    assert found["=odd"] is found["'=odd"]
    assert "=odd" in found
    assert list(found) == ["middle", "fibre", "'=odd", "dark", "cyst"]
    assert found.model_labels == ("middle", "fibre", "'=odd")
    with pytest.raises(KeyError):
        found["other"]


def test_words_on_the_aphia_id(use_case):
    found = meanings(use_case, (), None)
    assert found["middle"].aphia_words == "AphiaID checked on 2026-01-31"
    assert found["cyst"].aphia_words == "AphiaID not checked"
    assert found["dark"].aphia_words == ""


def test_totals_of_groups(use_case):
    found = meanings(use_case, card().labels, card())
    totals = group_totals({"middle": 3, "cyst": 2, "dark": 4, "fibre": 1, "": 5}, found)
    assert [(one.group, one.images, one.classes) for one in totals] == [
        ("biological", 5, ("middle", "cyst")),
        ("not-living", 4, ("dark",)),
        ("unknown-kind", 1, ("fibre",)),
        ("unidentified", 5, ()),
    ]
    assert group_totals({}, Meanings((), ())) == []


def test_a_run_whose_use_case_and_model_are_gone_has_classes_of_unknown_kind(use_case, tmp_path):
    run = prepare(use_case, images=sample_images(tmp_path / "images"), person="ada")
    get_executor("inline").submit(run)
    assert label_meaning(run)["middle"].is_biological
    shutil.rmtree(use_case.folder)
    found = label_meaning(run)
    assert found.model_labels == ("dark", "middle", "bright")
    assert not any(one.is_biological for one in found.values())
    (run.path / "manifest.json").write_text(json.dumps({"model": {"labels": 3}}))
    assert label_meaning(run).model_labels == ()
    (run.path / "request.json").write_text("{")
    assert dict(label_meaning(run)) == {}
