"""The paired comparison: known answers, honest intervals, Holm, Nadeau and Bengio."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from tidelab.science.comparison import Difference, corrected_interval, holm, paired_f1, paired_share_right
from tidelab.science.metrics import confusion_matrix, scores


def models(wrong_first, wrong_second, n=200, k=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), n // k)
    first, second = (
        np.where(rng.random(n) < share, (truth + 1) % k, truth) for share in (wrong_first, wrong_second)
    )
    return truth, first, second


def test_figures_are_those_of_the_confusion_matrix():
    truth, first, second = models(0.1, 0.3)
    found, ours = paired_f1(truth, first, second, 4), scores(confusion_matrix(truth, first, 4))
    assert [one.challenger for one in found.f1] == pytest.approx(ours.f1.tolist())
    assert [one.challenger for one in found.recall] == pytest.approx(ours.recall.tolist())
    assert found.macro.challenger == pytest.approx(ours.macro_f1)
    assert found.macro.champion == pytest.approx(scores(confusion_matrix(truth, second, 4)).macro_f1)


def test_equal_models_differ_by_exactly_nothing():
    truth, first, _ = models(0.2, 0.2)
    found = paired_f1(truth, first, first, 4, samples=[str(k % 7) for k in range(200)])
    assert found.macro.interval() == (0.0, 0.0)
    assert found.macro.p_above(0) == found.macro.p_below(0) == 1.0
    assert found.macro.p_above(-0.05) == 0.0, "equal on every image: no loss at all"


def test_a_better_model_is_seen_with_its_sign():
    truth, good, poor = models(0.1, 0.4)
    assert paired_f1(truth, good, poor, 4).macro.interval()[0] > 0
    assert paired_f1(truth, poor, good, 4).macro.interval()[1] < 0


def test_error_of_recall_is_that_of_a_paired_proportion():
    """One class, images independent: the standard error is sqrt(p (1 - p) / n) of the discordant images (here 20 of 100)."""
    truth = np.zeros(100, int)
    second = np.where(np.arange(100) < 20, 1, 0)
    found = paired_f1(truth, truth, second, 2, resamples=20000).recall[0]
    assert found.value == pytest.approx(0.2)
    assert found.error == pytest.approx(np.sqrt(0.2 * 0.8 / 100), rel=0.03)


def test_images_of_one_sample_hold_less_evidence():
    rng = np.random.default_rng(1)
    truth, samples = np.tile(np.arange(4), 50), [str(k // 20) for k in range(200)]
    champion = np.where(np.isin(samples, ["0", "1", "2"]), (truth + 1) % 4, truth)
    challenger = np.where(rng.random(200) < 0.05, (truth + 1) % 4, truth)
    by_image = paired_f1(truth, challenger, champion, 4).macro
    by_sample = paired_f1(truth, challenger, champion, 4, samples=samples).macro
    assert by_sample.error > 1.5 * by_image.error
    assert by_sample.degrees == 9


def test_a_class_of_one_sample_is_not_certain():
    """Resampling whole samples never changes the recall of a class that lies in one sample; its images still vary."""
    truth, first, second = models(0.1, 0.3)
    samples = ["only" if k == 0 else str(row % 8) for row, k in enumerate(truth)]
    found = paired_f1(truth, first, second, 4, samples=samples)
    assert found.recall[0].error == pytest.approx(
        paired_f1(truth, first, second, 4).recall[0].error, rel=0.15
    )
    assert found.n_samples.tolist() == [1, 8, 8, 8]


def test_only_compared_classes_enter_the_mean():
    truth, first, second = models(0.1, 0.3)
    assert paired_f1(truth, first, second, 5, compared=[2, 4]).macro.value == pytest.approx(
        paired_f1(truth, first, second, 4).f1[2].value
    )
    with pytest.raises(ValueError, match="no test image of a class"):
        paired_f1(truth, first, second, 5, compared=[4])
    assert paired_f1(truth, first, second, 5).f1[4] is None


def test_bad_input_is_refused():
    for arguments in (([], [], []), ([0, 1], [0], [0, 1])):
        with pytest.raises(ValueError, match="equally many images"):
            paired_f1(*arguments, 2)
    with pytest.raises(ValueError, match="equally many images"):
        paired_share_right([], [])


def test_share_right_by_hand():
    """Of 4 images one is right only with the first: mean 1/4, error sqrt(mean square / (n - 1)) = sqrt(0.1875 / 3)."""
    found = paired_share_right([1, 1, 0, 1], [1, 0, 0, 1])
    assert (found.value, found.degrees) == (0.25, 3)
    assert found.error == pytest.approx(np.sqrt(0.1875 / 3))
    clustered = paired_share_right([1] * 20 + [0] * 20, [0] * 20 + [0] * 20, ["a"] * 20 + ["b"] * 20)
    assert clustered.degrees == 1, "two samples that stand or fall together"
    assert clustered.interval()[0] < 0


def test_p_values_are_those_of_students_t():
    found = Difference(0.85, 0.80, 0.02, 19)
    assert found.p_above(0) == pytest.approx(student.sf(2.5, 19))
    assert found.p_below(0) == pytest.approx(student.sf(-2.5, 19))
    assert found.interval()[0] == pytest.approx(0.05 - student.ppf(0.975, 19) * 0.02)


def test_holm_known_example():
    """Holm (1979): p = 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(a >= p and a <= 1 for a, p in zip(adjusted, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_corrected_interval_by_hand():
    """Variance 0.001, 5 folds: half width t * sqrt(0.001 * (1/5 + 1/4)), more than twice the naive one."""
    values = np.array([0.01, 0.03, 0.05, 0.07, 0.09])
    low, high = corrected_interval(values, 1 / 4)
    assert (low + high) / 2 == pytest.approx(0.05)
    assert high - 0.05 == pytest.approx(student.ppf(0.975, 4) * np.sqrt(0.001 * (1 / 5 + 1 / 4)))
    with pytest.raises(ValueError, match="at least two"):
        corrected_interval([0.1], 0.25)
