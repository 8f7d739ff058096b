"""Grey level statistics from a histogram, as ImageJ's *Measure* gives them."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Histogram = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GreyStatistics:
    """Statistics of the grey levels of a region.

    Attributes
    ----------
    count : int
        Pixels.
    integrated_density : int
        Sum of the grey levels (``IntDen`` where a pixel is the unit).
    mean, standard_deviation : float
        The standard deviation with n - 1; 0 for a single pixel.
    mode, minimum, maximum, median : int
        The mode is the lowest of equally frequent levels; the median the level at which half of the pixels is passed.
    skewness, kurtosis : float
        Third and fourth moment about the mean, the kurtosis minus 3; NaN where all pixels are equal.
    """

    count: int
    integrated_density: int
    mean: float
    standard_deviation: float
    mode: int
    minimum: int
    maximum: int
    median: int
    skewness: float
    kurtosis: float


def median_level(histogram: Histogram) -> int:
    """Return the first level at which more than half of the pixels is counted (ImageJ's integer median).

    Raises
    ------
    ValueError
        When the histogram is empty.
    """
    total = int(histogram.sum())
    if total == 0:
        raise ValueError("The median of no pixel is not defined.")
    return int(np.searchsorted(np.cumsum(histogram) * 2, total, side="right"))


def grey_statistics(histogram: Histogram) -> GreyStatistics:
    """Return the statistics of a region from its histogram of integer grey levels.

    Raises
    ------
    ValueError
        When the histogram is empty.
    """
    levels = np.flatnonzero(histogram)
    median = median_level(histogram)
    counts = histogram[levels].astype(np.float64)
    count = int(histogram.sum())
    total = int(np.dot(levels, histogram[levels]))
    mean = total / count
    deviation = levels - mean
    second = float(np.dot(counts, deviation**2))
    if second > 0:
        sd = math.sqrt(second / count)
        skewness = float(np.dot(counts, deviation**3)) / count / sd**3
        kurtosis = float(np.dot(counts, deviation**4)) / count / sd**4 - 3
    else:
        skewness = kurtosis = math.nan
    return GreyStatistics(
        count=count,
        integrated_density=total,
        mean=mean,
        standard_deviation=math.sqrt(second / (count - 1)) if count > 1 else 0.0,
        mode=int(histogram.argmax()),
        minimum=int(levels[0]),
        maximum=int(levels[-1]),
        median=median,
        skewness=skewness,
        kurtosis=kurtosis,
    )
