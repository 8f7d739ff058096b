"""Intervals for means over time, whose values are not independent: a circular block bootstrap.

A fish that is in one picture is often in the next. Blocks of neighbouring pictures are drawn instead of pictures [1]_, [2]_, on the grid of
times, so that a gap stays a gap: a block brings as many pictures as there were. What the interval covers is the chance of which minutes were
looked at; it covers neither wrong names nor missed fish nor what the camera does not see. Its coverage is measured in
``docs/explanation/effort-and-abundance.md``.

References
----------
.. [1] Künsch, H. R. (1989). The jackknife and the bootstrap for general stationary observations. Annals of Statistics 17, 1217-1241.
.. [2] Politis, D. N. and Romano, J. P. (1992). A circular block-resampling procedure for stationary data. In: Exploring the limits of
   bootstrap, Wiley, 263-270.
.. [3] Politis, D. N. and White, H. (2004). Automatic block-length selection for the dependent bootstrap. Econometric Reviews 23, 53-70; with
   the correction of Patton, A., Politis, D. N. and White, H. (2009). Econometric Reviews 28, 372-375.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEWEST_BLOCKS: Final = 4
"""With fewer blocks than these an interval would be a guess and is withheld (missing)."""

SPARSE: Final = 20.0
"""Up to so many independent finds the upper limit is at least that of a Poisson count; beyond, at least that of this count. A larger count has
enough blocks with something in them to show its own spread."""

ZERO_UPPER: Final = 3.689
"""Upper limit of the exact 95 % interval of a Poisson count of 0 (Garwood 1936)."""


@dataclass(frozen=True, eq=False)
class MeanIntervals:
    """Means with their 95 % intervals, shape ``(k,)``.

    Parameters
    ----------
    value, low, high
        Mean and limits; limits are missing where there were too few blocks or all values are the same, not 0.
    block
        Grid points of a block.
    blocks
        Grid points with a look over `block`: how many looks that do not depend on one another the limits rest on.
    """

    value: Array
    low: Array
    high: Array
    block: int
    blocks: float


def block_length(segments: Sequence[npt.ArrayLike], *, length: int | None = None) -> int:
    """Choose the length of a block by the rule of Politis and White for the circular bootstrap.

    Parameters
    ----------
    segments
        Values on a regular grid, missing ones NaN; each segment is taken around its own mean, so that the change from hour to hour, which is
        what one wants to see, is not taken for dependence. Pairs of neighbours are pooled over the segments.
    length
        Grid points of the series that will be resampled; None: those of the longest segment.

    Returns
    -------
    int
        Grid points, from 1 to a third of `length`.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=400)
    >>> block_length([noise]), block_length([np.convolve(noise, np.ones(30), "valid")])
    (5, 33)
    """
    parts = [np.asarray(one, np.float64) for one in segments]
    parts = [np.where(np.isnan(one), 0.0, one - np.nanmean(one)) for one in parts if np.isfinite(one).any()]
    if not parts:
        return 1
    pooled = sum(len(one) for one in parts)
    target = length or max(len(one) for one in parts)
    longest = max(1, math.ceil(min(3 * math.sqrt(target), target / 3)))
    window = max(5, int(math.log10(max(pooled, 10))))
    lags = min(math.ceil(math.sqrt(pooled)) + window, max(len(one) for one in parts) - 1)
    covariance = np.array(
        [sum(float(one[: len(one) - k] @ one[k:]) for one in parts if len(one) > k) for k in range(lags + 1)]
    )
    covariance /= pooled
    if covariance[0] <= 0 or lags < 1:
        return 1
    reach = _reach(covariance[1:] / covariance[0], pooled, window)
    top = min(2 * max(reach, 1), lags)
    k = np.arange(1, top + 1)
    weight = np.where(k / top <= 0.5, 1.0, 2 * (1 - k / top))
    spectrum = covariance[0] + 2 * float(weight @ covariance[1 : top + 1])
    slope = 2 * float(weight @ (k * covariance[1 : top + 1]))
    if spectrum <= 0:
        return longest
    best = (2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * target ** (1 / 3)
    return int(min(max(1, math.ceil(best)), longest))


def _reach(correlation: Array, n: int, window: int) -> int:
    """Return the last lag before `window` lags in a row without a correlation that chance would not give."""
    small = np.abs(correlation) < 2 * math.sqrt(math.log10(max(n, 10)) / n)
    for m in range(len(small)):
        if small[m : m + window].all():
            return m
    return len(small)


def mean_intervals(
    values: npt.ArrayLike,
    *,
    block: int,
    seed: int | Sequence[int],
    replicates: int = 1000,
    looks: npt.ArrayLike | None = None,
    together: npt.ArrayLike | None = None,
) -> MeanIntervals:
    """Return the mean per look of each column, with an interval by circular blocks.

    The interval is the mean plus and minus Student's quantile (one degree of freedom less than there are blocks) times the standard deviation of the
    resampled means: percentiles of so few blocks are too narrow. Counts are not below 0.

    A few finds do not show their own spread, and none shows none. So the upper limit is at least the exact one of a Poisson count (Garwood 1936):
    that of ``mean * blocks / together`` independent finds, times ``together / blocks``. It grows with the count, is `ZERO_UPPER` for none,
    and stays at that of `SPARSE` finds beyond. Where all points show the same number, not 0, neither spread nor dependence can be learnt and the
    interval is withheld.

    Parameters
    ----------
    values
        Counts on a regular grid, shape ``(n, k)`` or ``(n,)``: sums over the pictures of a grid point; a row of NaN: nobody looked.
    block
        Grid points of a block (`block_length`).
    seed
        Of the draw; the same seed and values give the same interval.
    replicates
        Resampled series.
    looks
        Pictures of each grid point, shape ``(n,)``; by default one where there are values.
    together
        How many are found at a time (`found_together`), at least 1, for each column; None: as these values show it, which an hour without
        any find cannot.
    """
    if block < 1 or replicates < 100:
        raise ValueError(
            f"a block has at least 1 point and 100 series are drawn at least, got {block} and {replicates}"
        )
    table, number = _on_grid(values, looks)
    sums = np.where(np.isfinite(table), table, 0.0)
    value = sums.sum(axis=0) / number.sum()
    blocks = float((number > 0).sum()) / block
    if blocks < FEWEST_BLOCKS:
        missing = np.full_like(value, np.nan)
        return MeanIntervals(value, missing, missing, block, blocks)
    from scipy.special import stdtrit

    spread = _resampled(sums, number, block, replicates, np.random.default_rng(seed))
    reach = float(stdtrit(blocks - 1, 0.975)) * spread
    at_a_time = found_together([table], [number]) if together is None else np.asarray(together, np.float64)
    floor = _sparse_upper(value, blocks / np.broadcast_to(at_a_time, value.shape))
    high, low = np.maximum(value + reach, floor), np.maximum(value - reach, 0.0)
    alike = _alike(table, number) & (value > 0)
    return MeanIntervals(value, np.where(alike, np.nan, low), np.where(alike, np.nan, high), block, blocks)


def _on_grid(values: npt.ArrayLike, looks: npt.ArrayLike | None) -> tuple[Array, Array]:
    """Return counts ``(n, k)``, rows without a look NaN, and looks ``(n,)``; raises `ValueError` where nobody looked at all."""
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    finite = np.isfinite(table).all(axis=1)
    number: Array = np.where(finite, 1.0 if looks is None else np.asarray(looks, np.float64), 0.0)
    if not number.any():
        raise ValueError("no picture, no mean: an interval of time without pictures has none")
    return np.where(finite[:, None], table, np.nan), number


def _alike(table: Array, number: Array) -> npt.NDArray[np.bool_]:
    """Return of which columns all looks show the same number."""
    rates = table[number > 0] / number[number > 0, None]
    same: npt.NDArray[np.bool_] = (rates == rates[0]).all(axis=0)
    return same


def found_together(segments: Sequence[npt.ArrayLike], looks: Sequence[npt.ArrayLike]) -> Array:
    """Return how many are found at a time: variance over mean of the counts, around each segment's own mean, at least 1, shape ``(k,)``.

    1 is what single finds give that do not depend on one another; a school of five that comes and goes gives about 5.

    Parameters
    ----------
    segments
        Sums of counts on a grid, shape ``(n, k)`` each; rows of NaN: nobody looked.
    looks
        Pictures of each grid point, shape ``(n,)`` each.

    Examples
    --------
    >>> found_together([[[0], [5], [0], [0], [0]]], [[1, 1, 1, 1, 1]])
    array([5.])
    """
    above: Array | float = 0.0
    below: Array | float = 0.0
    for one, pictures in zip(segments, looks, strict=True):
        table, number = np.asarray(one, np.float64), np.asarray(pictures, np.float64)
        seen = (number > 0) & np.isfinite(table).all(axis=1)
        table, number = table[seen], number[seen, None]
        if len(table):
            mean = table.sum(axis=0) / number.sum()
            above = above + ((table - number * mean) ** 2 / number).sum(axis=0)
            below = below + mean * (len(table) - 1)
    top, bottom = np.atleast_1d(above), np.atleast_1d(below)
    ratio: Array = np.divide(top, bottom, out=np.ones_like(top, np.float64), where=bottom > 0)
    return np.maximum(ratio, 1.0)


def _sparse_upper(value: Array, looks: Array) -> Array:
    """Return the exact Poisson upper limit of means of so many independent looks, that of `SPARSE` finds where there are more."""
    from scipy.special import gammaincinv

    limit: Array = gammaincinv(np.minimum(value * looks, SPARSE) + 1, 0.975) / looks
    return limit


def _resampled(sums: Array, number: Array, block: int, replicates: int, rng: np.random.Generator) -> Array:
    """Return the standard deviation of the mean over resampled series; a series into which no picture fell is left out."""
    n = len(sums)
    columns = np.column_stack([sums, number])
    whole, rest = divmod(n, block)
    running = np.concatenate(
        [np.zeros((1, columns.shape[1])), np.concatenate([columns, columns[:block]]).cumsum(axis=0)]
    )
    starts = np.arange(n)
    of_block = running[starts + block] - running[starts]
    totals = of_block[rng.integers(0, n, size=(replicates, whole))].sum(axis=1)
    if rest:
        totals += (running[starts + rest] - running[starts])[rng.integers(0, n, size=replicates)]
    # Sums of running sums leave crumbs where nothing was seen.
    seen = totals[:, -1] > 0.5
    means = totals[seen, :-1] / totals[seen, -1:]
    # A mean is resampled around the mean of these very values, which takes up one of the blocks.
    blocks = max(float((number > 0).sum()) / block, 1.0 + 1e-9)
    found: Array = means.std(axis=0) * math.sqrt(blocks / (blocks - 1))
    return found
