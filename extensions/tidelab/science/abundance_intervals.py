"""Mean counts per picture with intervals of the block bootstrap: on the grid of the camera's cadence, one block length a camera.

What is known of an interval that does not hold what it says stands beside it, in the column ``interval_remark`` (`REMARKS`).
"""

import zlib
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.abundance import ABUNDANCE_COLUMNS, abundance
from tidelab.science.block_bootstrap import (
    FEWEST_BLOCKS,
    MeanIntervals,
    block_length,
    found_together,
    mean_intervals,
)

INTERVAL_COLUMNS: Final = (
    *ABUNDANCE_COLUMNS, "detections_per_picture_low", "detections_per_picture_high", "block_pictures", "interval_remark",
)  # fmt: skip
"""``low`` and ``high``: limits of the 95 % interval, missing where there were too few blocks or all pictures show the same number, not 0; ``block_pictures``:
length of a block in steps of the cadence; ``interval_remark``: one of `REMARKS`, or empty."""

SURE_BLOCKS: Final = 20
"""From so many blocks on an interval holds nearly what it says. With fewer, of fish that stay in the picture for minutes, it held the true mean of the generated
series of ``docs/explanation/effort-and-abundance.md`` in 79 to 92 % of the hours of sixty pictures, and in 59 to 87 % of those of twelve, instead of 95."""

Remark = Literal["too-few-pictures", "all-alike", "never-found", "few-blocks"]

REMARKS: Final[dict[Remark, str]] = {
    "too-few-pictures": "withheld: too few pictures came to tell chance from change",
    "all-alike": "withheld: all pictures show the same number, which tells nothing of chance",
    "never-found": "the camera never found the taxon, so nobody knows whether it comes alone or in schools: where it comes in schools, the upper limit is too "
    "low by about the size of a school",
    "few-blocks": f"the interval rests on fewer than {SURE_BLOCKS} blocks of pictures that are alike, and is too narrow where many fish stay for minutes: of "
    "generated series it held the true mean in 79 to 92 % of the hours of sixty pictures and in 59 to 87 % of those of twelve, instead of 95",
}
"""What is known of an interval, the first that holds; to be read where the number stands."""

LIMITS_COMMENT: Final = (
    "Limits of a block bootstrap over the pictures of the interval: they cover the chance of which moments were looked at, neither wrong names nor missed "
    "animals. interval_remark says where they fall short. "
    + " ".join(f"{name}: {words}." for name, words in REMARKS.items())
)
"""What is to be known of the limits in files that cannot say it row by row."""


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
        found = np.array([np.nansum(one.sums, axis=0) for one in grids]).sum(axis=0) > 0
        for one in grids:
            seed = [how.seed, zlib.crc32(str(camera).encode("utf-8")), int(one.start.timestamp())]
            made = mean_intervals(
                one.sums,
                block=block,
                seed=seed,
                replicates=how.replicates,
                looks=one.looks,
                together=together,
            )
            remarks = _remarks(made, found)
            limits += [
                (camera, one.start, taxon, low, high, block, remark)
                for taxon, low, high, remark in zip(taxa, made.low, made.high, remarks, strict=True)
            ]
    keys = ["camera", "interval_start", "taxon"]
    own = INTERVAL_COLUMNS[len(ABUNDANCE_COLUMNS) :]
    if not limits:
        return table.assign(**{name: pd.Series(dtype=float) for name in own})
    added = pd.DataFrame(limits, columns=[*keys, *own])
    return table.merge(added, on=keys, how="left", validate="one_to_one").loc[:, list(INTERVAL_COLUMNS)]


def remark_words(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each remark of a table of `INTERVAL_COLUMNS`: how many intervals it concerns, of which taxa, and what it means."""
    sentences = []
    for remark, words in REMARKS.items():
        rows = table[table["interval_remark"] == remark]
        if len(rows):
            names = ", ".join(dict.fromkeys(rows["taxon"].astype(str)))
            sentences.append(f"{len(rows)} of {len(table)} intervals ({names}): {words}.")
    return sentences


def _remarks(made: MeanIntervals, found: npt.NDArray[np.bool_]) -> list[Remark | Literal[""]]:
    """Return what is known of each taxon's interval; `found`: taxa that the camera found in any interval."""
    if made.blocks < FEWEST_BLOCKS:
        return ["too-few-pictures"] * len(found)
    rest: Remark | Literal[""] = "few-blocks" if made.blocks < SURE_BLOCKS else ""
    return [
        "all-alike" if np.isnan(low) else rest if seen else "never-found"
        for low, seen in zip(made.low, found, strict=True)
    ]


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
