"""Splits never tear a group apart, keep classes in proportion and repeat with their seed."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tidelab.science.splits import PARTS, TEST, TRAIN, grouped_split, merge_groups, repeated_folds


@st.composite
def labelled(draw):
    n_groups = draw(st.integers(6, 25))
    groups = draw(st.lists(st.integers(0, n_groups - 1), min_size=30, max_size=120))
    truth = draw(st.lists(st.integers(0, 3), min_size=len(groups), max_size=len(groups)))
    return np.array(truth), np.array(groups)


@settings(max_examples=60, deadline=None)
@given(labelled(), st.integers(0, 1000))
def test_no_group_straddles_and_seeds_repeat(data, seed):
    truth, groups = data
    assume(len(np.unique(groups)) >= 6)
    with np.errstate(all="ignore"):
        parts = grouped_split(truth, groups, seed=seed)
        again = grouped_split(truth, groups, seed=seed)
    assert (parts == again).all()
    assert set(parts) == set(PARTS)
    for group in np.unique(groups):
        assert len(set(parts[groups == group])) == 1


def test_another_seed_gives_another_split():
    truth, groups = np.arange(120) % 4, np.arange(120)
    assert (grouped_split(truth, groups, seed=1) != grouped_split(truth, groups, seed=2)).any()


@pytest.mark.parametrize(("test_share", "validation_share"), [(0.2, 0.2), (0.1, 0.3), (0.25, 0.25)])
def test_shares_and_classes_are_met(test_share, validation_share):
    truth = np.repeat([0, 1, 2], [100, 60, 40])
    parts = grouped_split(
        truth, np.arange(200), seed=3, test_share=test_share, validation_share=validation_share
    )
    for k, n in enumerate((100, 60, 40)):
        assert (parts[truth == k] == TEST).sum() == pytest.approx(n * test_share, abs=3)
        assert (parts[truth == k] == TRAIN).sum() == pytest.approx(
            n * (1 - test_share - validation_share), rel=0.2
        )


def test_too_few_groups_are_said_in_words():
    with pytest.raises(ValueError, match="only 2 group"):
        grouped_split([0, 1, 0, 1], [0, 0, 1, 1], seed=1)
    with pytest.raises(ValueError, match="leave something to train on"):
        grouped_split([0, 1] * 10, np.arange(20), seed=1, test_share=0.6, validation_share=0.5)


def test_groups_join_through_pairs():
    merged = merge_groups(["a", "a", "", "", "b"], [(1, 2)])
    assert merged[0] == merged[1] == merged[2]
    assert len({int(merged[0]), int(merged[3]), int(merged[4])}) == 3


def test_empty_group_names_are_groups_of_their_own():
    assert len(set(merge_groups(["", "", ""], []).tolist())) == 3


def test_repeated_folds_test_every_image_once_per_repeat():
    truth, groups = np.arange(60) % 3, np.arange(60)
    folds = repeated_folds(truth, groups, folds=5, repeats=3, seed=0)
    assert len(folds) == 15
    for repeat in range(3):
        tested = np.concatenate([test for _, test in folds[repeat * 5 : repeat * 5 + 5]])
        assert sorted(tested.tolist()) == list(range(60))
    assert not np.array_equal(folds[0][1], folds[5][1])
