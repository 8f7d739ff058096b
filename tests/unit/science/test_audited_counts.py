"""Audits of detections and of pictures: by hand, unbiased, and what each cannot tell."""

import itertools

import numpy as np
import pytest

from tidelab.science.audited_counts import FEWEST_PICTURES, object_audit, picture_audit


def test_a_model_that_counts_rightly_is_not_corrected():
    counts = np.arange(40).reshape(20, 2)
    found = picture_audit(counts[:10], counts[:10], counts)
    assert found.value == pytest.approx(counts.mean(axis=0))
    # Ten of 20 pictures without an error leave open one in 3.689 / 10 of the other half.
    assert found.high - found.value == pytest.approx([0.18444] * 2, rel=1e-3)
    assert found.value - found.low == pytest.approx([0.18444] * 2, rel=1e-3)
    assert found.remarks == ("", "")
    assert found.surplus.tolist() == found.shortfall.tolist() == [0, 0]


def test_a_model_that_always_misses_one_is_corrected_by_one():
    truth = np.arange(1, 21)[:, None]
    found = picture_audit(truth[:12], truth[:12] - 1, truth - 1)
    assert found.value[0] == pytest.approx(truth.mean())
    assert (found.raw[0], found.shortfall[0], found.surplus[0]) == (9.5, 1.0, 0.0)


def test_what_was_counted_in_every_picture_is_exact():
    truth = np.array([0, 2, 1, 4, 0, 0, 1, 3, 0, 1, 0, 0])[:, None]
    found = picture_audit(truth, truth + truth % 2, truth + truth % 2)
    assert found.value[0] == found.low[0] == found.high[0] == 1.0


def test_a_taxon_that_no_checked_picture_holds_is_withheld_where_the_model_found_it():
    everyone = np.zeros((100, 2))
    everyone[50:60, 0] = 1
    found = picture_audit(np.zeros((20, 2)), np.zeros((20, 2)), everyone)
    assert found.raw.tolist() == [0.1, 0]
    assert np.isnan([found.value[0], found.low[0], found.high[0]]).all()
    assert "none of the 20 pictures" in found.remarks[0]
    assert "in 10 others" in found.remarks[0]
    # Nobody saw the other one anywhere: 0, with what 20 of 100 pictures leave open.
    assert (found.value[1], found.low[1]) == (0, 0)
    assert found.high[1] == pytest.approx(0.8 * 3.689 / 20, rel=1e-3)


def test_one_that_is_always_alone_says_nothing_of_schools():
    everyone = np.concatenate([np.ones((20, 1)), np.full((20, 1), 9)])
    found = picture_audit(np.full((20, 1), 2), np.ones((20, 1)), everyone)
    assert np.isnan(found.value[0])
    assert "the same number" in found.remarks[0]


def test_false_detections_alone_are_corrected_to_none_with_an_upper_limit():
    model = np.array([1, 0] * 10)[:, None]
    found = picture_audit(np.zeros((20, 1)), model, np.tile(model, (5, 1)))
    assert (found.raw[0], found.value[0], found.low[0]) == (0.5, 0, 0)
    assert found.high[0] == pytest.approx(0.8 * 3.689 / 20, rel=1e-3)


def test_a_model_that_says_nothing_leaves_the_mean_of_the_hand_counts():
    truth = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])[:, None]
    found = picture_audit(truth, np.zeros((10, 1)), np.zeros((100, 1)))
    assert found.value[0] == 4.5
    assert "mean of the hand counts alone" in found.remarks[0]
    # Student's interval with 9 degrees of freedom, for 10 of 100 without replacement.
    reach = 2.262157 * np.sqrt(0.9 * truth.var(ddof=1) / 10)
    assert found.high[0] - 4.5 == pytest.approx(reach, rel=1e-6)


def test_the_estimate_is_all_but_unbiased_over_every_draw():
    rng = np.random.default_rng(1)
    truth = rng.poisson(3, size=(13, 1)).astype(float)
    model = np.maximum(truth + rng.integers(-1, 3, size=(13, 1)), 0)
    draws = [list(one) for one in itertools.combinations(range(13), FEWEST_PICTURES)]
    mean = np.mean([picture_audit(truth[d], model[d], model).value[0] for d in draws])
    assert mean == pytest.approx(truth.mean(), abs=0.02)


def test_intervals_of_audits_cover():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        truth = rng.poisson(2, size=(300, 1)).astype(float)
        model = rng.binomial(truth.astype(int), 0.8) + rng.poisson(0.3, size=truth.shape)
        rows = rng.choice(300, size=40, replace=False)
        found = picture_audit(truth[rows], model[rows], model)
        hits += found.low[0] <= truth.mean() <= found.high[0]
    assert 0.90 <= hits / 200 <= 0.99


def test_objects_by_hand():
    # 100 detections of A, 10 looked at: 8 are A, 1 is B, 1 is nothing. 50 of B, all right in 10.
    found = object_audit([[8, 1, 1], [0, 10, 0]], [100, 50], [0.7, 0.7], 200, seed=1)
    assert found.raw.tolist() == [0.5, 0.25]
    assert found.confirmed == pytest.approx([80 / 200, (10 + 50) / 200])
    assert found.false == pytest.approx([20 / 200, 0])
    assert (found.low <= found.confirmed).all()
    assert (found.confirmed <= found.high).all()


def test_classes_of_which_nothing_was_checked_are_missing_whatever_their_scores():
    # Of A 10 of 100 were looked at, 2 of them are B; of B none of 50; C has no detection, and one of A's is C.
    found = object_audit(
        [[7, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], [100, 50, 0], [0.9, 0.99, 0.5], 100, seed=1
    )
    assert found.checked.tolist() == [10, 0, 0]
    assert found.confirmed[[0, 2]] == pytest.approx([0.7, 0.1])
    for one in (found.confirmed, found.low, found.high, found.false):
        assert np.isnan(one[1])
    assert np.isfinite([found.low[[0, 2]], found.high[[0, 2]]]).all()
    assert found.false[2] == 0
    # The score of a class that nobody checked enters no number.
    other = object_audit(
        [[7, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], [100, 50, 0], [0.9, 0.01, 0.5], 100, seed=1
    )
    assert found.high[0] == other.high[0]


def test_with_every_detection_checked_the_number_is_exact():
    found = object_audit([[8, 1, 1], [0, 5, 0]], [10, 5], [0.7, 0.7], 10, seed=1)
    assert found.confirmed.tolist() == found.low.tolist() == found.high.tolist() == [0.8, 0.6]


def test_the_interval_of_objects_covers_these_pictures():
    """200 times 60 of 300 detections, 210 of them right."""
    rng = np.random.default_rng(4)
    right = np.arange(300) < 210
    hits = 0
    for k in range(200):
        n = int(right[rng.choice(300, size=60, replace=False)].sum())
        found = object_audit([[n, 60 - n]], [300], [0.6], 100, seed=k, draws=1000)
        hits += found.low[0] <= 2.1 <= found.high[0]
    assert 0.91 <= hits / 200 <= 0.99


@pytest.mark.parametrize(
    ("truth", "model", "everyone", "words"),
    [
        (np.ones((3, 1)), np.ones((3, 1)), np.ones((9, 1)), "at least 10"),
        (np.ones((12, 1)), np.ones((12, 1)), np.ones((9, 1)), "at most all"),
        (np.ones((12, 2)), np.ones((12, 1)), np.ones((20, 1)), "do not fit"),
        (-np.ones((12, 1)), np.ones((12, 1)), np.ones((20, 1)), "from 0 upwards"),
    ],
)
def test_audits_that_do_not_fit(truth, model, everyone, words):
    with pytest.raises(ValueError, match=words):
        picture_audit(truth, model, everyone)


def test_more_checked_than_detected():
    with pytest.raises(ValueError, match="more than there are"):
        object_audit([[5, 0]], [4], [0.5], 10, seed=1)
