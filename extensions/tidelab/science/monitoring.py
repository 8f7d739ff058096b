"""Watching a number over time: a chart whose limit is set by how often it may cry wolf.

A cumulative sum (Page 1954) collects small steps in one direction, so a slow change is seen long before one value alone stands out.
Its limit follows from the average number of values between two false alarms that is asked for.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

REFERENCE_VALUE: Final = 0.5
"""Half of the shift, in standard deviations, that the chart is quickest to find; the usual choice (Montgomery 2013, ch. 9)."""
_OVERSHOOT: Final = 1.166
"""How far a normal sum jumps over its limit on average; twice 0.583 (Siegmund 1985, ch. 10)."""


def cusum_run_length(limit: float, reference_value: float = REFERENCE_VALUE) -> float:
    """Return the average number of standard normal values until a one-sided cumulative sum exceeds `limit`.

    Siegmund's approximation [1]_: with ``b = limit + 1.166`` and ``k`` the reference value,
    ``(exp(2kb) - 2kb - 1) / (2 k^2)``.

    References
    ----------
    .. [1] Siegmund, D. "Sequential Analysis: Tests and Confidence Intervals." Springer 1985.

    Examples
    --------
    >>> round(cusum_run_length(4.0))  # 336 when computed exactly
    336
    """
    k, b = reference_value, limit + _OVERSHOOT
    return float((np.expm1(2 * k * b) - 2 * k * b) / (2 * k**2))


def cusum_limit(run_length: float, reference_value: float = REFERENCE_VALUE) -> float:
    """Return the limit that standard normal values exceed once in `run_length` values on average; at least 0.

    Parameters
    ----------
    run_length
        Values between two false alarms; at least 2.
    reference_value
        As in `cusum`.
    """
    if not run_length >= 2 or not np.isfinite(run_length):
        raise ValueError(f"expected a run length of at least 2, got {run_length}")
    low, high = 0.0, 1.0
    while cusum_run_length(high, reference_value) < run_length:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if cusum_run_length(middle, reference_value) < run_length:
            low = middle
        else:
            high = middle
    return high


def cusum(values: Values, reference_value: float = REFERENCE_VALUE) -> Values:
    """Return the upper cumulative sum after each value: ``max(0, sum before + value - reference_value)``, starting at 0.

    Parameters
    ----------
    values
        Standardised, oldest first.
    reference_value
        Taken from each value, so that values around 0 pull the sum back to 0.

    References
    ----------
    Page, E. S. "Continuous inspection schemes." Biometrika 41 (1954): 100-115.

    Examples
    --------
    >>> cusum(np.array([0.0, 2.0, 2.0, -1.0])).tolist()
    [0.0, 1.5, 3.0, 1.5]
    """
    sums, total = np.empty(len(values)), 0.0
    for i, value in enumerate(values):
        total = max(0.0, total + float(value) - reference_value)
        sums[i] = total
    return sums


def self_starting_scores(values: Values, known: int) -> Values:
    """Turn values into independent standard normal ones, although mean and spread were estimated from few samples.

    A mean taken from a dozen samples is off by a third of a standard deviation as likely as not, and a chart that takes it for the
    truth alarms many times as often as promised. Hawkins' way [1]_: each value is compared with all before it by the t statistic of
    a new observation, whose chance is read as that of a normal value.

    Parameters
    ----------
    values
        Standardised by mean and standard deviation of the known samples, oldest first.
    known
        Number of those samples, at least 3.

    References
    ----------
    .. [1] Hawkins, D. M. "Self-starting CUSUM charts for location and scale." The Statistician 36 (1987): 299-315.
    """
    from scipy.special import ndtri, stdtr

    if known < 3:
        raise ValueError(f"self-starting scores need at least 3 known samples, got {known}")
    n, mean, squares = known, 0.0, float(known - 1)
    scores = np.empty(len(values))
    for i, value in enumerate(values):
        step = float(value) - mean
        statistic = step / np.sqrt(squares / (n - 1)) * np.sqrt(n / (n + 1))
        # The upper tail through its mirror image: near 1 the last digits are gone.
        scores[i] = -ndtri(np.clip(stdtr(n - 1, -statistic), 1e-12, 1 - 1e-12))
        n += 1
        mean += step / n
        squares += step * (float(value) - mean)
    return scores
