import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelab.tracking.names import (
    CHAMPIONS_EXPERIMENT,
    check_slug,
    experiment_name,
    experiment_owner,
    model_name,
    model_owner,
    person_key,
    service_key,
)

users = st.text(min_size=1, max_size=20)
slugs = st.from_regex(r"[a-z][a-z0-9]{2,10}", fullmatch=True)


@given(users, users)
def test_two_people_never_share_a_key(one: str, other: str):
    assert (person_key(one) == person_key(other)) == (one == other)


@given(users)
def test_a_key_is_plain_and_no_services(user: str):
    key = person_key(user)
    assert not set(key) & set("/:\\ %?#\n'\"")
    assert key == key.lower()
    assert not key.startswith("service:")
    assert key != service_key(user)


@given(slugs, users)
def test_the_owner_of_a_name_is_who_it_was_made_for(slug: str, user: str):
    assert model_owner(model_name(slug, user)) == person_key(user)
    assert experiment_owner(experiment_name(slug, user)) == person_key(user)


@given(slugs, users, slugs, users)
def test_no_choice_of_user_name_gives_anothers_model(slug: str, user: str, other_slug: str, other: str):
    same = (slug, user) == (other_slug, other)
    assert (model_name(slug, user) == model_name(other_slug, other)) == same
    assert (experiment_name(slug, user) == experiment_name(other_slug, other)) == same


def test_usual_names_are_left_as_they_are():
    assert person_key("ada.lovelace@example.org") == "ada.lovelace@example.org"
    assert model_owner("flowcam-plankton") is None
    assert model_owner("flowcam--x--y") == "x--y"
    assert experiment_owner(CHAMPIONS_EXPERIMENT) == service_key("models")


@pytest.mark.parametrize("slug", ["", "ab", "Case", "a--b", "-ab", "ab-", "a/b", "a" * 31])
def test_what_is_no_slug_is_said(slug: str):
    with pytest.raises(ValueError, match="no use-case slug"):
        check_slug(slug)


def test_an_empty_name_is_nobody():
    with pytest.raises(ValueError, match="empty"):
        person_key("")
