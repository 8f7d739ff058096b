"""Drift check of Tidelab against plain Frouros with its permutation callback, in one run.

    .tidelab/envs/analyse/bin/python bench/drift.py --images 1000 --dimensions 64 --permutations 100

Both compute the unbiased MMD with the same RBF kernel width and the same number of permutations, on the same two pairs of
samples (one pair alike, one shifted); both must decide the same. Each runs on one core, and the ratio is that of processor
seconds (children included), so that other work on the machine does not enter; seconds by the clock stand beside it. Frouros is given the median-heuristic width, which it does not choose itself: with its default width of 1 it finds
nothing at this dimension.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from frouros.callbacks import PermutationTestDistanceBased
from frouros.detectors.data_drift import MMD
from frouros.utils.kernels import rbf_kernel
from threadpoolctl import threadpool_limits

from tidelab.drift import DriftSettings, Reference, assess
from tidelab.drift.detectors import mmd_test
from tidelab.science.two_sample import median_heuristic


def plain_frouros(
    reference: Any, images: Any, permutations: int, seed: int, jobs: int
) -> tuple[float, float]:
    """Return statistic and p-value as Frouros' own callback gives them."""
    sigma = median_heuristic(np.concatenate([reference, images]), seed=seed)
    callback = PermutationTestDistanceBased(
        num_permutations=permutations, num_jobs=jobs, method="conservative", random_state=seed
    )
    detector = MMD(kernel=partial(rbf_kernel, sigma=sigma), callbacks=callback)
    detector.fit(X=reference.astype(np.float64))
    result, logs = detector.compare(X=images.astype(np.float64))
    return float(result.distance), float(logs[callback.name]["p_value"])


def timed(function: Callable[[], tuple[float, float]]) -> tuple[float, float, tuple[float, float]]:
    """Return seconds by the clock, processor seconds, and the result of one call."""
    start, busy = time.perf_counter(), _processor_seconds()
    result = function()
    return time.perf_counter() - start, _processor_seconds() - busy, result


def _processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _whole_verdict(embeddings: Any, settings: DriftSettings, rng: Any) -> float:
    """Return processor seconds of a whole verdict: reference samples left out in turn, six image statistics, and the permutations."""
    n = len(embeddings)
    looks, labels = rng.normal(size=(2, n, 6)), [f"class {i % 6}" for i in range(n)]
    names = [f"look_{i}" for i in range(6)]
    samples = [f"sample {i * 25 // n}" for i in range(n)]
    reference = Reference.build(embeddings, pd.DataFrame(looks[0], columns=names), labels, samples)
    images = rng.normal(size=embeddings.shape).astype(np.float32)
    start = _processor_seconds()
    verdict = assess(images, pd.DataFrame(looks[1], columns=names), labels, reference, settings)
    spent = _processor_seconds() - start
    if n >= 250 and verdict.state == "grey":
        raise SystemExit(f"the verdict was not reached: {verdict.reasons[0]}")
    return spent


def main() -> None:
    """Measure, compare the decisions, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000, help="images on each side")
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--permutations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="processes that Frouros may use")
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="of the fast side, before and after the slow one; the median counts",
    )
    parser.add_argument("--seed", type=int, default=20240501)
    arguments = parser.parse_args()
    n, d, permutations, seed = arguments.images, arguments.dimensions, arguments.permutations, arguments.seed
    level = 0.01 if permutations >= 99 else 1 / (permutations + 1)

    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(n, d)).astype(np.float32)
    settings = DriftSettings(permutations=max(99, permutations), seed=seed, maximum_images=max(100, n))
    # Fewer than the 99 permutations that a declaration may ask for, where Frouros would take too long.
    settings = settings.model_copy(update={"permutations": permutations})
    mmd_test(
        reference[:50], reference[50:100], settings
    )  # imports and the first matrix product are no part of it

    rows = {}
    threadpool_limits(limits=1)
    for name, shift in (("alike", 0.0), ("shifted", 0.1)):
        images = (rng.normal(size=(n, d)) + shift).astype(np.float32)
        before = [timed(lambda x=images: mmd_test(x, reference, settings)) for _ in range(arguments.repeats)]
        theirs_clock, theirs_cpu, (theirs, theirs_p) = timed(
            lambda x=images: plain_frouros(reference, x, permutations, seed, arguments.jobs)
        )
        after = [timed(lambda x=images: mmd_test(x, reference, settings)) for _ in range(arguments.repeats)]
        ours_clock, ours_cpu = (float(np.median([run[i] for run in before + after])) for i in (0, 1))
        ours, ours_p = before[0][2]
        if abs(ours - theirs) > 1e-6:
            raise SystemExit(f"{name}: the statistics differ, {ours} against {theirs}")
        if (ours_p <= level) != (theirs_p <= level):
            raise SystemExit(
                f"{name}: the decisions at p <= {level:g} differ, p = {ours_p} against {theirs_p}"
            )
        rows[name] = {
            "decision": "drift" if ours_p <= level else "no drift",
            "mmd2": round(ours, 6),
            "p_tidelab": round(ours_p, 4),
            "p_frouros": round(theirs_p, 4),
            "clock_seconds": {"tidelab": round(ours_clock, 3), "frouros": round(theirs_clock, 3)},
            "processor_seconds": {"tidelab": round(ours_cpu, 3), "frouros": round(theirs_cpu, 3)},
            "ratio": round(theirs_cpu / ours_cpu, 1),
        }
    whole = _whole_verdict(reference, settings, rng)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps(
            {
                "n": f"{n} + {n}",
                "dimensions": d,
                "permutations": permutations,
                "frouros_jobs": arguments.jobs,
                "cases": rows,
                "ratio": min(row["ratio"] for row in rows.values()),
                "whole_verdict_processor_seconds": round(whole, 3),
                "ratio_whole_verdict": round(
                    min(row["processor_seconds"]["frouros"] for row in rows.values()) / whole, 1
                ),
                "peak_mb_of_this_process": peak,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
