"""Scores by sample against numbers worked out by hand."""

import numpy as np
import pytest

from tidelab.science.sample_scores import sample_scores


def test_errors_that_cancel_out_are_seen_in_accuracy_not_in_counts():
    """Sample a swaps two images: half wrong, counts right. Sample b names all four as class 0: two right, counts off by 2 and 2."""
    truth, named = [0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 0, 0, 0]
    found = sample_scores(truth, named, list("aaaabbbb"), 2)
    assert found.samples == ("a", "b")
    assert found.accuracy.tolist() == [0.5, 0.5]
    assert found.count_error.tolist() == [0.0, 0.5]
    assert found.share_error.tolist() == [0.0, 0.5]


def test_nothing_right_is_one():
    found = sample_scores([0, 0, 0], [1, 1, 1], ["a"] * 3, 2)
    assert (found.accuracy[0], found.count_error[0], len(found)) == (0, 1, 1)


def test_images_without_a_sample_are_left_out():
    found = sample_scores([0, 1, 1], [0, 1, 0], ["a", "a", ""], 2)
    assert found.n_images.tolist() == [2]
    assert sample_scores([0, 1], [0, 1], ["", ""], 2) is None
    with pytest.raises(ValueError, match="equally many"):
        sample_scores(np.array([0]), [0, 1], ["a"], 2)
