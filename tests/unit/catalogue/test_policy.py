"""Data policies: old declarations are still read, contradictions are sentences, each kind says in words what is kept."""

from pathlib import Path

import pytest

from tests.support.brightness import make_use_case
from tidelab.catalogue import UseCase, UseCaseError, load_usecase
from tidelab.catalogue.countries import checked_country, countries, country_name
from tidelab.catalogue.policy import DataPolicy


def declared(folder: Path, policy: str) -> UseCase:
    use_case = make_use_case(folder)
    file = use_case.folder / "usecase.yaml"
    file.write_text(file.read_text() + (f"data_policy: {policy}\n" if policy else ""))
    return load_usecase(use_case.folder)


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        ("", "private"),
        ("{cache_scope: person}", "private"),
        ("{cache_scope: shared}", "shared"),
        ("{kind: shared, cache_scope: shared}", "shared"),
        ("{kind: open, results_licence: CC-BY-4.0}", "open"),
        ("{kind: ephemeral, ephemeral_hours: 1}", "ephemeral"),
    ],
)
def test_the_kind_is_what_the_declaration_says_in_new_words_or_old_ones(
    tmp_path: Path, policy: str, kind: str
) -> None:
    assert declared(tmp_path, policy).data_policy.kind == kind


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (
            "{kind: open}",
            "`data_policy.results_licence` is missing: nobody can use open results without a licence",
        ),
        ("{kind: private, cache_scope: shared}", "`data_policy.cache_scope` is 'shared', an old name"),
        (
            "{cache_scope: everyone}",
            "`data_policy.cache_scope` is 'everyone'; it must be 'person' or 'shared'",
        ),
        (
            "{kind: ephemeral, ephemeral_hours: 0}",
            "`data_policy.ephemeral_hours` is 0; it must be at least 1",
        ),
        ("{kind: secret}", "`data_policy.kind` is 'secret'; it must be"),
    ],
)
def test_what_does_not_fit_is_said_with_its_field(tmp_path: Path, policy: str, said: str) -> None:
    with pytest.raises(UseCaseError) as refused:
        declared(tmp_path, policy)
    assert said in str(refused.value)


def test_what_each_kind_allows() -> None:
    def allowed(policy: DataPolicy) -> tuple[bool, bool, bool, bool]:
        return policy.keeps_cache, policy.shares_cache, policy.pictures_may_travel, policy.keeps_pictures

    assert allowed(DataPolicy(kind="private")) == (True, False, False, True)
    assert allowed(DataPolicy(kind="shared")) == (True, True, True, True)
    assert allowed(DataPolicy(kind="open", results_licence="CC-BY-4.0")) == (True, True, True, True)
    assert allowed(DataPolicy(kind="ephemeral")) == (False, False, False, False)


def test_the_sentence_carries_licence_hours_and_note() -> None:
    assert "under CC-BY-4.0." in DataPolicy(kind="open", results_licence="CC-BY-4.0").sentence
    assert "1 hour after its end" in DataPolicy(kind="ephemeral", ephemeral_hours=1).sentence
    assert DataPolicy(kind="private", note="Ask Ada.").sentence.endswith("for yours. Ask Ada.")


def test_countries_are_those_of_iso_3166() -> None:
    assert len(countries()) == 249
    assert all(len(code) == 2 and code.isupper() and name for code, name in countries().items())
    assert (country_name("BE"), country_name("??")) == ("Belgium", "??")
    assert (checked_country(" be "), checked_country("")) == ("BE", "")
    with pytest.raises(ValueError, match="two-letter code of a country"):
        checked_country("Belgium")
