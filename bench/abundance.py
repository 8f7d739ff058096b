"""Do intervals of the block bootstrap hold? Series with known mean and known dependence; prints the tables of the docs.

Run ``python bench/abundance.py``; ``--series`` says how many series a cell (1000 in the docs).
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scipy.signal import lfilter

from tidelab.science.block_bootstrap import block_length, mean_intervals

DEPENDENCE = (0.0, 0.3, 0.6, 0.8, 0.9)
LENGTHS = (60, 240, 720)
MEAN = 2.0
WARM_UP = 300
Make = Callable[[int, float, np.random.Generator], np.ndarray]


def ar1(n: int, phi: float, rng: np.random.Generator) -> np.ndarray:
    """Return Gaussian AR(1) around `MEAN` with standard deviation 0.5."""
    noise = rng.normal(size=n + WARM_UP) * np.sqrt(1 - phi**2)
    return MEAN + 0.5 * lfilter([1], [1, -phi], noise)[WARM_UP:]


def counts(n: int, phi: float, rng: np.random.Generator) -> np.ndarray:
    """Return Poisson counts with mean `MEAN` whose logarithmic intensity is AR(1) with standard deviation 0.7: fish in groups that stay."""
    noise = rng.normal(size=n + WARM_UP) * np.sqrt(1 - phi**2)
    log = 0.7 * lfilter([1], [1, -phi], noise)[WARM_UP:]
    return rng.poisson(MEAN * np.exp(log - 0.7**2 / 2)).astype(float)


def coverage(make: Make, n: int, phi: float, series: int, seed: int) -> tuple[float, float, float]:
    """Return share of intervals with the true mean in them, the same for blocks of one picture, and the median block."""
    rng = np.random.default_rng([seed, n, int(phi * 100)])
    hits, naive, blocks = 0, 0, []
    for k in range(series):
        values = make(n, phi, rng)
        blocks.append(block_length([values]))
        hits += _holds(values, blocks[-1], k)
        naive += _holds(values, 1, k)
    return hits / series, naive / series, float(np.median(blocks))


def _holds(values: np.ndarray, block: int, seed: int) -> bool:
    found = mean_intervals(values, block=block, seed=seed, replicates=500)
    # A withheld interval holds nothing.
    return bool(found.low[0] <= MEAN <= found.high[0])


def rows(make: Make, series: int, seed: int = 20261121) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield "| pictures | " + " | ".join(f"φ = {phi:g}" for phi in DEPENDENCE) + " |"
    yield "|---|" + "---|" * len(DEPENDENCE)
    for n in LENGTHS:
        cells = [coverage(make, n, phi, series, seed) for phi in DEPENDENCE]
        yield (
            f"| {n} | " + " | ".join(f"{100 * a:.1f} % ({100 * b:.1f} %; {c:g})" for a, b, c in cells) + " |"
        )


def pooled(make: Make, phi: float, days: int, seed: int = 3) -> tuple[float, float]:
    """Return coverage of hours of 60 pictures whose block was chosen from 20 such hours, as a run does it, and the median block."""
    rng, hits, blocks = np.random.default_rng(seed), [], []
    for k in range(days):
        hours = make(20 * 60, phi, rng).reshape(20, 60)
        blocks.append(block_length(list(hours)))
        found = [mean_intervals(hour, block=blocks[-1], seed=k, replicates=300) for hour in hours[:8]]
        hits += [bool(one.low[0] <= MEAN <= one.high[0]) for one in found if np.isfinite(one.low[0])]
    return float(np.mean(hits)), float(np.median(blocks))


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    given = parser.parse_args()
    for title, make in (("AR(1)", ar1), ("Counts in groups that stay", counts)):
        print(f"\n{title}: coverage with blocks by the rule (with single pictures; median block)\n")
        print("\n".join(rows(make, given.series)), flush=True)
        cells = [pooled(make, phi, given.series // 16) for phi in DEPENDENCE]
        print(
            "| 60, block from 20 h | " + " | ".join(f"{100 * a:.1f} % (–; {b:g})" for a, b in cells) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
