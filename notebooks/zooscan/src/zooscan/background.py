"""Removal of the background: two blank scans, combined and smoothed, against which the scan is compared ("neutral" method)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.science.imagej.filters import circular_mean, resize_rows, source_positions
from zooscan.objects import Grey, Limits, ScanError
from zooscan.rows_file import RowsFile

RADIUS_PX = 3
_SAMPLE = 16
"""Every so many rows and columns are looked at to find the frame."""
_SEARCHED = 0.1
"""The frame is looked for in this share of a side from each edge."""


def combine(first: Grey, second: Grey) -> Grey:
    """Return the average of two blanks as the legacy software adds their rounded halves; what passes 255 is 255."""
    halves = (first.astype(np.uint16) + 1) // 2 + (second.astype(np.uint16) + 1) // 2
    combined: Grey = np.minimum(halves, 255).astype(np.uint8)
    return combined


def smoothed_strips(first: RowsFile, second: RowsFile, width: int, height: int) -> Iterator[tuple[int, Grey]]:
    """Yield the combined blank, its bottom right `width` by `height` px, averaged over circles of radius 3 px.

    The glass's origin is at the bottom right of a turned scan, so that this is the part that a smaller scan shows.
    """
    top, left = first.height - height, first.width - width
    for start in range(0, height, first.strip_rows):
        stop = min(start + first.strip_rows, height)
        above, below = max(start - RADIUS_PX, 0), min(stop + RADIUS_PX, height)
        both = (blank.read(top + above, top + below)[:, left:] for blank in (first, second))
        mean = circular_mean(combine(*both), RADIUS_PX)
        yield start, mean[start - above : mean.shape[0] - (below - stop)]


@dataclass(frozen=True, slots=True)
class Background:
    """A smoothed blank that is read at the size of the scan.

    Attributes
    ----------
    blank : RowsFile
        8 bits, turned as the scan is.
    rows, columns : arrays
        Where each row and column of the scan is read in the blank; empty where the sizes are equal.
    """

    blank: RowsFile
    rows: npt.NDArray[np.float64]
    columns: npt.NDArray[np.float64]

    @classmethod
    def fitted(cls, blank: RowsFile, width: int, height: int, ratio: float) -> "Background":
        """Return the background for a scan of `width` by `height` px with `ratio` times the blank's resolution."""
        if (blank.width, blank.height) == (width, height):
            return cls(blank, np.empty(0), np.empty(0))
        return cls(blank, _positions(blank.height, height, ratio), _positions(blank.width, width, ratio))

    def read(self, start: int, stop: int) -> Grey:
        """Return the rows `start` to `stop` at the size of the scan."""
        if self.rows.size == 0:
            return self.blank.read(start, stop)
        rows = self.rows[start:stop]
        first, after = int(rows[0]), min(int(rows[-1]) + 2, self.blank.height)
        return resize_rows(self.blank.read(first, after), rows - first, self.columns)


def _positions(blank_size: int, size: int, ratio: float) -> npt.NDArray[np.float64]:
    """Return where a side is read in the blank: enlarged to int(size * ratio), its last line repeated where that falls short."""
    enlarged = source_positions(max(int(blank_size * ratio), 1), blank_size)[:size]
    return np.pad(enlarged, (0, size - enlarged.size), mode="edge")


def blank_part(scan_side: int, ratio: float, blank_side: int, name: str) -> int:
    """Return how many px of a blank's side belong to the scan.

    Raises
    ------
    ScanError
        When the blank is smaller than the scan by more than 1 %.
    """
    wanted = max(1, int(scan_side / ratio))
    if wanted > blank_side * 1.01 + 1:
        raise ScanError(
            f"{name} covers {blank_side} px where the scan needs {wanted} px at the blank's resolution; choose blanks of the same frame."
        )
    return min(wanted, blank_side)


def remove_background(scan: Grey, background: Grey) -> Grey:
    """Return 255 minus the distance of each grey level from the background: white where the scan is as the blank was."""
    difference = np.maximum(scan, background) - np.minimum(scan, background)
    white: Grey = 255 - difference
    return white


def find_limits(
    picture: RowsFile, share: float, cancelled: Callable[[], None] = lambda: None
) -> tuple[Limits, bool]:
    """Return the part of a scan within the scanner's frame, and whether a frame was seen.

    A row or column belongs to the frame when its median grey level is below `share` times that of the picture's middle; the
    innermost such line in the outer tenth of a side is the frame's inner edge.
    """
    across, down = [], []
    for start, rows in picture.strips():
        cancelled()
        first = -start % _SAMPLE
        across.append(rows[first::_SAMPLE])
        down.append(np.median(rows[:, ::_SAMPLE], axis=1))
    columns = np.median(np.concatenate(across), axis=0)
    left, right = _inner(columns, share)
    top, bottom = _inner(np.concatenate(down), share)
    seen = (left, top, right, bottom) != (0, 0, picture.width, picture.height)
    return Limits(left, top, right, bottom), seen


def _inner(profile: npt.NDArray[np.float64], share: float) -> tuple[int, int]:
    size = profile.size
    dark = profile < share * np.median(profile[size // 4 : size - size // 4])
    reach = max(1, int(size * _SEARCHED))
    low, high = np.flatnonzero(dark[:reach]), np.flatnonzero(dark[size - reach :])
    return (int(low[-1]) + 1 if low.size else 0), (size - reach + int(high[0]) if high.size else size)
