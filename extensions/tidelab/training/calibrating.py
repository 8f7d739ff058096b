"""Which validation images choose the best epoch, which fit the temperature, and what is said of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.calibration import fit_temperature
from tidelab.science.splits import merge_groups, repeated_folds

LEAST_FOR_TEMPERATURE: Final = 100
"""Fewer images than about a hundred do not support a temperature: it would move with every single one of them."""
LEAST_FOR_HALVES: Final = 200
LEAST_TO_STOP: Final = 30
"""Fewer are not worth a set of their own that chooses the epoch (`keras_network.ENOUGH_VALIDATION`)."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Validation:
    """Validation images by their use: positions among the validation images.

    Parameters
    ----------
    stop
        Those that choose the epoch of a network.
    temperature
        Those that fit the temperature.
    """

    stop: Rows
    temperature: Rows

    @property
    def apart(self) -> bool:
        """Whether the two are different images."""
        return not set(self.stop.tolist()) & set(self.temperature.tolist())


def divide(
    truth: npt.NDArray[np.int64], samples: tuple[str, ...], seed: int, *, stopping: bool
) -> Validation:
    """Divide validation images into those that choose the epoch and those that fit the temperature.

    A network's best epoch fits the images it was chosen on better than new ones, so a temperature fitted on the same images comes out too
    sure. With 200 validation images or more the two are apart, whole samples on one side where samples are known.

    Parameters
    ----------
    truth, samples
        Class index and sample (empty: not known) of each validation image.
    seed
        Of the division.
    stopping
        Whether an epoch is chosen at all: a forest has none, so all images fit its temperature.
    """
    every = np.arange(len(truth))
    if not stopping or len(truth) < LEAST_FOR_HALVES:
        return Validation(every, every)
    groups = merge_groups(samples, [])
    if len(np.unique(groups)) < 2 or np.bincount(truth).max() < 2:
        return Validation(every, every)
    first, second = repeated_folds(truth, groups, folds=2, repeats=1, seed=seed)[0]
    stop, temperature = sorted((first, second), key=len)
    if len(stop) < LEAST_TO_STOP:
        return Validation(every, every)
    return Validation(stop, temperature)


def temperature_of(
    probabilities: npt.NDArray[np.float32],
    truth: npt.NDArray[np.int64],
    divided: Validation,
    *,
    stopping: bool,
) -> tuple[float, str]:
    """Return the temperature and how it was found, in words, for the card.

    Parameters
    ----------
    probabilities, truth
        Of all validation images, uncalibrated.
    divided
        Which of them fit it.
    stopping
        Whether an epoch was chosen on validation images.
    """
    rows = divided.temperature
    if len(rows) < LEAST_FOR_TEMPERATURE:
        return 1.0, (
            f"No temperature was fitted: {len(rows)} validation images are too few, about {LEAST_FOR_TEMPERATURE} are needed. "
            "The scores are as the model gives them and may be too sure."
        )
    found = round(fit_temperature(probabilities[rows], truth[rows]), 4)
    words = f"Temperature fitted on {len(rows)} validation images"
    if not stopping:
        return found, words + "."
    if divided.apart:
        return found, words + f"; {len(divided.stop)} others chose the epoch."
    return found, (
        words
        + f", the same that chose the epoch, so the scores may be a little too sure; from {LEAST_FOR_HALVES} validation images on "
        "two sets are used."
    )
