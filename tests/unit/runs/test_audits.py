"""Random audits: their chances are what they say, and what people said before changes nothing."""

import collections
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.brightness import grey_png
from tidelab.runs import RunError
from tidelab.runs.validation import Validation
from tidelab.runs.validation.audits import ALL, allocate, draw

TIME = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def images(**classes: int) -> dict[str, str]:
    """Return image_id -> class."""
    return {f"{name}-{number}": name for name, size in classes.items() for number in range(size)}


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), st.data())
def test_an_allocation_adds_up_stays_within_each_class_and_leaves_none_out(sizes, data):
    n = data.draw(st.integers(len(sizes), sum(sizes)))
    drawn = allocate(sizes, n)
    assert sum(drawn) == n
    assert all(1 <= have <= size for have, size in zip(drawn, sizes, strict=True))
    if n >= 2 * len(sizes):
        assert all(have >= min(2, size) for have, size in zip(drawn, sizes, strict=True))
    if all(n * size / sum(sizes) >= 2 for size in sizes):
        # Nobody's floor is above their share: then it is proportional, to within one image.
        assert all(abs(have - n * size / sum(sizes)) < len(sizes) for have, size in zip(drawn, sizes, strict=True))  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "n", "expected"),
    [
        ([80, 15, 5], 20, [15, 3, 2]),
        ([1000, 1], 10, [9, 1]),
        ([3, 3], 6, [3, 3]),
        ([9, 9, 9], 3, [1, 1, 1]),
    ],
)
def test_an_allocation_is_proportional_with_a_floor(sizes, n, expected):
    assert allocate(sizes, n) == expected


def test_a_stratified_audit_keeps_the_chances_of_all_images():
    audit = draw(images(a=80, b=15, c=5), 20, 7, "ada", "stratified", TIME)
    assert audit.strata == {"a": (80, 15), "b": (15, 3), "c": (5, 2)}
    assert collections.Counter(name.split("-")[0] for name in audit.image_ids) == {"a": 15, "b": 3, "c": 2}
    assert len(audit.inclusion_probability) == 100
    assert audit.inclusion_probability["c-0"] == 0.4
    assert sum(audit.inclusion_probability.values()) == pytest.approx(20)
    assert len(set(audit.image_ids)) == 20


def test_the_chances_are_those_with_which_images_are_drawn():
    population = images(a=12, b=4)
    counts: collections.Counter[str] = collections.Counter()
    for seed in range(1500):
        counts.update(draw(population, 6, seed, "ada", "stratified", TIME).image_ids)
    chances = draw(population, 6, 0, "ada", "stratified", TIME).inclusion_probability
    for image_id, chance in chances.items():
        # Five standard errors: one in a million for each of 16 images.
        assert counts[image_id] / 1500 == pytest.approx(chance, abs=5 * (chance * (1 - chance) / 1500) ** 0.5)


def test_a_simple_audit_has_one_stratum_and_one_chance():
    audit = draw(images(a=80, b=20), 10, 7, "ada", "simple", TIME)
    assert audit.strata == {ALL: (100, 10)}
    assert set(audit.inclusion_probability.values()) == {0.1}


def test_more_images_than_there_are_means_all_of_them():
    audit = draw(images(a=3, b=1), 50, 7, "ada", "stratified", TIME)
    assert sorted(audit.image_ids) == ["a-0", "a-1", "a-2", "b-0"]
    assert set(audit.inclusion_probability.values()) == {1.0}


@pytest.mark.parametrize(
    ("n", "seed", "design", "words"),
    [
        (0, 1, "simple", "at least 1"),
        (True, 1, "simple", "whole number"),
        (2.5, 1, "simple", "whole number"),
        (5, -1, "simple", "seed is -1"),
        (5, 2**32, "simple", "seed"),
        (5, 1, "cluster", "must be 'simple' or 'stratified'"),
        (1, 1, "stratified", "1 images cannot cover 2 classes.*simple sample"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(n, seed, design, words):
    with pytest.raises(RunError, match=words):
        draw(images(a=10, b=10), n, seed, "ada", design, TIME)
    with pytest.raises(RunError, match="no images"):
        draw({}, 5, 1, "ada", "simple", TIME)


@pytest.fixture
def folder(run, tmp_path):
    for grey in range(8, 248, 12):
        grey_png(tmp_path / "in" / f"grey-{grey}.png", grey)
    return run(images=tmp_path / "in")


def test_an_audit_is_kept_and_drawn_again_the_same_whatever_people_said(folder):
    validation = Validation(folder)
    first = validation.draw_audit(6, 3, "ada")
    assert Validation(folder).audits() == [first]
    validation.move(list(validation.predicted)[:5], "bright", "bob")
    again = Validation(folder).draw_audit(6, 3, "ada")
    assert again == first, "the audit that there is"
    other = validation.draw_audit(6, 4, "ada")
    assert validation.audits() == [first, other]
    assert other.image_ids != first.image_ids
    assert other.inclusion_probability == first.inclusion_probability


def test_progress_counts_looks_since_the_draw_and_undo_takes_them_back(folder):
    validation = Validation(folder)
    everything = list(validation.predicted)
    validation.unknown(everything, "ada")
    audit = validation.draw_audit(6, 3, "ada")
    assert validation.checked(audit) == {}, "what was said before is asked again"
    validation.move(audit.image_ids[:2], "dark", "bob")
    validation.unknown(audit.image_ids[2:3], "bob", audit.audit_id)
    assert validation.checked(audit) == {
        **dict.fromkeys(audit.image_ids[:2], "dark"),
        audit.image_ids[2]: "",
    }
    assert validation.summary().audits[0].checked == 3
    frame = folder.determinations().set_index("image_id")["audit"]
    assert set(frame[list(audit.image_ids[:3])]) == {audit.audit_id}
    assert set(frame.drop(list(audit.image_ids[:3]))) == {""}
    validation.undo("bob")
    assert validation.summary().audits[0].checked == 2
    with pytest.raises(RunError, match="no audit 'audit-x'"):
        validation.unknown(audit.image_ids[:1], "ada", "audit-x")


def test_damaged_audits_are_told_and_never_overwritten(folder):
    validation = Validation(folder)
    validation.draw_audit(6, 3, "ada")
    (folder.path / "audits.json").write_text('[{"audit_id": 1}]')
    for use in (validation.audits, lambda: validation.draw_audit(6, 4, "ada"), validation.summary):
        with pytest.raises(RunError, match=r"audits.json is damaged \(0.audit_id"):
            use()
    assert (folder.path / "audits.json").read_text() == '[{"audit_id": 1}]'
