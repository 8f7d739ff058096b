"""Fractal dimension by box counting, as ImageJ's *Fractal Box Count*.

References
----------
.. [1] Smith, T.G., Lange, G.D., Marks, W.B. (1996). Fractal methods and results in cellular morphology. J. Neurosci. Methods 69.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

BOX_SIZES_PX: Final = (2, 3, 4, 6, 8, 12, 16, 32, 64)
"""ImageJ's default boxes."""


def box_count(border: npt.NDArray[np.bool_], size_px: int) -> int:
    """Return how many boxes, laid from the top left of what is there, hold a part of it."""
    rows, columns = np.nonzero(border)
    if rows.size == 0:
        return 0
    rows, columns = (rows - rows.min()) // size_px, (columns - columns.min()) // size_px
    return int(np.unique(rows * (int(columns.max()) + 1) + columns).size)


def fractal_dimension(border: npt.NDArray[np.bool_], sizes_px: tuple[int, ...] = BOX_SIZES_PX) -> float:
    """Return the negative slope of log(boxes) over log(box size) of a border one pixel wide.

    Boxes larger than the longer side of the border are left out: their number is 1 whatever the border looks like. NaN where fewer
    than two sizes are left.
    """
    rows, columns = np.nonzero(border)
    if rows.size == 0:
        return math.nan
    longest = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    sizes = [size for size in sizes_px if size <= longest]
    if len(sizes) < 2:
        return math.nan
    counts = [box_count(border, size) for size in sizes]
    return -float(np.polyfit(np.log(sizes), np.log(counts), 1)[0])
