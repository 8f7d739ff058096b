"""Find pictures that are almost the same: a recording saved twice, or one particle photographed in two frames.

A perceptual hash (sign of low-frequency cosine coefficients; Zauner, 2010) proposes pairs, the correlation of the two small grey
pictures confirms them: the dark, round cells of many species have similar hashes and are still different cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from tidelab.science.preprocessing import Pixels, resize, square
from tidelab.science.region_features import grey

SIDE_PX: Final = 32
HASH_SIDE: Final = 12
MAX_BITS: Final = 24
"""Hash bits (of 144) in which a pair may differ."""
MIN_CORRELATION: Final = 0.96
"""Chosen by trial: none of 1200 generated and 82 real crops pass for twins, 99 % and all of them are found after enlarging by 8 %."""
MAX_SIZE_RATIO: Final = 1.15
"""Pictures whose width or height differ by more than this factor are no duplicates."""


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that show the same thing; `correlation` of their grey values, 0.96 to 1."""

    first: int
    second: int
    correlation: float


def near_duplicates(images: Sequence[Pixels]) -> list[DuplicatePair]:
    """Return all near-duplicate pairs among ``(height, width, 3)`` RGB images, most alike first."""
    if len(images) < 2:
        return []
    small = np.stack([grey(resize(square(one, "pad-square"), SIDE_PX, "area")) for one in images])
    bits = _hash(small)
    flat = small.reshape(len(small), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1)
    sizes = np.log([one.shape[:2] for one in images])
    pairs: list[DuplicatePair] = []
    signs = bits.astype(np.float32) * 2 - 1
    for k in range(len(images) - 1):
        later = np.arange(k + 1, len(images))
        differing = (bits.shape[1] - signs[later] @ signs[k]) / 2
        alike = np.abs(sizes[later] - sizes[k]).max(axis=1) <= np.log(MAX_SIZE_RATIO)
        for other in later[(differing <= MAX_BITS) & alike]:
            length = norms[k] * norms[other]
            correlation = float(flat[k] @ flat[other] / length) if length > 0 else 1.0
            if correlation >= MIN_CORRELATION:
                pairs.append(DuplicatePair(k, int(other), min(correlation, 1.0)))
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second))


def straddling(
    pairs: Sequence[DuplicatePair], parts: Sequence[str] | npt.NDArray[np.str_]
) -> list[DuplicatePair]:
    """Return the pairs whose two images lie in different parts of a split: what makes a test easier than it looks."""
    return [pair for pair in pairs if parts[pair.first] != parts[pair.second]]


def _hash(small: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    low = dctn(small, axes=(1, 2), norm="ortho")[:, :HASH_SIDE, :HASH_SIDE].reshape(len(small), -1)
    bits: npt.NDArray[np.bool_] = low > np.median(low, axis=1, keepdims=True)
    return bits
