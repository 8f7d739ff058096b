"""Fractal dimension of an outline by the "sausage" method: how the band around it grows with its width (Minkowski dimension).

References
----------
.. [1] Berube, D. and Jebrak, M. (1999). High precision boundary fractal analysis for shape characterization. Computers & Geosciences 25,
   1059-1071.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.imagej.distance import distance_maps


def band_widths(count: int = 40, growth: float = 1.1) -> tuple[int, ...]:
    """Return the different whole numbers among ``growth ** 1``, ..., ``growth ** count``, rounded half up.

    Examples
    --------
    >>> band_widths()[:12], len(band_widths()), band_widths()[-1]
    ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 26, 45)
    """
    return tuple(sorted({math.floor(growth**power + 0.5) for power in range(1, count + 1)}))


WIDTHS_PX: Final = band_widths()

_STRIP_PX: Final = 2**22


def band_areas(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return how many pixels lie within each of `WIDTHS_PX` of the outline of a mask, inside or outside of it.

    The mask lies in a white picture of twice its sides, of four times where one is below 200 px, as the legacy software has it: bands
    that are wider than the room around it are cut there.
    """
    height, width = mask.shape
    times = 2 if min(height, width) >= 200 else 4
    most = WIDTHS_PX[-1]
    # More room than the widest band is empty in every band.
    room = [_room(size, times, most + 2) for size in (height, width)]
    counts = np.cumsum(_distance_counts(np.pad(mask, room), most))
    return [int(counts[reach]) for reach in WIDTHS_PX]


def _distance_counts(mask: npt.NDArray[np.bool_], most: int) -> npt.NDArray[np.int64]:
    """Return how many pixels have each distance from the outline, 0 to `most`, and larger ones.

    In strips of rows: maps of the distances are many bytes a pixel, and the box of a long object has many pixels. No way of at most
    `most` px leads further than that many rows up or down, so that strips with so many rows around them have the same distances.
    """
    around, step = most + 2, max(1, _STRIP_PX // mask.shape[1])
    counts = np.zeros(most + 2, np.int64)
    for top in range(0, len(mask), step):
        first = max(0, top - around)
        distances = distance_maps(mask[first : top + step + around], most)
        own = distances[:, top - first : top - first + step].sum(axis=0, dtype=np.int32)
        counts += np.bincount(own.ravel(), minlength=most + 2)
    return counts


def fractal_dimension(mask: npt.NDArray[np.bool_]) -> float:
    """Return 2 minus the ratio of the standard deviations of log(area of the band) and log(twice its width).

    NaN where the mask is empty.
    """
    if not mask.any():
        return math.nan
    areas, widths = np.log(band_areas(mask)), np.log(2 * np.asarray(WIDTHS_PX))
    return 2 - float(areas.std(ddof=1) / widths.std(ddof=1))


def _room(size: int, times: int, most: int) -> tuple[int, int]:
    before = (times * size - size) // 2
    return min(before, most), min(times * size - size - before, most)
