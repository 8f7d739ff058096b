"""Which held-out images a drift reference keeps when there are more than it may hold: whole samples stay in sight, rare classes too."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_IMAGES_OF_A_SAMPLE: Final = 20
"""Fewer images of more samples would say little of each."""
_IMAGES_OF_A_CLASS: Final = 20
_FOR_RARE_CLASSES: Final = 0.2
"""Part of the reference that may be spent on classes that the draw by sample left with few images."""

Indices = npt.NDArray[np.intp]


def keep(labels: Sequence[str], samples: Sequence[str], maximum: int, seed: int) -> Indices:
    """Return the indices of at most `maximum` images, sorted.

    Parameters
    ----------
    labels, samples
        Class and sample of each held-out image; an empty sample is not known.
    maximum
        Images to keep. With fewer all are kept.
    seed
        Of the draws. Samples are drawn until 20 images of each fit, and give the same number of images as far as they have them;
        then classes with fewer than 20 images get more, from any sample. Without known samples images are drawn at random.
    """
    n = len(labels)
    if n <= maximum:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    of_sample = np.asarray(samples, dtype=np.str_)
    known = np.flatnonzero(of_sample != "")
    if not len(known):
        return np.sort(rng.choice(n, size=maximum, replace=False))
    for_samples = maximum - int(maximum * _FOR_RARE_CLASSES)
    chosen = _by_sample(of_sample, rng.permutation(known), for_samples, rng)
    rare = _rare(np.asarray(labels, dtype=np.str_), chosen, maximum - len(chosen), rng)
    chosen = np.concatenate([chosen, rare])
    if len(chosen) < maximum:
        rest = np.setdiff1d(rng.permutation(n), chosen)
        # Of the samples that are there already before any other: their images say more together.
        same = np.isin(of_sample[rest], of_sample[chosen])
        rest = np.concatenate([rng.permutation(rest[same]), rng.permutation(rest[~same])])
        chosen = np.concatenate([chosen, rest[: maximum - len(chosen)]])
    return np.sort(chosen)


def _by_sample(
    samples: npt.NDArray[np.str_], order: Indices, maximum: int, rng: np.random.Generator
) -> Indices:
    names = rng.permutation(np.unique(samples[order]))[: max(1, maximum // _IMAGES_OF_A_SAMPLE)]
    members = {name: order[samples[order] == name] for name in names.tolist()}
    left, quota = maximum, {}
    # Small samples give all they have; what they leave goes to the others.
    for place, name in enumerate(sorted(members, key=lambda one: (len(members[one]), one))):
        quota[name] = min(len(members[name]), left // (len(members) - place))
        left -= quota[name]
    return np.concatenate([members[name][: quota[name]] for name in members])


def _rare(labels: npt.NDArray[np.str_], chosen: Indices, maximum: int, rng: np.random.Generator) -> Indices:
    added: list[int] = []
    names, sizes = np.unique(labels, return_counts=True)
    for name in names[np.argsort(sizes, kind="stable")].tolist():
        there = np.flatnonzero(labels == name)
        missing = _IMAGES_OF_A_CLASS - int(np.isin(there, chosen).sum())
        fresh = rng.permutation(np.setdiff1d(there, chosen))
        added += fresh[: max(0, min(missing, maximum - len(added)))].tolist()
    return np.asarray(added, dtype=np.intp)
