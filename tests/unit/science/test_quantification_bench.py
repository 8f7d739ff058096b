"""The simulation behind the documentation, at a size for every day: bounds are loose, but a method that fails breaks them."""

import numpy as np
import pytest
from bench.quantification import SCENARIOS, Results, audited, new_sample, simulate, unknown_class
from bench.quantification_page import page
from bench.quantification_world import Scores


@pytest.fixture(scope="module")
def quick() -> Results:
    main = [one for one in SCENARIOS if one.main and one.per_class == 20]
    return simulate(30, 1, 200, scenarios=main)


def test_intervals_hold_the_truth_where_an_exact_confusion_matrix_does_not(quick):
    (scores,) = quick.corrected.values()
    # 180 intervals: 95 % give 171, three standard errors below are 90.1 %.
    assert scores["PACC"].coverage.mean() > 0.90
    assert scores["exact"].coverage.mean() < 0.80
    assert scores["raw"].coverage.mean() < 0.70


def test_raw_counts_lose_from_the_common_class_to_the_rare_one_and_the_correction_does_not(quick):
    (scores,) = quick.corrected.values()
    assert scores["raw"].bias[0] < -25
    assert scores["raw"].bias[-1] > 12
    assert abs(scores["PACC"].bias[[0, -1]]).max() < 12


def test_a_fifth_of_an_unknown_class_withholds_corrected_counts_and_none_of_it_does_not(quick):
    assert unknown_class(4.0, 0.2, 12, np.random.default_rng(1)).withheld == 1
    assert unknown_class(4.0, 0.0, 12, np.random.default_rng(2)).withheld <= 1 / 12


def test_audits_hold_the_truth():
    scores = Scores()
    rng = np.random.default_rng(3)
    for _ in range(60):
        audited(scores, 60, rng, 300)
    for score in scores.values():
        assert score.coverage.mean() > 0.90
        assert abs(score.bias).max() < 8


def test_the_page_is_written_from_the_results(quick):
    text = page(quick, "abc1234", "2026-01-01", "x86_64")
    assert "commit abc1234" in text
    assert "| 20 test images, **PACC** |" in text


def test_the_same_seed_gives_the_same_figures():
    runs = []
    for _ in range(2):
        scores = Scores()
        new_sample(scores, SCENARIOS[0], np.random.default_rng(7), 50)
        runs.append(scores["PACC"].width[0])
    assert np.array_equal(*runs)
