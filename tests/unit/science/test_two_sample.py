"""The tests behind a verdict, against Frouros, against brute force, and against chance."""

from functools import partial

import numpy as np
import pytest
from frouros.callbacks import PermutationTestDistanceBased
from frouros.detectors.data_drift import MMD
from frouros.utils.kernels import rbf_kernel
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from tidelab.science import two_sample


def normal(n, d=8, shift=0.0, seed=0):
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def kernel_of(*samples, sigma=None):
    pooled = np.concatenate(samples)
    return two_sample.rbf_kernel_matrix(pooled, sigma or two_sample.median_heuristic(pooled))


def first(n, total):
    return (np.arange(total) < n)[None, :]


# -- distances and kernel -------------------------------------------------------------------------------------------------


def test_squared_distances_match_brute_force_far_from_the_origin():
    a, b = normal(30, seed=1) + 1000, normal(20, seed=2) + 1000
    expected = ((a[:, None, :].astype(float) - b[None, :, :].astype(float)) ** 2).sum(axis=2)
    np.testing.assert_allclose(two_sample.squared_distances(a, b), expected, rtol=1e-6)


def test_equal_points_are_exactly_together():
    points = np.repeat(normal(1, 64) * 37, 50, axis=0)
    assert two_sample.squared_distances(points, points).max() == 0
    assert two_sample.median_heuristic(points) == 1.0


def test_median_heuristic_known_answers():
    assert two_sample.median_heuristic(np.array([[0.0], [1.0], [3.0]], np.float32)) == 2.0
    mostly_equal = np.array([[0.0]] * 9 + [[4.0]], np.float32)
    assert two_sample.median_heuristic(mostly_equal) == 4.0
    with pytest.raises(ValueError, match="at least 2 points"):
        two_sample.median_heuristic(normal(1))


def test_median_heuristic_of_a_random_choice_is_close_and_seeded():
    points = normal(3000, seed=3)
    chosen = two_sample.median_heuristic(points, seed=5, maximum=500)
    assert chosen == two_sample.median_heuristic(points, seed=5, maximum=500)
    assert chosen == pytest.approx(two_sample.median_heuristic(points, maximum=3000), rel=0.05)


def test_the_kernel_matrix_is_frouros_rbf_kernel():
    points = normal(700, 16, seed=4)  # more than one block of rows
    kernel = two_sample.rbf_kernel_matrix(points, 3.0)
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(
        kernel, rbf_kernel(points.astype(float), points.astype(float), sigma=3.0), atol=1e-6
    )
    assert (np.diag(kernel) == 1).all()
    with pytest.raises(ValueError, match="sigma must be positive"):
        two_sample.rbf_kernel_matrix(points, 0.0)


# -- MMD ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "d", "shift"), [(40, 60, 8, 0.0), (100, 80, 64, 0.2), (2, 2, 3, 1.0)])
def test_the_statistic_is_frouros_mmd_for_the_same_sigma(n, m, d, shift):
    x, y = normal(n, d, seed=1), normal(m, d, shift, seed=2)
    sigma = two_sample.median_heuristic(np.concatenate([x, y]))
    detector = MMD(kernel=partial(rbf_kernel, sigma=sigma))
    detector.fit(X=x.astype(float))
    expected = detector.compare(X=y.astype(float))[0].distance
    ours = two_sample.mmd2_of_memberships(kernel_of(x, y, sigma=sigma), first(n, n + m))[0]
    assert ours == pytest.approx(expected, abs=3e-7)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_statistic_is_the_unbiased_formula_and_symmetric(n, m, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(m, 3)).astype(np.float32)
    k = kernel_of(x, y, sigma=1.5)
    xx, yy, xy = k[:n, :n].astype(float), k[n:, n:].astype(float), k[:n, n:].astype(float)
    expected = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1)) - 2 * xy.mean()
    split = first(n, n + m)
    assert two_sample.mmd2_of_memberships(k, split)[0] == pytest.approx(expected, abs=1e-5)
    assert two_sample.mmd2_of_memberships(k, ~split)[0] == pytest.approx(expected, abs=1e-5)


def test_permuted_statistics_and_p_value_are_those_of_frouros_callback():
    x, y = normal(50, 16, seed=1), normal(40, 16, 0.15, seed=2)
    sigma = two_sample.median_heuristic(np.concatenate([x, y]))
    callback = PermutationTestDistanceBased(
        num_permutations=99, num_jobs=1, method="conservative", random_state=7
    )
    detector = MMD(kernel=partial(rbf_kernel, sigma=sigma), callbacks=callback)
    detector.fit(X=x.astype(float))
    _, logs = detector.compare(X=y.astype(float))
    np.random.seed(7)
    order = [np.random.permutation(np.arange(90)) for _ in range(99)]
    splits = np.zeros((99, 90), dtype=bool)
    for row, permutation in zip(splits, order, strict=True):
        row[permutation[:50]] = True
    kernel = kernel_of(x, y, sigma=sigma)
    ours = two_sample.mmd2_of_memberships(kernel, splits)
    np.testing.assert_allclose(ours, logs[callback.name]["permuted_statistics"], atol=1e-6)
    observed = two_sample.mmd2_of_memberships(kernel, first(50, 90))[0]
    assert (np.sum(ours >= observed) + 1) / 100 == logs[callback.name]["p_value"]


@pytest.mark.parametrize("seed", range(6))
def test_the_decision_is_frouros_decision(seed):
    """Other permutations, so p differs by chance; the decision at 1 % must not where the case is clear."""
    shift = 0.0 if seed % 2 else 0.5
    x, y = normal(60, 16, seed=2 * seed), normal(60, 16, shift, seed=2 * seed + 1)
    sigma = two_sample.median_heuristic(np.concatenate([x, y]))
    callback = PermutationTestDistanceBased(
        num_permutations=199, num_jobs=1, method="conservative", random_state=seed
    )
    detector = MMD(kernel=partial(rbf_kernel, sigma=sigma), callbacks=callback)
    detector.fit(X=x.astype(float))
    theirs = detector.compare(X=y.astype(float))[1][callback.name]["p_value"]
    _, ours = two_sample.permutation_p_value(
        kernel_of(x, y, sigma=sigma), 60, 199, np.random.default_rng(seed)
    )
    assert (ours <= 0.01) == (theirs <= 0.01) == (shift > 0)


def test_p_values_are_seeded_and_never_zero():
    kernel = kernel_of(normal(40, seed=1), normal(40, shift=3, seed=2))
    results = {two_sample.permutation_p_value(kernel, 40, 300, np.random.default_rng(3)) for _ in range(2)}
    assert len(results) == 1
    assert results.pop()[1] == 1 / 301


def test_identical_images_are_no_drift():
    """Every permutation ties with the observed value; a tie must count, or copies of one image would look like drift."""
    kernel = kernel_of(np.ones((60, 5), np.float32))
    assert two_sample.permutation_p_value(kernel, 30, 200, np.random.default_rng(0)) == (0.0, 1.0)


def test_false_alarms_come_at_the_stated_rate():
    level, trials = 0.1, 300
    alarms = 0
    for seed in range(trials):
        kernel = kernel_of(normal(25, 4, seed=10_000 + seed), normal(20, 4, seed=20_000 + seed))
        alarms += two_sample.permutation_p_value(kernel, 25, 99, np.random.default_rng(seed))[1] <= level
    # 30 expected, standard deviation 5.2; the band is four of them wide on each side
    assert 9 <= alarms <= 51


def test_a_shift_of_the_mean_is_found():
    found = 0
    for seed in range(20):
        kernel = kernel_of(normal(80, 16, seed=seed), normal(80, 16, 0.4, seed=100 + seed))
        found += two_sample.permutation_p_value(kernel, 80, 199, np.random.default_rng(seed))[1] <= 0.01
    assert found >= 19


def test_too_small_splits_and_no_permutations_are_refused():
    kernel = kernel_of(normal(5))
    with pytest.raises(ValueError, match="at least two points on each side"):
        two_sample.mmd2_of_memberships(kernel, first(1, 5))
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        two_sample.permutation_p_value(kernel, 2, 0, np.random.default_rng(0))


# -- neighbours -----------------------------------------------------------------------------------------------------------


def test_nearest_neighbours_match_brute_force_over_blocks():
    points, reference = normal(1100, 4, seed=1), normal(60, 4, seed=2)
    indices, distances = two_sample.nearest_neighbours(points, reference)
    brute = np.linalg.norm(points[:, None, :].astype(float) - reference[None, :, :].astype(float), axis=2)
    np.testing.assert_array_equal(indices, brute.argmin(axis=1))
    np.testing.assert_allclose(distances, brute.min(axis=1), rtol=1e-6)


def test_distances_within_leave_the_point_itself_out():
    points = np.array([[0.0], [1.0], [5.0]], np.float32)
    assert two_sample.distances_within(points).tolist() == [1.0, 1.0, 4.0]
    with pytest.raises(ValueError, match="at least 2 points"):
        two_sample.distances_within(points[:1])


# -- many tests -----------------------------------------------------------------------------------------------------------


def test_holm_known_answer_of_the_textbook():
    corrected = two_sample.holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02])
    assert two_sample.holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert two_sample.holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_helps(p_values):
    corrected = two_sample.holm(p_values)
    assert (corrected >= np.asarray(p_values) - 1e-12).all()
    assert (corrected <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


def test_holm_holds_the_rate_of_any_false_alarm():
    rng = np.random.default_rng(0)
    alarms = sum((two_sample.holm(rng.uniform(size=10)) <= 0.1).any() for _ in range(2000))
    assert alarms / 2000 == pytest.approx(0.1, abs=0.03)


# -- class shares and weighted distance -----------------------------------------------------------------------------------


def test_share_distance_known_answer():
    rng = np.random.default_rng(0)
    distance, p_value = two_sample.share_distance_test(np.array([80, 20]), np.array([50, 50]), 999, rng)
    assert distance == pytest.approx(0.3)
    assert p_value == 0.001
    assert two_sample.share_distance_test(np.array([5, 5]), np.array([50, 50]), 99, rng) == (0.0, 1.0)
    with pytest.raises(ValueError, match="at least one image on each side"):
        two_sample.share_distance_test(np.array([0, 0]), np.array([1, 2]), 99, rng)


def test_share_distance_does_not_call_small_samples_of_many_classes_changed():
    rng = np.random.default_rng(1)
    reference = rng.multinomial(400, np.full(40, 1 / 40))
    alarms = 0
    for _ in range(200):
        distance, p_value = two_sample.share_distance_test(
            rng.multinomial(30, np.full(40, 1 / 40)), reference, 199, rng
        )
        assert distance > 0.2  # large although nothing changed: this is why it is never read alone
        alarms += p_value <= 0.05
    assert alarms <= 24  # 10 expected; four standard deviations above


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_equal_weights_give_the_ks_distance(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 9, n).astype(float), rng.integers(0, 9, m).astype(float)
    assert two_sample.weighted_ks_distance(x, y, np.full(m, 0.3)) == pytest.approx(ks_2samp(x, y).statistic)


def test_weights_are_repetitions():
    x, y = np.array([1.0, 4.0, 4.0]), np.array([1.0, 3.0, 4.0])
    repeated = ks_2samp(x, np.repeat(y, [1, 2, 5])).statistic
    assert two_sample.weighted_ks_distance(x, y, np.array([1.0, 2.0, 5.0])) == pytest.approx(repeated)
    with pytest.raises(ValueError, match="weights must not all be zero"):
        two_sample.weighted_ks_distance(x, y, np.zeros(3))


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 4)), min_size=1, max_size=20),
    st.sampled_from([0.0, 0.5, 0.99, 1.0]),
)
def test_the_weighted_quantile_is_that_of_repeated_values(pairs, quantile):
    values = np.array([value for value, _ in pairs], dtype=float)
    weights = np.array([weight for _, weight in pairs], dtype=float)
    if weights.sum() == 0:
        with pytest.raises(ValueError, match="weights must not all be zero"):
            two_sample.weighted_quantile(values, weights, quantile)
        return
    repeated = np.repeat(values, weights.astype(int))
    if quantile > 0:
        assert two_sample.weighted_quantile(values, weights, quantile) == np.quantile(
            repeated, quantile, method="inverted_cdf"
        )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_one_sided_distances_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 9, 25).astype(float), rng.integers(0, 9, 17).astype(float) + rng.integers(-2, 3)
    above, below = two_sample.one_sided_ks_distances(x, y)
    assert above == pytest.approx(max(ks_2samp(x, y, alternative="less", method="asymp").statistic, 0))
    assert below == pytest.approx(max(ks_2samp(x, y, alternative="greater", method="asymp").statistic, 0))


def test_unit_vectors_have_length_one_or_zero():
    vectors = np.vstack([normal(20, 5), np.zeros((1, 5), np.float32)]) * 1e4
    lengths = np.linalg.norm(two_sample.unit_vectors(vectors), axis=1)
    np.testing.assert_allclose(lengths, [1.0] * 20 + [0.0], rtol=1e-6)
