"""Which validation images do what, and what is said of it."""

import numpy as np
import pytest

from tidelab.training.calibrating import divide, temperature_of

NONE = ("",)


def half_sure(n, seed=0):
    """Return probabilities of 0.99 that are right in four of five cases: far too sure."""
    truth = np.arange(n) % 4
    named = np.where(np.arange(n) % 5 == 0, (truth + 1) % 4, truth)
    probabilities = np.full((n, 4), 0.01 / 3, np.float32)
    probabilities[np.arange(n), named] = 0.99
    return probabilities, truth


@pytest.mark.parametrize("n", [0, 8, 99])
def test_no_temperature_from_few_images(n):
    probabilities, truth = half_sure(n)
    divided = divide(truth, NONE * n, 1, stopping=True)
    found, words = temperature_of(probabilities, truth, divided, stopping=True)
    assert found == 1.0
    assert f"{n} validation images are too few" in words


def test_the_same_images_for_both_are_said():
    probabilities, truth = half_sure(150)
    divided = divide(truth, NONE * 150, 1, stopping=True)
    assert not divided.apart
    found, words = temperature_of(probabilities, truth, divided, stopping=True)
    assert found > 2
    assert "the same that chose the epoch" in words
    _, words = temperature_of(
        probabilities, truth, divide(truth, NONE * 150, 1, stopping=False), stopping=False
    )
    assert words == "Temperature fitted on 150 validation images."


def test_from_two_hundred_on_they_are_apart_and_samples_stay_whole():
    truth = np.arange(240) % 4
    samples = tuple(f"s{k // 20}" for k in range(240))
    divided = divide(truth, samples, 1, stopping=True)
    assert divided.apart
    assert sorted([*divided.stop, *divided.temperature]) == list(range(240))
    assert not {samples[k] for k in divided.stop} & {samples[k] for k in divided.temperature}
    assert len(divided.temperature) >= 100
    probabilities, _ = half_sure(240)
    assert "others chose the epoch" in temperature_of(probabilities, truth, divided, stopping=True)[1]


def test_one_sample_cannot_be_divided():
    assert not divide(np.arange(240) % 4, ("only",) * 240, 1, stopping=True).apart
