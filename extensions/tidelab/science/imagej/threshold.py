"""ImageJ's automatic threshold of 8-bit pictures, its variant of IsoData.

References
----------
.. [1] Ridler, T.W. and Calvard, S. (1978). Picture thresholding using an iterative selection method. IEEE Trans. SMC 8, 630-632.
"""

import math

import numpy as np
import numpy.typing as npt


def isodata_threshold(histogram: npt.NDArray[np.int64]) -> int:
    """Return the level halfway between the means of the two classes that it makes.

    As ImageJ does it, levels 0 and 255 are left out (erased and saturated areas), and the search goes upwards from the lowest level
    and ends one step after the condition is met.

    Parameters
    ----------
    histogram : int array
        Pixels of each of 256 grey levels.

    Returns
    -------
    int
        0 to 255; 128 where fewer than two levels are left.
    """
    counts = histogram.astype(np.float64)
    counts[0] = counts[-1] = 0
    present = np.flatnonzero(counts)
    if present.size < 2:
        return len(counts) // 2
    low, high = int(present[0]), int(present[-1])
    number, total = np.cumsum(counts), np.cumsum(counts * np.arange(len(counts)))
    level = low
    while True:
        below = total[level] / number[level]
        above = (total[high] - total[level]) / (number[high] - number[level])
        middle = float((below + above) / 2)
        level += 1
        if not (level + 1 <= middle and level < high - 1):
            return math.floor(middle + 0.5)
