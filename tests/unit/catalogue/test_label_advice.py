"""What is no error in a class and stands in the way of publishing its occurrences."""

from pathlib import Path

import pytest
import yaml

from tests.support.brightness import declaration, make_use_case
from tidelab.catalogue import UseCase, load_usecase
from tidelab.catalogue.check import advice, check_usecase

CASE = "brightness-case"
EGG = {"name": "egg", "kind": "life-stage", "life_stage": "egg", "aphia_id": 148947}
GENUS = {
    "name": "Actinoptychus",
    "kind": "taxon",
    "rank": "Genus",
    "aphia_id": 148947,
    "aphia_checked": "2026-01-31",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_use_case(tmp_path).folder


def with_labels(folder: Path, *labels: dict[str, object]) -> UseCase:
    (folder / "usecase.yaml").write_text(yaml.safe_dump({**declaration(CASE), "labels": list(labels)}))
    return load_usecase(folder)


def test_a_taxon_that_a_person_checked_needs_no_advice(folder):
    assert advice(with_labels(folder, GENUS, {"name": "dirt", "kind": "artefact"})) == []


def test_one_taxon_may_have_stages_and_morphotypes(folder):
    chain = {"name": "chain", "kind": "morphotype", "aphia_id": 148947}
    use_case = with_labels(
        folder,
        GENUS,
        EGG,
        {**EGG, "name": "cyst", "life_stage": "cyst"},
        chain,
        {**chain, "name": "long chain"},
    )
    assert len(use_case.labels) == 5


def test_an_unchecked_aphia_id_a_missing_rank_and_a_missing_name_are_told(folder):
    bare = {"name": "Tripos", "kind": "taxon", "aphia_id": 494057}
    use_case = with_labels(folder, bare, EGG)
    words = [str(problem) for problem in advice(use_case)]
    assert len(words) == 3
    assert "`labels.aphia_checked` is missing" in words[0]
    assert "Tripos, egg" in words[0]
    assert "`labels.rank` is missing beside an AphiaID: Tripos." in words[1]
    assert "`labels.scientific_name` is missing" in words[2]
    assert "egg" in words[2]
    assert all(str(folder / "usecase.yaml") in word for word in words)
    # Advice is no error.
    assert not [problem for problem in check_usecase(use_case) if problem.field.startswith("labels.")]


def test_the_scientific_name_is_the_class_s_own_only_for_a_taxon(folder):
    use_case = with_labels(
        folder, GENUS, EGG, {**EGG, "name": "cyst", "life_stage": "cyst", "scientific_name": "Actinoptychus"}
    )
    assert [label.taxon_name for label in use_case.labels] == ["Actinoptychus", "", "Actinoptychus"]
