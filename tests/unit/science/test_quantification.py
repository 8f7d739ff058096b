"""Known answers of the corrections: by hand, against QuaPy, and where they must fail."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.quantification import (
    MINIMUM_CLUSTERS,
    Labelled,
    class_means,
    clusters_of,
    emq,
    outputs,
    pacc,
    percentile_interval,
    resampled_counts,
    resampled_means,
    with_counting_error,
)
from tidelab.science.simplex import simplex_least_squares


def labelled(probabilities, truth, beyond=None, clusters=None):
    truth = np.asarray(truth)
    far = np.zeros(len(truth), bool) if beyond is None else beyond
    return Labelled(
        outputs(probabilities, far), truth, np.full(len(truth), -1) if clusters is None else clusters
    )


TWO = labelled([[0.9, 0.1]] * 10 + [[0.2, 0.8]] * 10, [0] * 10 + [1] * 10)
"""Images of the first class score 0.9 for it, those of the second 0.2."""


def test_pacc_solves_a_two_class_confusion_by_hand():
    # Mean score of the first class: 0.9 p + 0.2 (1 - p) = 0.41, hence p = 0.3.
    sample = outputs([[0.9, 0.1]] * 30 + [[0.2, 0.8]] * 70, np.zeros(100, bool))
    assert sample.mean(axis=0)[0] == pytest.approx(0.41)
    assert pacc(class_means(TWO), sample) == pytest.approx([0.3, 0.7, 0.0], abs=1e-4)


def test_raw_counts_of_the_same_sample_would_be_wrong_where_pacc_is_right():
    truth = np.repeat([0, 1], [10, 90])
    scores = np.where(truth[:, None] == 0, [[0.9, 0.1]], [[0.4, 0.6]])
    wrong = np.flatnonzero(truth == 1)[:45]
    scores[wrong] = [0.8, 0.2]
    known = labelled([[0.9, 0.1]] * 20 + [[0.8, 0.2], [0.4, 0.6]] * 10, [0] * 20 + [1] * 20)
    assert (scores.argmax(axis=1) == 0).mean() == 0.55
    assert pacc(class_means(known), outputs(scores, np.zeros(100, bool)))[0] == pytest.approx(0.1, abs=1e-3)


def test_images_beyond_become_unidentified_and_what_known_classes_lose_is_given_back():
    # Of 10 labelled images of each class one lies beyond; a sample of the same kind has nothing unidentified, a fifth more has.
    far = np.tile([True] + [False] * 9, 2)
    known = labelled([[0.9, 0.1]] * 10 + [[0.2, 0.8]] * 10, [0] * 10 + [1] * 10, far)
    means = class_means(known)
    assert means[:, 2].tolist() == [0, 0, 1]
    same = outputs([[0.9, 0.1]] * 100, np.arange(100) < 10)
    assert pacc(means, same) == pytest.approx([1.0, 0.0, 0.0], abs=1e-3)
    more = outputs([[0.9, 0.1]] * 100, np.arange(100) < 28)  # 20 % unknown and a tenth of the other 80
    assert pacc(means, more) == pytest.approx([0.8, 0.0, 0.2], abs=1e-3)


def test_emq_is_a_fixed_point_of_its_own_step_and_recovers_shares_of_a_calibrated_classifier():
    rng = np.random.default_rng(1)
    means = np.array([[0.0, 0.0], [2.5, 0.0]])

    def scores(truth):
        x = means[truth] + rng.normal(size=(len(truth), 2))
        likelihood = np.exp(-0.5 * ((x[:, None] - means[None]) ** 2).sum(axis=2))
        return likelihood / likelihood.sum(axis=1, keepdims=True)

    held = np.repeat([0, 1], 2000)
    truth = np.repeat([0, 1], [4500, 500])
    known, sample = labelled(scores(held), held), outputs(scores(truth), np.zeros(5000, bool))
    found = emq(known, sample)
    assert found == pytest.approx([0.9, 0.1, 0.0], abs=0.02)
    prior = known.outputs[:, :2].mean(axis=0)
    again = sample[:, :2] * (found[:2] / prior)
    again = (again / again.sum(axis=1, keepdims=True)).mean(axis=0)
    assert again == pytest.approx(found[:2], abs=1e-3)


def test_emq_of_images_that_are_all_beyond_is_unidentified():
    sample = outputs([[0.9, 0.1]] * 5, np.ones(5, bool))
    assert emq(TWO, sample).tolist() == [0, 0, 1]


@pytest.mark.parametrize("k", [2, 7, 40])
def test_least_squares_over_the_simplex_are_those_of_quapy(k):
    from quapy.method.aggregative import ACC

    rng = np.random.default_rng(k)
    matrices = np.stack([rng.dirichlet(0.1 + 2 * np.eye(k)[c], size=6) for c in range(k)], axis=2)
    targets = rng.dirichlet(np.full(k, 0.3), size=6)
    ours = simplex_least_squares(matrices, targets)
    for matrix, target, mine in zip(matrices, targets, ours, strict=True):
        theirs = ACC.solve_adjustment(matrix, target, method="inversion", solver="minimize")
        assert mine == pytest.approx(theirs, abs=2e-3)
        # Theirs stops a little early; ours must never fit worse.
        assert np.linalg.norm(matrix @ mine - target) <= np.linalg.norm(matrix @ theirs - target) + 1e-7


@settings(max_examples=40)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10_000))
def test_least_squares_fulfil_the_conditions_of_optimality(k, r, seed):
    rng = np.random.default_rng(seed)
    matrices, targets = rng.normal(size=(3, r, k)), rng.normal(size=(3, r))
    shares = simplex_least_squares(matrices, targets, start=rng.random(k) < 0.5)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(1)
    gradient = np.einsum("brk,br->bk", matrices, np.einsum("brk,bk->br", matrices, shares) - targets)
    for row, slope in zip(shares, gradient, strict=True):
        level = slope[row > 1e-9].mean()
        assert slope[row > 1e-9] == pytest.approx(level, abs=1e-4)
        assert (slope >= level - 1e-4).all()


def test_equal_columns_share_evenly_and_bad_shapes_are_refused():
    same = np.full((1, 3, 2), 1 / 3)
    assert simplex_least_squares(same, np.full((1, 3), 1 / 3))[0] == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match="expected matrices"):
        simplex_least_squares(np.eye(2), np.ones(2))


def test_replicates_of_the_labelled_set_centre_on_it_and_spread_as_a_mean_does():
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([4, 1], size=50)
    known = labelled(np.vstack([scores, [[0.1, 0.9]] * 50]), [0] * 50 + [1] * 50)
    drawn = resampled_means(known, 4000, rng)
    column = drawn[:, 0, 0]
    assert column.mean() == pytest.approx(scores[:, 0].mean(), abs=0.002)
    # Rao and Wu: exactly the variance of the mean; Student's t of 49 degrees over the normal widens it by 2.5 %.
    assert column.std() == pytest.approx(1.0253 * scores[:, 0].std(ddof=1) / np.sqrt(50), rel=0.05)
    assert drawn[:, 1, 1].std() == pytest.approx(0, abs=1e-12)
    assert drawn.sum(axis=1) == pytest.approx(np.ones((4000, 3)))


def test_whole_samples_are_drawn_again_where_enough_are_known():
    samples = np.repeat(np.arange(10), 20)
    scores = np.repeat(np.random.default_rng(3).dirichlet([3, 3], size=10), 20, axis=0)
    both = np.vstack([scores, scores])
    truth = np.repeat([0, 1], 200)
    alone = resampled_means(labelled(both, truth), 1000, np.random.default_rng(4))[:, 0, 0].std()
    clustered = labelled(both, truth, clusters=np.tile(samples, 2))
    together = resampled_means(clustered, 1000, np.random.default_rng(4))[:, 0, 0].std()
    # Twenty identical images a sample: ten facts, not two hundred.
    assert together / alone == pytest.approx(np.sqrt(20), rel=0.25)
    assert clusters_of(np.arange(MINIMUM_CLUSTERS - 1)) is None
    assert clusters_of(np.array([-1, *range(20)])) is None


def test_counts_of_a_perfect_classifier_spread_as_a_poisson_count():
    sample = outputs(np.repeat(np.eye(2), [400, 100], axis=0), np.zeros(500, bool))
    drawn = resampled_counts(sample, np.repeat(np.eye(3)[None], 3000, axis=0), np.random.default_rng(5))
    assert drawn.mean(axis=0) == pytest.approx([400, 100, 0], rel=0.02, abs=1e-6)
    assert drawn.std(axis=0) == pytest.approx([20, 10, 0], rel=0.06, abs=1e-6)
    exact = resampled_counts(
        sample, np.repeat(np.eye(3)[None], 3000, axis=0), np.random.default_rng(5), exact_total=True
    )
    assert exact.sum(axis=1) == pytest.approx(np.full(3000, 500))
    assert exact.std(axis=0)[:2] == pytest.approx([np.sqrt(500 * 0.8 * 0.2)] * 2, rel=0.06)


def test_no_interval_is_narrower_than_counting():
    low, high = with_counting_error(np.array([0.0, 10.0, 10.0]), np.zeros(3) + 9, np.zeros(3) + 11)
    assert low == pytest.approx([0, 4.795, 4.795], abs=1e-3)
    assert high == pytest.approx([11, 18.390, 18.390], abs=1e-3)
    assert with_counting_error(np.zeros(1), np.zeros(1), np.zeros(1))[1][0] == pytest.approx(3.689, abs=1e-3)


def test_percentiles_are_those_of_the_columns():
    low, high = percentile_interval(np.column_stack([np.arange(101), np.full(101, 7.0)]))
    assert [*low, *high] == pytest.approx([2.5, 7.0, 97.5, 7.0])


def test_figures_look_the_same_after_quapy_was_imported() -> None:
    """In a process of its own: an import happens once."""
    code = (
        "import matplotlib as mpl, numpy as np; before = dict(mpl.rcParams)\n"
        "from tidelab.science import quantification as q\n"
        "q.pacc(np.eye(3), np.full((4, 3), 1 / 3))\n"
        "assert dict(mpl.rcParams) == before\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)
