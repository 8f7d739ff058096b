"""Thresholds per class: the best F1, and words where there is too little to choose by."""

import numpy as np
import pytest

from tidelab.domain.prediction import Detections
from tidelab.science.detection_metrics import TrueObjects, choose_thresholds


def pictures(scores_right, scores_wrong, missed=0, label=0):
    """Return one picture with an object at each right score, a false box at each wrong one, and objects nobody found."""
    truth, rows = [], []
    for k, score in enumerate([*scores_right, *[None] * missed]):
        box = (20.0 * k, 0, 20.0 * k + 10, 10)
        truth.append(box)
        if score is not None:
            rows.append((*box, score))
    rows += [(20.0 * k, 100, 20.0 * k + 10, 110, score) for k, score in enumerate(scores_wrong)]
    rows.sort(key=lambda row: -row[4])
    table = np.array(rows, np.float32).reshape(-1, 5)
    found = Detections(table[:, :4], table[:, 4], np.full(len(table), label, np.int16))
    real = TrueObjects(np.array(truth).reshape(-1, 4), np.full(len(truth), label, np.int64))
    return [found], [real]


RIGHT = [0.9 - 0.02 * k for k in range(12)]  # 0.90 .. 0.68


def test_the_best_f1_lies_between_right_and_wrong():
    found, truth = pictures(RIGHT, [0.5, 0.4, 0.3])
    chosen = choose_thresholds(found, truth, ["fish"])["fish"]
    assert chosen.value == pytest.approx(0.59)  # half-way from 0.68 to 0.50
    assert (chosen.precision, chosen.recall, chosen.f1) == (1.0, 1.0, 1.0)
    assert (chosen.positives, chosen.reason) == (12, "")


def test_of_equal_f1_the_higher_threshold():
    """Ten right at 0.9, then eleven wrong, then one right: 20/22 above, 22/(22+12) below; and one right, one wrong twice is a tie."""
    found, truth = pictures([0.9] * 10 + [0.5], [0.6, 0.6], missed=1)
    # at 0.9: 2*10/(10+12) = 0.909; at 0.6: 20/24 = 0.83; at 0.5: 22/25 = 0.88
    assert choose_thresholds(found, truth, ["fish"])["fish"].value == pytest.approx(0.75)
    found, truth = pictures([0.9] * 6 + [0.4] * 3, [0.5] * 3, missed=3)
    # at 0.9: 12/18; at 0.4: 18/24 = 0.75 wins; without the tie the same
    assert choose_thresholds(found, truth, ["fish"])["fish"].value == pytest.approx(0.4)
    found, truth = pictures([0.9] * 5 + [0.4] * 5, [0.5] * 10)
    # at 0.9: 10/15; at 0.4: 20/30: equal, so the higher one
    assert choose_thresholds(found, truth, ["fish"])["fish"].value == pytest.approx(0.7)


def test_least_precision():
    found, truth = pictures(RIGHT, [0.85, 0.3])
    assert choose_thresholds(found, truth, ["fish"])["fish"].value == pytest.approx(0.49)
    strict = choose_thresholds(found, truth, ["fish"], least_precision=1.0)["fish"]
    assert (strict.value, strict.precision, strict.reason) == (pytest.approx(0.855), 1.0, "")
    assert strict.recall == pytest.approx(3 / 12)


def test_a_precision_that_nothing_reaches_is_said():
    found, truth = pictures(RIGHT, [0.95, 0.94])
    chosen = choose_thresholds(found, truth, ["fish"], least_precision=0.9)["fish"]
    assert "no threshold reaches a precision of 0.9" in chosen.reason
    assert chosen.precision == pytest.approx(12 / 14)


def test_too_few_objects_fall_back_with_a_reason():
    found, truth = pictures([0.9] * 9, [])
    chosen = choose_thresholds(found, truth, ["fish"])["fish"]
    assert chosen.value == 0.25
    assert chosen.reason == "9 objects of this class in the validation pictures; at least 10 are needed"
    assert chosen.f1 == 1.0
    absent = choose_thresholds(found, truth, ["fish", "crab"])["crab"]
    assert (absent.value, absent.positives) == (0.25, 0)
    assert np.isnan(absent.f1)


def test_a_class_that_was_never_found_falls_back():
    found, truth = pictures([], [0.9, 0.8], missed=12)
    chosen = choose_thresholds(found, truth, ["fish"])["fish"]
    assert chosen.reason == "none of its objects was found in the validation pictures"
    assert (chosen.value, chosen.f1) == (0.25, 0.0)


def test_neighbouring_scores_are_told_apart():
    found, truth = pictures([0.5000004] * 12, [0.5, 0.5])
    chosen = choose_thresholds(found, truth, ["fish"])["fish"]
    assert chosen.f1 == 1.0
