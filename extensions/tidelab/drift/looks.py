"""How images look, at one number of images: the distance of whole known samples from the others is what a new set is read against.

A Kolmogorov-Smirnov distance grows when images are few, so both are taken at the same number.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.drift.distances import Names, Values
from tidelab.science.two_sample import weighted_ks_distances

DRAWS: Final = 10
"""Random choices of images that a distance is averaged over."""


def matched_weights(labels: Names, known: Names, allowed: npt.NDArray[np.bool_] | None = None) -> Values:
    """Return a weight for each known image that gives the known ones the class shares of `labels`.

    Parameters
    ----------
    labels, known
        Classes of the new and of the known images.
    allowed
        Known images that may count; all when None. No class in common: each of them counts the same.
    """
    usable = np.ones(len(known), dtype=bool) if allowed is None else allowed
    names, codes = np.unique(np.concatenate([known, labels]), return_inverse=True)
    here = np.bincount(codes[len(known) :], minlength=len(names))
    there = np.bincount(codes[: len(known)][usable], minlength=len(names))
    weights = np.where(usable, (here / np.maximum(there, 1))[codes[: len(known)]], 0.0)
    return np.asarray(weights if weights.sum() > 0 else usable.astype(float))


@dataclass(frozen=True)
class LookDistance:
    """Distance of one statistic at a fixed number of images.

    Parameters
    ----------
    value
        Kolmogorov-Smirnov distance, mean over the draws.
    noise
        What chance alone makes of it, up to a factor: ``sqrt(1/n + 1/m)`` with the effective number m of known images.
    """

    value: float
    noise: float


def distance(
    values: Values,
    labels: Names,
    known: Values,
    known_labels: Names,
    size: int,
    rng: np.random.Generator,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> LookDistance:
    """Return how far `size` values lie from the known ones, whatever the mix of classes: the mean over draws.

    A difference has to show three times, and the smallest distance counts: against all known images, against the known images weighted
    to the same class shares, and after the mean of its class was taken from each value.

    Parameters
    ----------
    values, labels
        One statistic of new images and their classes.
    known, known_labels
        The same of the known images.
    size, rng
        Values in a draw, at most all, and the seeded generator.
    allowed
        Known images that may count; all when None.
    """
    usable = np.ones(len(known), dtype=bool) if allowed is None else allowed
    weights = matched_weights(labels, known_labels, usable)
    here, there = _around_class(values, labels, known, known_labels, usable)
    size = min(size, len(values))
    drawn = np.stack([rng.permutation(len(values))[:size] for _ in range(DRAWS)])
    equal = usable.astype(float)
    found = [
        weighted_ks_distances(values[drawn], known, equal),
        weighted_ks_distances(values[drawn], known, weights),
        weighted_ks_distances(here[drawn], there, equal),
    ]
    # After a bloom the matched weights rest on few images, and the distance grows by chance.
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return LookDistance(float(np.min(found, axis=0).mean()), float(np.sqrt(1 / size + 1 / effective)))


def _around_class(
    values: Values, labels: Names, known: Values, known_labels: Names, usable: npt.NDArray[np.bool_]
) -> tuple[Values, Values]:
    """Take the mean of its class, of the known images, from each value; a class without known images keeps the mean of all."""
    names, codes = np.unique(np.concatenate([known_labels, labels]), return_inverse=True)
    there, here = codes[: len(known)], codes[len(known) :]
    counts = np.bincount(there[usable], minlength=len(names))
    sums = np.bincount(there[usable], weights=known[usable], minlength=len(names))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), known[usable].mean())
    return values - means[here], known - means[there]


def left_out_distances(
    values: Values, labels: Names, samples: Names, names: tuple[str, ...], size: int, seed: int
) -> tuple[LookDistance, ...]:
    """Return the distance of each known sample that has `size` images from all other known images.

    Parameters
    ----------
    values
        One statistic of the known images.
    labels, samples
        Class and sample of each.
    names
        Samples to leave out in turn.
    size, seed
        Images compared at, and the seed of the draws.
    """
    rng = np.random.default_rng(seed)
    found = []
    for name in names:
        chosen = samples == name
        found.append(distance(values[chosen], labels[chosen], values, labels, size, rng, ~chosen))
    return tuple(found)
