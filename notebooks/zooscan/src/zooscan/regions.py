"""Connected regions of a black and white picture that is never whole in memory, kept as runs of pixels.

A picture comes as strips of rows. What is kept is the runs of regions that reach the last row seen, and of finished regions large
enough to matter, so that memory follows what is in the picture and not its size. The result is exactly that of labelling the whole
picture: a region is finished only when a row passed without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from zooscan.objects import Mask, Runs

Labels = npt.NDArray[np.int32]

MAX_RUNS: Final = 4_000_000
"""More runs than this within unfinished regions is a picture of noise: a scan of plankton has some hundred thousand."""


class TooManyRunsError(ValueError):
    """The picture is noise at this threshold."""


def find_runs(mask: Mask, first_row: int = 0) -> Runs:
    """Return the runs of True pixels, sorted by row, then column; the first row of the mask is `first_row`."""
    height, width = mask.shape
    line = np.zeros((height, width + 1), bool)
    line[:, :width] = mask
    flat = line.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        changes = np.concatenate([[0], changes])
    starts, stops = changes[::2], changes[1::2]
    rows = starts // (width + 1)
    offset = rows * (width + 1)
    return np.column_stack([rows + first_row, starts - offset, stops - offset]).astype(np.int32)


def label_runs(runs: Runs, *, diagonal: bool = True) -> tuple[int, Labels]:
    """Return the number of regions and the region of each run, numbered from 0 in the order of their first runs.

    Parameters
    ----------
    runs : Runs
        Sorted by row, then column.
    diagonal : bool
        Whether pixels that touch at a corner belong together.
    """
    count = len(runs)
    if count == 0:
        return 0, np.empty(0, np.int32)
    reach = 1 if diagonal else 0
    rows, starts, stops = (runs[:, column].astype(np.int64) for column in range(3))
    # One number for row and column, with room between rows, so that a sorted search finds the touching runs of the next row.
    key = int(stops.max()) + 2
    starting, stopping = rows * key + starts, rows * key + stops
    first = np.searchsorted(stopping, (rows + 1) * key + starts - reach, side="right")
    after = np.searchsorted(starting, (rows + 1) * key + stops + reach, side="left")
    touching = np.maximum(after - first, 0)
    above = np.repeat(np.arange(count), touching)
    below = (
        np.arange(touching.sum())
        - np.repeat(np.cumsum(touching) - touching, touching)
        + np.repeat(first, touching)
    )
    graph = coo_matrix((np.ones(above.size, bool), (above, below)), shape=(count, count))
    number, labels = connected_components(graph, directed=False)
    _, firsts = np.unique(labels, return_index=True)
    order = np.empty(number, np.int32)
    order[np.argsort(firsts, kind="stable")] = np.arange(number, dtype=np.int32)
    return int(number), order[labels]


def boxes(runs: Runs, labels: Labels, number: int) -> npt.NDArray[np.int64]:
    """Return the box of each region as (first row, first column, row after, column after), shape (number, 4)."""
    found = np.empty((number, 4), np.int64)
    found[:, :2], found[:, 2:] = np.iinfo(np.int32).max, -1
    np.minimum.at(found[:, 0], labels, runs[:, 0])
    np.minimum.at(found[:, 1], labels, runs[:, 1])
    np.maximum.at(found[:, 2], labels, runs[:, 0] + 1)
    np.maximum.at(found[:, 3], labels, runs[:, 2])
    return found


def hole_runs(region: Runs) -> Runs:
    """Return the runs of a region's holes: background that cannot leave the region's box by steps along rows and columns."""
    if len(region) == 0:
        return region
    top, bottom = int(region[0, 0]) - 1, int(region[-1, 0]) + 1
    left, right = int(region[:, 1].min()) - 1, int(region[:, 2].max()) + 1
    every = np.arange(top, bottom + 1)
    # The background of a row lies between where a run stops and where the next one starts, within a frame of one pixel.
    begins = np.concatenate([region[:, (0, 2)], np.column_stack([every, np.full(every.size, left)])])
    ends = np.concatenate([region[:, :2], np.column_stack([every, np.full(every.size, right)])])
    begins = begins[np.lexsort((begins[:, 1], begins[:, 0]))]
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    gaps: Runs = np.column_stack([begins, ends[:, 1]]).astype(np.int32)
    gaps = gaps[gaps[:, 2] > gaps[:, 1]]
    _, labels = label_runs(gaps - np.array([0, left, left], np.int32), diagonal=False)
    holes: Runs = gaps[labels != labels[0]]  # the first gap is the frame's first row, outside
    return holes


def area_of(runs: Runs) -> int:
    """Return the number of pixels."""
    return int((runs[:, 2].astype(np.int64) - runs[:, 1]).sum())


def contains(runs: Runs, row: int, column: int) -> bool:
    """Return whether a pixel lies in one of the runs (sorted)."""
    same = runs[
        np.searchsorted(runs[:, 0], row, side="left") : np.searchsorted(runs[:, 0], row, side="right")
    ]
    return bool(((same[:, 1] <= column) & (column < same[:, 2])).any())


@dataclass
class RegionStream:
    """Finds the regions (8 neighbours) of a picture that comes in strips.

    Parameters
    ----------
    min_box_px
        Regions whose box has fewer pixels are dropped when they are finished.
    """

    min_box_px: int = 1
    _open: Runs = field(default_factory=lambda: np.empty((0, 3), np.int32))
    _next_row: int = 0

    def add(self, strip: Mask) -> Iterator[Runs]:
        """Take the next rows and yield the runs of each region that is finished by now.

        Raises
        ------
        TooManyRunsError
            When unfinished regions hold more than `MAX_RUNS`.
        """
        runs = np.concatenate([self._open, find_runs(strip, self._next_row)])
        self._next_row += strip.shape[0]
        if len(runs) > MAX_RUNS:
            raise TooManyRunsError(
                f"{len(runs):,} runs of pixels in unfinished regions; a scan of plankton has far fewer."
            )
        yield from self._finished(runs, self._next_row - 1)

    def finish(self) -> Iterator[Runs]:
        """Yield what the last row left unfinished."""
        yield from self._finished(self._open, None)

    def _finished(self, runs: Runs, last_row: int | None) -> Iterator[Runs]:
        number, labels = label_runs(runs)
        box = boxes(runs, labels, number)
        going_on = box[:, 2] == last_row + 1 if last_row is not None else np.zeros(number, bool)
        large = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) >= self.min_box_px
        self._open = runs[going_on[labels]]
        kept = (large & ~going_on)[labels]
        runs, labels = runs[kept], labels[kept]
        order = np.argsort(labels, kind="stable")
        cuts = np.flatnonzero(np.diff(labels[order])) + 1
        yield from (part for part in np.split(runs[order], cuts) if len(part))
