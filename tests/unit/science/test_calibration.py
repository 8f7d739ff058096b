"""Temperature scaling finds the temperature that was put in, and never changes the order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelab.science.calibration import apply_temperature, fit_temperature, negative_log_likelihood
from tidelab.science.reliability import reliability


def drawn(temperature: float, n: int = 6000, k: int = 5, seed: int = 3):
    """Return over- or underconfident probabilities whose right temperature is known, and labels drawn from the honest ones."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, k))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (honest.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    shown = np.exp(logits * temperature)
    return shown / shown.sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize("n", [8, 50, 200])
def test_few_images_that_are_all_right_make_no_certainty(n):
    """After n successes in n trials the next one is right with about (n + 1) / (n + 2) (Laplace), not for certain."""
    truth = np.arange(n) % 6
    probabilities = np.full((n, 6), 0.02)
    probabilities[np.arange(n), truth] = 0.9
    top = apply_temperature(probabilities, fit_temperature(probabilities, truth)).max(axis=1)
    assert top == pytest.approx((n + 1) / (n + 2), abs=2e-3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 3.5])
def test_known_temperature_is_recovered(temperature):
    probabilities, truth = drawn(temperature)
    assert fit_temperature(probabilities, truth) == pytest.approx(temperature, rel=0.06)


def test_calibration_makes_scores_honest():
    probabilities, truth = drawn(2.5)
    after = apply_temperature(probabilities, fit_temperature(probabilities, truth))
    assert reliability(probabilities, truth).expected_calibration_error > 0.1
    assert reliability(after, truth).expected_calibration_error < 0.02
    assert negative_log_likelihood(after, truth) < negative_log_likelihood(probabilities, truth)


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=8), st.floats(0.1, 10))
def test_order_and_sum_are_kept(weights, temperature):
    probabilities = np.array(weights) / np.sum(weights)
    after = apply_temperature(probabilities, temperature)
    assert after.dtype == np.float32
    assert after.sum() == pytest.approx(1, abs=1e-5)
    assert after.max() == pytest.approx(after[probabilities.argmax()], abs=1e-6)


def test_temperature_one_changes_no_bit():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), 10).astype(np.float32)
    assert apply_temperature(probabilities, 1.0).tobytes() == probabilities.tobytes()


def test_exact_zero_of_a_forest_is_no_infinity():
    assert np.isfinite(apply_temperature([0.0, 1.0], 3.0)).all()
    assert np.isfinite(negative_log_likelihood([[0.0, 1.0]], [0]))


def test_without_images_nothing_is_fitted():
    assert fit_temperature(np.zeros((0, 3)), []) == 1.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        apply_temperature([0.5, 0.5], 0)
    with pytest.raises(ValueError, match="one row of probabilities"):
        fit_temperature([[0.5, 0.5]], [0, 1])
