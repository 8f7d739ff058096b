"""Mean counts per picture with intervals of the block bootstrap: on the grid of the camera's cadence, one block length a camera."""

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.abundance import ABUNDANCE_COLUMNS, abundance
from tidelab.science.block_bootstrap import block_length, found_together, mean_intervals

INTERVAL_COLUMNS: Final = (
    *ABUNDANCE_COLUMNS, "detections_per_picture_low", "detections_per_picture_high", "block_pictures",
)  # fmt: skip
"""``low`` and ``high``: limits of the 95 % interval, missing where there were too few blocks or all pictures show the same number, not 0; ``block_pictures``: length of a block in steps of the
cadence."""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Parameters
    ----------
    block
        Length of a block in steps of the cadence; None: by the rule of Politis and White, the longest of a camera's taxa.
    seed, replicates
        Of the draw.
    """

    block: int | None = None
    seed: int = 1
    replicates: int = 1000


@dataclass(frozen=True, eq=False)
class _Interval:
    """The grid of one camera and interval: sums of counts ``(n, k)`` (NaN rows: nobody looked) and pictures ``(n,)``."""

    start: pd.Timestamp
    sums: npt.NDArray[np.float64]
    looks: npt.NDArray[np.float64]


def abundance_with_intervals(counts: pd.DataFrame, every: str, step_s: float, how: Bootstrap) -> pd.DataFrame:
    """Return `tidelab.science.abundance.abundance` with intervals.

    Parameters
    ----------
    counts
        `tidelab.science.abundance.counts_per_picture`.
    every
        Length of an interval as pandas writes it.
    step_s
        Seconds between two pictures: the step of the grid.
    how
        Block, seed, replicates. Each cell draws by itself; what it shares with the camera's other intervals is the length of a block and
        how many of a taxon are found at a time (`tidelab.science.block_bootstrap.found_together`).

    Returns
    -------
    pandas.DataFrame
        `INTERVAL_COLUMNS`.
    """
    table = abundance(counts, every)
    taxa = list(dict.fromkeys(counts["taxon"]))
    limits = []
    for camera, rows in counts.groupby("camera", sort=True):
        grids = _grids(rows, taxa, every, step_s)
        block = how.block or _longest(grids, len(taxa))
        # An hour without a school cannot tell how large schools are; the other hours of the camera can.
        together = found_together([one.sums for one in grids], [one.looks for one in grids])
        for one in grids:
            seed = [how.seed, zlib.crc32(str(camera).encode("utf-8")), int(one.start.timestamp())]
            found = mean_intervals(
                one.sums,
                block=block,
                seed=seed,
                replicates=how.replicates,
                looks=one.looks,
                together=together,
            )
            limits += [
                (camera, one.start, taxon, low, high, block)
                for taxon, low, high in zip(taxa, found.low, found.high, strict=True)
            ]
    keys = ["camera", "interval_start", "taxon"]
    made = pd.DataFrame(limits, columns=[*keys, *INTERVAL_COLUMNS[-3:]])
    if made.empty:
        return table.assign(**{name: pd.Series(dtype=float) for name in INTERVAL_COLUMNS[-3:]})
    return table.merge(made, on=keys, how="left", validate="one_to_one").loc[:, list(INTERVAL_COLUMNS)]


def _grids(rows: pd.DataFrame, taxa: list[str], every: str, step_s: float) -> list[_Interval]:
    wide = rows.pivot(index=["time", "picture"], columns="taxon", values="count")[taxa]
    times = pd.DatetimeIndex(wide.index.get_level_values("time"))
    starts = times.floor(every)
    slots = np.floor((times - starts) / pd.Timedelta(seconds=step_s) + 1e-6).astype(np.int64)
    found = []
    for start in starts.unique():
        chosen = np.asarray(starts == start)
        # From the first to the last slot that somebody looked in: before and after nobody promised anything.
        slot = slots[chosen] - slots[chosen].min()
        length = int(slot.max()) + 1
        sums = np.zeros((length, len(taxa)))
        looks = np.zeros(length)
        np.add.at(sums, slot, wide.to_numpy(np.float64)[chosen])
        np.add.at(looks, slot, 1.0)
        sums[looks == 0] = np.nan
        found.append(_Interval(start, sums, looks))
    return found


def _longest(grids: list[_Interval], n_taxa: int) -> int:
    lengths = [
        block_length([one.sums[:, k] / np.maximum(one.looks, 1) for one in grids]) for k in range(n_taxa)
    ]
    return max(lengths, default=1)
