"""From 16 to 8 bits as the legacy software does it: black and white points follow the scan's median grey level."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.science.imagej.histogram import median_level
from zooscan.objects import Grey, ScanError
from zooscan.rows_file import RowsFile
from zooscan.settings import ProcessSettings

_LEVELS = 65536


@dataclass(frozen=True, slots=True)
class SliceLevels:
    """Grey levels of a scan, each the average over its horizontal slices.

    Attributes
    ----------
    median, mean : float
        16-bit grey levels.
    """

    median: float
    mean: float


def slice_levels(scan: RowsFile, cancelled: Callable[[], None] = lambda: None) -> SliceLevels:
    """Return the grey levels of a scan's inner part, cut into twenty slices.

    The part begins at 3 % of the width and 5 % of the height and is 94 % wide and 93 % high; a slice is a twentieth of its height.

    Raises
    ------
    ScanError
        When the scan is too small for slices.
    """
    left, top = int(0.03 * scan.width), int(0.05 * scan.height)
    width, height = int(0.94 * scan.width), int(0.93 * scan.height)
    step = height // 20
    if step < 1 or width < 1:
        raise ScanError(
            f"{scan.path.name} has {scan.width} x {scan.height} px, too few to tell its grey level from."
        )
    medians, means = [], []
    while top < height + step and top + step <= scan.height:
        cancelled()
        histogram = np.zeros(_LEVELS, np.int64)
        per_read = scan.strip_rows
        for start in range(top, top + step, per_read):
            rows = scan.read(start, min(start + per_read, top + step))
            histogram += np.bincount(rows[:, left : left + width].ravel(), minlength=_LEVELS)
        medians.append(median_level(histogram))
        means.append(float(np.dot(np.arange(_LEVELS), histogram)) / float(histogram.sum()))
        top += step
    return SliceLevels(float(np.mean(medians)), float(np.mean(means)))


def level_points(median: float, settings: ProcessSettings) -> tuple[int, int]:
    """Return the 16-bit grey levels that become 0 and 255.

    White is `ratio` times the median (at most 65536), black the median over 10 to the power of `od_range`, over `ratio`.

    Raises
    ------
    ScanError
        When the scan is black.
    """
    if not settings.adjust_levels:
        return settings.level_min, settings.level_max
    low = math.floor(max(0.0, median / (10**settings.od_range * settings.ratio)))
    high = min(65536, math.floor(median * settings.ratio))
    if high <= low + 1:
        raise ScanError(
            f"The median grey level is {median:g} of 65535: the scan is black. Check lamp and lid, and scan again."
        )
    return low, high


def level_table(low: int, high: int) -> npt.NDArray[np.uint8]:
    """Return the 8-bit level of each 16-bit level: linear from `low` to `high`, rounded half up, cut at 0 and 255."""
    levels = np.clip(np.arange(_LEVELS), low, high) - low
    table: npt.NDArray[np.uint8] = np.minimum(np.floor(levels * (256 / (high - low + 1)) + 0.5), 255).astype(
        np.uint8
    )
    return table


def turned(rows: Grey) -> Grey:
    """Return rows turned by 90 degrees clockwise, then flipped top to bottom: how the legacy software lays a scan."""
    return rows[::-1, ::-1].T


def convert(
    scan: RowsFile, target: RowsFile, table: npt.NDArray[np.uint8], after: Callable[[int], None]
) -> None:
    """Write a scan as 8 bits, turned; an 8-bit scan keeps its levels. `after` is told the rows that were taken."""
    for start, rows in scan.strips():
        grey = rows if rows.dtype.itemsize == 1 else table[rows]
        target.write_columns(scan.height - start - rows.shape[0], turned(grey))
        after(rows.shape[0])
