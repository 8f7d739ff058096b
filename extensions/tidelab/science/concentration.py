"""From counts to concentrations, with the interval that counting alone leaves open.

A count of independent particles follows a Poisson law; its exact interval is Garwood's [1]_, whose lower limit is 0 and whose upper one is
3.69 for a count of 0 (one-sided, at 95 %, 3.00: the "rule of three"). The volume is taken as exact. The interval covers neither a wrong
volume nor clumped particles nor wrong names.

References
----------
.. [1] Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.
"""

import math
from typing import Final

from tidelab.domain.estimate import Range

LEVEL: Final = 0.95


def poisson_interval(count: int, level: float = LEVEL) -> Range:
    """Return a count with its exact Poisson interval.

    Parameters
    ----------
    count
        Particles counted, at least 0.
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    Range
        For a count of 0 the lower limit is 0; the upper one never is.

    Raises
    ------
    ValueError
        For a negative count, or a level that is none.

    Examples
    --------
    >>> one = poisson_interval(10)
    >>> round(one.low, 3), round(one.high, 3)
    (4.795, 18.39)
    """
    if count < 0:
        raise ValueError(f"a count is at least 0, got {count}")
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level}")
    # The quantile of chi-square, without scipy.stats, which is slow to import.
    from scipy.special import gammaincinv

    tail = (1 - level) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return Range(value=float(count), low=low, high=float(gammaincinv(count + 1, 1 - tail)))


def concentration(count: int | Range, water_ml: float) -> Range:
    """Return particles per mL of sea water.

    Parameters
    ----------
    count
        A raw count, which gets its Poisson interval, or an estimate with an interval of its own, which keeps it.
    water_ml
        Volume of sea water that was looked at: volume imaged over dilution factor (`tidelab.domain.sample.Sample.water_ml`).

    Raises
    ------
    ValueError
        For a volume that is not a number above 0, or a negative count.

    Examples
    --------
    >>> one = concentration(0, 2.0)
    >>> one.value, one.low, round(one.high, 3)
    (0.0, 0.0, 1.844)
    """
    if not (math.isfinite(water_ml) and water_ml > 0):
        raise ValueError(f"a volume of water is above 0 mL, got {water_ml}")
    known = count if isinstance(count, Range) else poisson_interval(count)
    return Range(value=known.value / water_ml, low=known.low / water_ml, high=known.high / water_ml)
