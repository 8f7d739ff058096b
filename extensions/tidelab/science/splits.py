"""Divide labelled images into training, validation and test, seeded, stratified by class and never through a group.

A group is what must not be torn apart: all images of one water sample, or near-duplicates of one particle. A test image whose twin
was trained on measures memory, not skill (Kapoor and Narayanan, Patterns 4(9), 2023).
"""

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
PARTS: Final = (TRAIN, VALIDATION, TEST)


def merge_groups(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Join groups that share a near-duplicate pair.

    Parameters
    ----------
    groups
        Group of each image; an empty name stands for a group of its own.
    pairs
        Indices of images that belong together.

    Returns
    -------
    numpy.ndarray
        Group numbers of shape ``(n,)``, equal for all that is connected.
    """
    parent = list(range(len(groups)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    first: dict[str, int] = {}
    for k, name in enumerate(groups):
        if name:
            parent[root(k)] = root(first.setdefault(name, k))
    for a, b in pairs:
        parent[root(a)] = root(b)
    return np.unique([root(k) for k in range(len(groups))], return_inverse=True)[1].astype(np.int64)


def grouped_split(
    truth: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    seed: int,
    test_share: float = 0.2,
    validation_share: float = 0.2,
) -> npt.NDArray[np.str_]:
    """Assign every image to ``train``, ``validation`` or ``test``.

    Parameters
    ----------
    truth, groups
        Class index and group number of each image, shape ``(n,)``.
    seed
        Equal seeds give equal splits.
    test_share, validation_share
        Wanted shares of all images. They are met as closely as whole groups allow.

    Returns
    -------
    numpy.ndarray
        Names from `PARTS`, shape ``(n,)``.

    Raises
    ------
    ValueError
        With fewer than three groups, or shares that leave nothing to train on.
    """
    true, group = np.asarray(truth), np.asarray(groups)
    n_groups = len(np.unique(group))
    if n_groups < 3:
        raise ValueError(
            f"the images form only {n_groups} group(s) that must not be torn apart; training, validation and test need at least 3. "
            "Add images of other samples, or split without regard to samples (the quality is then overestimated)"
        )
    if not (0 < test_share < 1 and 0 < validation_share < 1 and test_share + validation_share < 1):
        raise ValueError(
            f"shares must be above 0 and leave something to train on: test {test_share}, validation {validation_share}"
        )
    part = np.full(len(true), TRAIN, dtype="<U10")
    test = _fold(true, group, test_share, seed)
    part[test] = TEST
    rest = np.flatnonzero(~test)
    inner = _fold(true[rest], group[rest], validation_share / (1 - test_share), seed + 1)
    part[rest[inner]] = VALIDATION
    return part


def repeated_folds(
    truth: npt.ArrayLike, groups: npt.ArrayLike, *, folds: int, repeats: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Return ``folds * repeats`` pairs of training and test indices for repeated stratified cross-validation."""
    true, group = np.asarray(truth), np.asarray(groups)
    pairs = []
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        pairs += [(train, test) for train, test in splitter.split(true, true, group)]
    return pairs


def _fold(
    truth: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], share: float, seed: int
) -> npt.NDArray[np.bool_]:
    """Mark about `share` of the images as one fold."""
    parts = max(2, min(round(1 / share), len(np.unique(groups))))
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    chosen = np.zeros(len(truth), bool)
    with warnings.catch_warnings():
        # A class with fewer images than folds: whoever splits says so in better words.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        chosen[next(iter(splitter.split(truth, truth, groups)))[1]] = True
    return chosen
