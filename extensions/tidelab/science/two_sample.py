"""Do two samples come from the same distribution? Kernel two-sample test, nearest neighbours, multiple tests.

The kernel matrix of the pooled sample is computed once; a permutation of the sample then only re-labels its rows, so that
a thousand permutations cost one matrix product instead of a thousand kernel matrices.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_BLOCK_ROWS: Final = 512
_COINCIDE: Final = 1e-13
_BLOCK_PERMUTATIONS: Final = 256
_TIE: Final = 1e-7
"""Statistics closer than this are equal: the float32 kernel knows no better, and a tie must count as extreme."""


def unit_vectors(vectors: Vectors) -> Vectors:
    """Return each row divided by its length, so that distances compare directions; rows of zeros stay zeros.

    Nearest-neighbour distances find unknown images far better on unit vectors than on raw embeddings [1]_, whose length
    depends on how sure the network is and hides the rest.

    References
    ----------
    .. [1] Sun, Y. et al. "Out-of-distribution detection with deep nearest neighbors." ICML 2022, PMLR 162: 20827-20840.

    Examples
    --------
    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def squared_distances(a: Vectors, b: Vectors) -> npt.NDArray[np.float64]:
    """Return squared Euclidean distances between the rows of `a` ``(n, d)`` and `b` ``(m, d)``, shape ``(n, m)``, never negative."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    largest = max(float((x**2).sum(axis=1).max()), float((y**2).sum(axis=1).max()))
    # |x - y|^2 = |x|^2 + |y|^2 - 2xy loses digits far from the origin; the common centre costs nothing to remove.
    centre = y.mean(axis=0)
    x -= centre
    y -= centre
    distances = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * (x @ y.T)
    # Points that float32 cannot tell apart coincide; rounding must not become a bandwidth.
    distances[distances < _COINCIDE * largest] = 0.0
    return np.asarray(distances)


def median_heuristic(pooled: Vectors, seed: int = 0, maximum: int = 1000) -> float:
    """Return the median Euclidean distance between the points of the pooled sample, the usual RBF bandwidth.

    The pooled sample is used [1]_ (section 8), not the reference alone: its points are the same under every permutation,
    so the permutation test stays exact.

    Parameters
    ----------
    pooled
        Shape ``(n, d)``, n >= 2.
    seed, maximum
        Above `maximum` points a random choice of them is used, drawn with `seed`.

    Returns
    -------
    float
        Positive. When more than half of the points coincide, the median of the distances that are not zero; 1 when all
        points coincide.

    References
    ----------
    .. [1] Gretton, A. et al. "A kernel two-sample test." Journal of Machine Learning Research 13 (2012): 723-773.

    Examples
    --------
    >>> median_heuristic(np.array([[0.0], [1.0], [3.0]], dtype=np.float32))
    2.0
    """
    if len(pooled) < 2:
        raise ValueError(f"the median heuristic needs at least 2 points, got {len(pooled)}")
    points = pooled
    if len(points) > maximum:
        points = points[np.random.default_rng(seed).choice(len(points), size=maximum, replace=False)]
    distances = np.sqrt(squared_distances(points, points)[np.triu_indices(len(points), k=1)])
    median = float(np.median(distances))
    if median > 0:
        return median
    apart = distances[distances > 0]
    return float(np.median(apart)) if len(apart) else 1.0


def rbf_kernel_matrix(pooled: Vectors, sigma: float) -> npt.NDArray[np.float32]:
    """Return ``exp(-|x - y|^2 / (2 sigma^2))`` for all pairs of points, float32 of shape ``(n, n)``, with 1 on the diagonal.

    Memory: 4 n^2 bytes for the result (36 MB for 3,000 points) and one block of 512 rows in float64 beside it.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    n = len(pooled)
    kernel = np.empty((n, n), dtype=np.float32)
    for start in range(0, n, _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, n))
        kernel[rows] = np.exp(squared_distances(pooled[rows], pooled) / (-2.0 * sigma**2))
    np.fill_diagonal(kernel, 1.0)
    return kernel


def mmd2_of_memberships(
    kernel: npt.NDArray[np.float32], memberships: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3) for several splits of one pooled sample.

    Parameters
    ----------
    kernel
        Kernel matrix of the pooled sample, ``(n, n)``, symmetric, 1 on the diagonal.
    memberships
        ``(splits, n)``: True where a point belongs to the first sample. Every split needs two points on each side.

    Returns
    -------
    ndarray
        One value for each split. It may be negative: the estimate is unbiased around 0.
    """
    n = len(kernel)
    row_sums = kernel.sum(axis=1, dtype=np.float64)
    total = float(row_sums.sum())
    values = np.empty(len(memberships))
    for start in range(0, len(memberships), _BLOCK_PERMUTATIONS):
        block = memberships[start : start + _BLOCK_PERMUTATIONS]
        first = block.sum(axis=1).astype(np.float64)
        second = n - first
        if np.any(first < 2) or np.any(second < 2):
            raise ValueError("every split needs at least two points on each side")
        indicator = block.astype(np.float32)
        within = np.einsum("ij,ij->i", indicator @ kernel, indicator, dtype=np.float64)
        reached = block @ row_sums
        across = reached - within
        others = total - 2 * reached + within
        values[start : start + len(block)] = (
            (within - first) / (first * (first - 1))
            + (others - second) / (second * (second - 1))
            - 2 * across / (first * second)
        )
    return values


def permutation_p_value(
    kernel: npt.NDArray[np.float32], n_first: int, permutations: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Test whether the first `n_first` points and the others come from one distribution.

    Parameters
    ----------
    kernel
        Kernel matrix of the pooled sample, ``(n, n)``.
    n_first
        Points of the first sample; they are the first rows.
    permutations
        Random re-labellings, at least 1.
    rng
        Seeded generator: equal seed, equal p-value.

    Returns
    -------
    mmd2, p_value : float
        The unbiased statistic and ``(b + 1) / (permutations + 1)``, b being the permutations that reach it; never 0
        (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations}")
    n = len(kernel)
    observed_split = np.arange(n) < n_first
    observed = float(mmd2_of_memberships(kernel, observed_split[None, :])[0])
    reached = 0
    for start in range(0, permutations, _BLOCK_PERMUTATIONS):
        count = min(_BLOCK_PERMUTATIONS, permutations - start)
        splits = rng.permuted(np.broadcast_to(observed_split, (count, n)), axis=1)
        reached += int(np.sum(mmd2_of_memberships(kernel, splits) >= observed - _TIE))
    return observed, (reached + 1) / (permutations + 1)


def nearest_neighbours(
    points: Vectors, reference: Vectors
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return index of and Euclidean distance to the nearest reference point, each of shape ``(n,)``."""
    indices = np.empty(len(points), dtype=np.intp)
    distances = np.empty(len(points))
    for start in range(0, len(points), _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, len(points)))
        block = squared_distances(points[rows], reference)
        indices[rows] = block.argmin(axis=1)
        distances[rows] = np.sqrt(block.min(axis=1))
    return indices, distances


def distances_within(reference: Vectors) -> npt.NDArray[np.float64]:
    """Return the Euclidean distance of each point to its nearest *other* point, shape ``(n,)``; at least two points."""
    if len(reference) < 2:
        raise ValueError(f"distances to the nearest other point need at least 2 points, got {len(reference)}")
    block = squared_distances(reference, reference)
    np.fill_diagonal(block, np.inf)
    return np.asarray(np.sqrt(block.min(axis=1)))


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct p-values for the number of tests (Holm 1979): the chance of even one false alarm stays at the level asked for.

    Parameters
    ----------
    p_values
        Shape ``(k,)``, each between 0 and 1.

    Returns
    -------
    ndarray
        Corrected values in the same order, at most 1.

    References
    ----------
    Holm, S. "A simple sequentially rejective multiple test procedure." Scandinavian Journal of Statistics 6 (1979): 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def share_distance_test(
    counts: npt.NDArray[np.int64],
    reference_counts: npt.NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Test whether two sets of counts have the same class shares.

    Parameters
    ----------
    counts, reference_counts
        Images of each class, shape ``(k,)``, same class order; each sums to at least 1.
    permutations, rng
        Number of random re-labellings and their seeded generator.

    Returns
    -------
    distance, p_value : float
        Total variation distance (half the sum of absolute share differences, 0 to 1), and how often re-labelled images
        reach it, ``(b + 1) / (permutations + 1)``. The distance of small samples is never near 0: read both together.
    """
    n, m = int(counts.sum()), int(reference_counts.sum())
    if n < 1 or m < 1:
        raise ValueError(f"class shares need at least one image on each side, got {n} and {m}")
    pooled = counts + reference_counts
    observed = 0.5 * float(np.abs(counts / n - reference_counts / m).sum())
    # Drawing n of the pooled images without replacement is what permuting the two labels does to the counts.
    draws = rng.multivariate_hypergeometric(pooled, n, size=permutations)
    permuted = 0.5 * np.abs(draws / n - (pooled - draws) / m).sum(axis=1)
    reached = int(np.sum(permuted >= observed - _TIE))
    return observed, (reached + 1) / (permutations + 1)


def weighted_ks_distance(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> float:
    """Return the largest difference of two cumulative distributions, the second one weighted.

    Parameters
    ----------
    first
        Shape ``(n,)``, every value counts the same.
    second, weights
        Shape ``(m,)`` each; weights are not negative and not all zero. Equal weights give the Kolmogorov-Smirnov distance.

    Examples
    --------
    >>> weighted_ks_distance(np.array([1.0, 2.0]), np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 0.0]))
    0.0
    """
    total = float(weights.sum())
    if not total > 0:
        raise ValueError("weights must not all be zero")
    order = np.argsort(second, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])]) / total
    at = np.concatenate([first, second])
    here = np.searchsorted(np.sort(first), at, side="right") / len(first)
    there = cumulative[np.searchsorted(second[order], at, side="right")]
    return float(np.abs(here - there).max())


def weighted_ks_distances(
    draws: npt.NDArray[np.float64], second: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return `weighted_ks_distance` of each row of `draws` from the same weighted sample; shape ``(r,)`` for draws of ``(r, n)``.

    Between two drawn values the first distribution is flat and the second one rises, so only the drawn values need to be looked at,
    from both sides. Twenty times as fast for small draws as one call a row.
    """
    total = float(weights.sum())
    if not total > 0:
        raise ValueError("weights must not all be zero")
    order = np.argsort(second, kind="stable")
    known = second[order]
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])]) / total
    rows = np.sort(draws, axis=1)
    n = rows.shape[1]
    at = cumulative[np.searchsorted(known, rows, side="right")]
    before = cumulative[np.searchsorted(known, rows, side="left")]
    # Of tied draws the last one counts for the value after, the first one for the value before.
    tied = rows[:, 1:] == rows[:, :-1]
    steps = np.arange(1, n + 1) / n
    above = np.abs(steps - at)
    above[:, :-1][tied] = 0.0
    below = np.abs(steps - 1 / n - before)
    below[:, 1:][tied] = 0.0
    return np.asarray(np.maximum(above.max(axis=1), below.max(axis=1)))


def weighted_quantile(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], quantile: float
) -> float:
    """Return the smallest value below or at which at least `quantile` of the weight lies.

    Parameters
    ----------
    values, weights
        Shape ``(n,)`` each; weights are not negative and not all zero.
    quantile
        0 to 1.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0]), 0.99)
    3.0
    """
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    if not cumulative[-1] > 0:
        raise ValueError("weights must not all be zero")
    position = int(np.searchsorted(cumulative, quantile * cumulative[-1] * (1 - 1e-12), side="left"))
    return float(values[order[min(position, len(values) - 1)]])


def one_sided_ks_distances(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return by how much `first` lies above `second` and below it: the two one-sided Kolmogorov-Smirnov distances.

    A shift makes one of them large; another spread makes both large.

    Examples
    --------
    >>> one_sided_ks_distances(np.array([5.0, 6.0]), np.array([1.0, 2.0]))
    (1.0, 0.0)
    """
    at = np.concatenate([first, second])
    here = np.searchsorted(np.sort(first), at, side="right") / len(first)
    there = np.searchsorted(np.sort(second), at, side="right") / len(second)
    return float(max((there - here).max(), 0.0)), float(max((here - there).max(), 0.0))
