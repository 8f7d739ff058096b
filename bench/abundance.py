"""Do intervals of the block bootstrap hold? Series with known mean and known dependence; prints the tables of the docs.

Run ``python bench/abundance.py``; ``--series`` says how many series a cell (1000 in the docs).
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from tidelab.science.block_bootstrap import MeanIntervals, block_length, found_together, mean_intervals

DEPENDENCE = (0.0, 0.3, 0.6, 0.8, 0.9)
LENGTHS = (60, 240, 720)
IN_A_RUN = (12, 60)
"""Pictures an hour of a run of 20 hours: one every five minutes, and one a minute."""
MEAN = 2.0
WARM_UP = 300
LEVEL = 20.0
"""Mean of the Gaussian series: far from the floor for sparse counts, which is not what they are to show."""
SPARSE_MEANS = (0.02, 0.05, 0.1, 0.3, 1.0)
SCHOOL = 5
Array = npt.NDArray[np.float64]
Make = Callable[[int, float, np.random.Generator], Array]


def ar1(n: int, phi: float, rng: np.random.Generator) -> Array:
    """Return Gaussian AR(1) around `LEVEL` with standard deviation 0.5."""
    noise = rng.normal(size=n + WARM_UP) * np.sqrt(1 - phi**2)
    series: Array = LEVEL + 0.5 * lfilter([1], [1, -phi], noise)[WARM_UP:]
    return series


def counts(n: int, phi: float, rng: np.random.Generator) -> Array:
    """Return Poisson counts with mean `MEAN` whose logarithmic intensity is AR(1) with standard deviation 0.7: fish in groups that stay."""
    noise = rng.normal(size=n + WARM_UP) * np.sqrt(1 - phi**2)
    log = 0.7 * lfilter([1], [1, -phi], noise)[WARM_UP:]
    series: Array = rng.poisson(MEAN * np.exp(log - 0.7**2 / 2)).astype(float)
    return series


def coverage(make: Make, n: int, phi: float, series: int, seed: int) -> tuple[float, float, float]:
    """Return share of intervals with the true mean in them, the same for blocks of one picture, and the median block."""
    rng = np.random.default_rng([seed, n, int(phi * 100)])
    hits, naive, blocks = 0, 0, []
    for k in range(series):
        values = make(n, phi, rng)
        blocks.append(block_length([values]))
        hits += _holds(values, blocks[-1], k, TRUTH[make])
        naive += _holds(values, 1, k, TRUTH[make])
    return hits / series, naive / series, float(np.median(blocks))


def _holds(values: Array, block: int, seed: int, truth: float) -> bool:
    found = mean_intervals(values, block=block, seed=seed, replicates=500)
    # A withheld interval holds nothing.
    return bool(found.low[0] <= truth <= found.high[0])


TRUTH: Final[dict[Make, float]] = {ar1: LEVEL, counts: MEAN}


def rows(make: Make, series: int, seed: int = 20261121) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield "| pictures | " + " | ".join(f"φ = {phi:g}" for phi in DEPENDENCE) + " |"
    yield "|---|" + "---|" * len(DEPENDENCE)
    for n in LENGTHS:
        cells = [coverage(make, n, phi, series, seed) for phi in DEPENDENCE]
        yield (
            f"| {n} | " + " | ".join(f"{100 * a:.1f} % ({100 * b:.1f} %; {c:g})" for a, b, c in cells) + " |"
        )


def pooled(make: Make, phi: float, days: int, seed: int = 3, pictures: int = 60) -> tuple[float, float]:
    """Return coverage of hours of so many pictures whose block was chosen from 20 such hours, as a run does it, and the median block."""
    rng, hits, blocks = np.random.default_rng(seed), [], []
    for k in range(days):
        hours = make(20 * pictures, phi, rng).reshape(20, pictures)
        blocks.append(block_length(list(hours)))
        found = _hours(hours, hours[:8], blocks[-1], k)
        hits += [bool(one.low[0] <= TRUTH[make] <= one.high[0]) for one in found if np.isfinite(one.low[0])]
    return float(np.mean(hits)), float(np.median(blocks))


def _hours(of_run: Array, chosen: Array, block: int, seed: int) -> list[MeanIntervals]:
    """Return intervals of hours of a run: how many are found at a time is learnt from all of them."""
    together = found_together([hour[:, None] for hour in of_run], [np.ones(of_run.shape[1])] * len(of_run))
    return [
        mean_intervals(hour, block=block, seed=seed, replicates=300, together=together) for hour in chosen
    ]


def sparse(mean: float, size: int, days: int, seed: int = 5) -> tuple[float, float, float]:
    """Return coverage of single hours of 60 pictures, of hours in a run of 20, and the share of hours without any find.

    Schools of `size` come at random, none depending on another; 8 hours of each run are looked at.
    """
    rng = np.random.default_rng([seed, size, int(1000 * mean)])
    alone: list[bool] = []
    together: list[bool] = []
    empty: list[bool] = []
    for k in range(days):
        hours: Array = size * rng.poisson(mean / size, size=(20, 60)).astype(np.float64)
        block = block_length(list(hours))
        for found, kept in (
            (
                [mean_intervals(one, block=block_length([one]), seed=k, replicates=300) for one in hours[:8]],
                alone,
            ),
            (_hours(hours, hours[:8], block, k), together),
        ):
            kept += [bool(one.low[0] <= mean <= one.high[0]) for one in found]
        empty += [not hour.any() for hour in hours]
    return float(np.mean(alone)), float(np.mean(together)), float(np.mean(empty))


def sparse_rows(days: int) -> Iterator[str]:
    """Yield the lines of the table of sparse counts."""
    yield "| found | " + " | ".join(f"mean {mean:g}" for mean in SPARSE_MEANS) + " |"
    yield "|---|" + "---|" * len(SPARSE_MEANS)
    for name, size in (("one at a time", 1), (f"schools of {SCHOOL}", SCHOOL)):
        cells = [sparse(mean, size, days) for mean in SPARSE_MEANS]
        for row, place in ((f"{name}, an hour alone", 0), (f"{name}, hour of a run of 20 h", 1)):
            yield (
                f"| {row} | "
                + " | ".join(f"{100 * one[place]:.1f} % ({100 * one[2]:.0f} %)" for one in cells)
                + " |"
            )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    given = parser.parse_args()
    print("\nSparse counts, 60 pictures: coverage (hours without any find)\n")
    print("\n".join(sparse_rows(given.series // 8)), flush=True)
    for title, make in (("AR(1)", ar1), ("Counts in groups that stay", counts)):
        print(f"\n{title}: coverage with blocks by the rule (with single pictures; median block)\n")
        print("\n".join(rows(make, given.series)), flush=True)
        for pictures in IN_A_RUN:
            cells = [pooled(make, phi, given.series // 16, pictures=pictures) for phi in DEPENDENCE]
            row = " | ".join(f"{100 * a:.1f} % (–; {b:g})" for a, b in cells)
            print(f"| {pictures}, block from 20 h | {row} |", flush=True)


if __name__ == "__main__":
    main()
