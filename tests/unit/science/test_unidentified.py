"""Distances from the training classes, thresholds, and how much no known class explains."""

import numpy as np
import pytest

from tidelab.science.class_distance import fit_centres, threshold
from tidelab.science.unidentified import unexplained


def test_distance_is_mahalanobis_to_the_nearest_class():
    rng = np.random.default_rng(1)
    spread = np.array([[3.0, 0.0], [0.0, 0.5]])
    truth = np.repeat([0, 1], 4000)
    training = np.array([[0.0, 0.0], [20.0, 0.0]])[truth] + rng.normal(size=(8000, 2)) @ spread
    centres = fit_centres(training, truth, 2)
    # One standard deviation along each axis, and the second class as near as the first.
    found = centres.distance([[3.0, 0.0], [0.0, 0.5], [20.0, 1.0], [10.0, 0.0]])
    assert found == pytest.approx([1, 1, 2, 10 / 3], rel=0.05)


def test_a_dimension_without_spread_and_more_dimensions_than_images_do_no_harm():
    rng = np.random.default_rng(2)
    training = rng.normal(size=(12, 40))
    training[:, 7] = 3.0
    centres = fit_centres(training, np.repeat([0, 1], 6), 2)
    assert np.isfinite(centres.distance(rng.normal(size=(5, 40)))).all()


def test_faults_are_told():
    with pytest.raises(ValueError, match="at least 2 embeddings"):
        fit_centres([[1.0, 2.0]], [0], 2)
    with pytest.raises(ValueError, match="no distance has a scale"):
        fit_centres(np.ones((4, 2)), [0, 0, 1, 1], 2)
    with pytest.raises(ValueError, match="no training image"):
        fit_centres(np.eye(3), [-1, -1, -1], 2)
    centres = fit_centres(np.eye(3), [0, 0, 1], 2)
    with pytest.raises(ValueError, match="embeddings of 3 numbers"):
        centres.distance(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("n", "rank", "expected"), [(99, 99, 0.01), (199, 198, 0.01), (50, 50, 1 / 51), (1, 1, 0.5)]
)
def test_the_threshold_is_the_conformal_one(n, rank, expected):
    found = threshold(np.arange(1, n + 1)[::-1], 0.99)
    assert (found.distance, found.expected_share) == (rank, pytest.approx(expected))


def test_a_new_image_of_the_same_classes_lies_beyond_as_often_as_promised():
    rng = np.random.default_rng(3)
    beyond = [rng.normal() > threshold(rng.normal(size=99), 0.9).distance for _ in range(4000)]
    assert np.mean(beyond) == pytest.approx(0.1, abs=0.015)


def test_a_fifth_of_something_else_is_found_and_its_bound_is_below_the_truth():
    rng = np.random.default_rng(4)
    held, truth = rng.chisquare(4, size=600), np.repeat([0, 1, 2], 200)
    new = np.concatenate([rng.chisquare(4, size=400), 6 + rng.chisquare(4, size=100)])
    found = unexplained(new, held, truth, [1, 1, 1])
    assert 0.1 < found.share <= 0.2
    assert found.observed > found.expected


def test_known_images_are_explained_also_when_a_ragged_class_blooms():
    rng = np.random.default_rng(5)
    scale, truth = np.array([1.0, 1.0, 2.0]), np.repeat([0, 1, 2], 200)
    alarms = 0
    for _ in range(100):
        held = scale[truth] * rng.chisquare(4, size=600)
        bloom = rng.choice(3, size=400, p=[0.05, 0.05, 0.9])
        alarms += (
            unexplained(scale[bloom] * rng.chisquare(4, size=400), held, truth, [0.05, 0.05, 0.9]).share > 0
        )
    assert alarms <= 5
    # At the shares of the labelled set the bloom would look like something new.
    assert unexplained(scale[bloom] * rng.chisquare(4, size=400), held, truth, [1, 1, 1]).share > 0.05


def test_no_images_and_classes_without_labelled_images_are_borne():
    assert unexplained([], [1.0, 2.0], [0, 0], [1.0, 1.0]).share == 0
    assert unexplained([1.0], [1.0, 2.0], [0, 0], [0.0, 1.0]).share == 0
