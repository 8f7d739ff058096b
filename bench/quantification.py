"""Simulate counts with known truth: how often intervals hold, what raw counts get wrong, when corrections are withheld.

Writes ``docs/explanation/corrected-counts-simulation.md``, the figures that the documentation quotes (some minutes on one core):

    OMP_NUM_THREADS=1 .tidelab/envs/dev/bin/python -m bench.quantification

``--quick`` prints rough figures and writes nothing; the unit tests run it.
"""

import argparse
import datetime
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.quantification_world import (
    EXPECTED_IMAGES,
    SEPARATION,
    SHARES,
    Array,
    Score,
    Scores,
    Tested,
    World,
)

from tidelab import paths
from tidelab.catalogue.estimation import Estimation
from tidelab.runs.validation.audits import allocate
from tidelab.science.audit_estimators import prediction_powered, stratified_totals
from tidelab.science.quantification import (
    Labelled,
    class_means,
    emq,
    outputs,
    pacc,
    percentile_interval,
    resampled_counts,
    resampled_means,
    with_counting_error,
)
from tidelab.science.unidentified import unexplained

SEED = 20240501
TEST_IMAGES = (20, 100, 1000)
AUDITS = (50, 150)
UNKNOWN = (0.0, 0.05, 0.1, 0.2)
SEPARATIONS = (4.0, SEPARATION)
"""How far apart the classes lie where one of them is unknown."""
PAGE = "docs/explanation/corrected-counts-simulation.md"
_EMQ_REPLICATES = 100


@dataclass(frozen=True, eq=False)
class Scenario:
    """One model and many new samples.

    Parameters
    ----------
    name
        In words.
    world
        Where it happens.
    per_class
        Held-out test images of each class.
    samples
        Samples that these come from; 1: not known.
    with_emq
        Whether EMQ is scored too; its replicates are slow.
    main
        Whether it has the full number of simulations.
    """

    name: str
    world: World
    per_class: int
    samples: int = 1
    with_emq: bool = False
    main: bool = False


SCENARIOS = (
    *(Scenario("as assumed", World.make(), n, main=True) for n in TEST_IMAGES),
    *(Scenario("as assumed, with EMQ", World.make(), n, with_emq=True) for n in (20, 1000)),
    *(Scenario("probabilities too sure of themselves", World.make(temperature=0.6), n, with_emq=True) for n in (20, 1000)),
    Scenario("samples differ by 4 % of the variance", World.make(sample_spread=0.2), 100, samples=12),
)  # fmt: skip


def new_sample(scores: Scores, scenario: Scenario, rng: np.random.Generator, replicates: int) -> None:
    """Draw a model's held-out images and a new sample; score every estimator of its expected counts."""
    tested = Tested.of(scenario.world, scenario.per_class, rng, scenario.samples)
    k, shares = scenario.world.n_classes, rng.permutation(SHARES)
    _, embeddings = scenario.world.water(shares, rng)
    said = scenario.world.probabilities(embeddings)
    sample = outputs(said, tested.beyond(embeddings))
    means = class_means(tested.labelled)
    value = len(sample) * pacc(means, sample)
    spread = resampled_counts(sample, resampled_means(tested.labelled, replicates, rng), rng)
    exact = resampled_counts(sample, np.repeat(means[None], replicates, axis=0), rng)
    named = np.append(np.bincount(said.argmax(axis=1), minlength=k), 0).astype(float)
    found = {
        "PACC": (value, *with_counting_error(value, *percentile_interval(spread))),
        "exact": (value, *with_counting_error(value, *percentile_interval(exact))),
        "raw": (named, *with_counting_error(named, named, named)),
    }
    if scenario.with_emq:
        found["EMQ"] = _emq(tested.labelled, sample, rng)
    for name, columns in found.items():
        scores.setdefault(name, Score()).add(EXPECTED_IMAGES * shares, *(column[:k] for column in columns))


def _emq(labelled: Labelled, sample: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return EMQ's counts with percentiles of replicates of labelled set and sample, which have no shortcut."""
    n, drawn = len(sample), []
    for _ in range(_EMQ_REPLICATES):
        parts = [np.flatnonzero(labelled.truth == label) for label in range(labelled.n_classes)]
        rows = np.concatenate([rng.choice(part, size=len(part)) for part in parts])
        again = Labelled(labelled.outputs[rows], labelled.truth[rows], labelled.clusters[rows])
        size = max(1, int(rng.poisson(n)))
        drawn.append(size * emq(again, sample[rng.integers(n, size=size)]))
    value = n * emq(labelled, sample)
    return value, *with_counting_error(value, *percentile_interval(np.array(drawn)))


@dataclass(frozen=True)
class Unknown:
    """What happens when a class that the model was never shown is in the water.

    Parameters
    ----------
    withheld
        Share of simulations in which corrected counts are withheld.
    bound
        Mean of the least share of images that no known class explains.
    beyond
        Mean share of images beyond the threshold.
    accuracy
        Mean share of images of known classes that are named rightly.
    """

    withheld: float
    bound: float
    beyond: float
    accuracy: float


def unknown_class(separation: float, share: float, simulations: int, rng: np.random.Generator) -> Unknown:
    """Leave the last of seven classes out of training and test; it lies no further from the others than they from one another."""
    seven, limit = World.make(SHARES.size + 1, separation=separation), Estimation().unexplained_share
    known = World(seven.centres[:-1])
    bounds, beyond, right = [], [], []
    for _ in range(simulations):
        tested = Tested.of(known, 100, rng)
        truth, embeddings = seven.water(np.append(rng.permutation(SHARES) * (1 - share), share), rng)
        said, far = known.probabilities(embeddings), tested.beyond(embeddings)
        shares = pacc(class_means(tested.labelled), outputs(said, far))[:-1]
        found = unexplained(
            tested.centres.distance(embeddings), tested.distances, tested.labelled.truth, shares
        )
        bounds.append(found.share)
        beyond.append(far.mean())
        right.append((said.argmax(axis=1) == truth)[truth < SHARES.size].mean())
    return Unknown(
        float(np.mean(np.array(bounds) > limit)),
        float(np.mean(bounds)),
        float(np.mean(beyond)),
        float(np.mean(right)),
    )


def audited(scores: Scores, checked: int, rng: np.random.Generator, draws: int) -> None:
    """Draw a new sample and an audit of each design; score their estimators."""
    world = World.make()
    k, shares = world.n_classes, rng.permutation(SHARES)
    truth, embeddings = world.water(shares, rng)
    said = world.probabilities(embeddings)
    strata = [rows for label in range(k) if len(rows := np.flatnonzero(said.argmax(axis=1) == label))]
    drawn = [rng.choice(rows, size=size, replace=False) for rows, size in zip(strata, allocate([len(rows) for rows in strata], checked), strict=True)]  # fmt: skip
    seen = [np.bincount(truth[rows], minlength=k) for rows in drawn]
    belief = [said[rows].mean(axis=0) for rows in strata]
    by_stratum = stratified_totals(seen, [len(rows) for rows in strata], belief, draws=draws, rng=rng)
    chosen = rng.choice(len(truth), size=checked, replace=False)
    powered = prediction_powered(np.eye(k)[truth[chosen]], said[chosen], said, draws=draws, rng=rng)
    for name, totals in (("stratified", by_stratum), ("prediction-powered", powered)):
        scores.setdefault(name, Score()).add(EXPECTED_IMAGES * shares, totals.value, totals.low, totals.high)


@dataclass(frozen=True)
class Results:
    """Everything that the page says."""

    corrected: dict[Scenario, Scores]
    unknown: dict[tuple[float, float], Unknown]
    audits: dict[int, Scores]
    simulations: int
    side: int
    replicates: int
    seconds: float


def simulate(
    simulations: int,
    side: int,
    replicates: int,
    *,
    scenarios: Sequence[Scenario] = SCENARIOS,
    report: Callable[[str], None] = lambda _: None,
) -> Results:
    """Run every scenario.

    Parameters
    ----------
    simulations, side
        Of the main scenarios and of the audits; of the others.
    replicates
        Bootstrap replicates of an interval.
    scenarios
        Of corrected counts.
    report
        Told what is going on.
    """
    began, corrected, audits = time.monotonic(), {}, {}
    for number, scenario in enumerate(scenarios):
        rng, scores = np.random.default_rng([SEED, number]), Scores()
        for _ in range(simulations if scenario.main else side):
            new_sample(scores, scenario, rng, replicates)
        corrected[scenario] = scores
        report(f"{scenario.name}, {scenario.per_class} test images: {scores['PACC'].coverage.round(3)}")
    unknown = {
        (separation, share): unknown_class(separation, share, side, np.random.default_rng([SEED, 100, place]))
        for separation in SEPARATIONS
        for place, share in enumerate(UNKNOWN)
    }
    report(f"unknown class: {unknown}")
    for checked in AUDITS:
        rng, scores = np.random.default_rng([SEED, 200, checked]), Scores()
        for _ in range(simulations):
            audited(scores, checked, rng, replicates)
        audits[checked] = scores
    return Results(corrected, unknown, audits, simulations, side, replicates, time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the page."""
    from bench.quantification_page import page

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=500)
    parser.add_argument("--side", type=int, default=100, help="simulations of the side scenarios")
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument(
        "--quick", action="store_true", help="rough figures on the screen, nothing is written"
    )
    parser.add_argument("--out", type=Path, default=paths.checkout() / PAGE)
    options = parser.parse_args(arguments)
    if options.quick:
        options.simulations, options.side, options.replicates = 60, 20, 200
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=paths.checkout()
    ).stdout.strip()
    results = simulate(
        options.simulations, options.side, options.replicates, report=lambda line: print(line, file=sys.stderr, flush=True)
    )  # fmt: skip
    text = page(results, commit, datetime.datetime.now(datetime.UTC).date().isoformat(), platform.machine())
    if options.quick:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")
        print(f"{options.out} written in {results.seconds:.0f} s")


if __name__ == "__main__":
    main()
