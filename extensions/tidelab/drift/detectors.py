"""Frouros where it is the library for the job: MMD and Kolmogorov-Smirnov.

Frouros computes the statistics. Its permutation callback is replaced: it builds the kernel matrix anew for every permutation,
keeps all permuted copies in memory and re-seeds NumPy's global generator (`bench/drift.py` measures the difference).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.science import two_sample

_CHUNK = 512


def mmd_test(
    embeddings: npt.NDArray[np.float32], reference: npt.NDArray[np.float32], settings: DriftSettings
) -> tuple[float, float]:
    """Return the unbiased squared MMD between images and reference, and its permutation p-value.

    RBF kernel with the median distance of the pooled sample as its sigma (Gretton et al. 2012). Of more than
    ``settings.maximum_images`` images a seeded random choice is used, so that memory stays below
    ``4 (maximum_images + n_reference)^2`` bytes for the kernel and about as much again while it is made.

    Parameters
    ----------
    embeddings, reference
        float32, shapes ``(n, d)`` and ``(m, d)``, at least two rows each.
    settings
        `permutations`, `seed` and `maximum_images` are used.
    """
    from frouros.detectors.data_drift import (
        MMD,
    )  # three quarters of a second of imports; most kernels never test

    rng = np.random.default_rng(settings.seed)
    if len(embeddings) > settings.maximum_images:
        embeddings = embeddings[rng.choice(len(embeddings), size=settings.maximum_images, replace=False)]
    pooled = np.concatenate([reference, embeddings])
    kernel = two_sample.rbf_kernel_matrix(pooled, two_sample.median_heuristic(pooled, seed=settings.seed))

    def looked_up(rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        return np.asarray(kernel[np.ix_(rows[:, 0], columns[:, 0])], dtype=np.float64)

    # Frouros gets row numbers for data and looks the kernel up, so that it is computed once for statistic and permutations.
    detector = MMD(kernel=looked_up, chunk_size=_CHUNK)
    detector.fit(X=np.arange(len(reference))[:, None])
    result, _ = detector.compare(X=np.arange(len(reference), len(pooled))[:, None])
    _, p_value = two_sample.permutation_p_value(kernel, len(reference), settings.permutations, rng)
    return float(result.distance), p_value


def ks_tests(
    statistics: npt.NDArray[np.float64], reference: Reference, names: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return KS distances and Holm-corrected p-values, one for each statistic.

    Parameters
    ----------
    statistics
        Shape ``(n, len(names))``.
    reference
        Holds each of `names`.
    names
        Names of image statistics, at least one.
    """
    from frouros.detectors.data_drift import KSTest

    distances, p_values = [], []
    for column, name in enumerate(names):
        detector = KSTest()
        detector.fit(X=reference.statistic(name))
        # scipy's asymptotic p-value corrects for the sample sizes; its exact one gives up, with a warning, on awkward ones.
        result, _ = detector.compare(X=statistics[:, column], method="asymp")
        distances.append(float(result.statistic))
        p_values.append(float(result.p_value))
    return np.asarray(distances), two_sample.holm(p_values)
