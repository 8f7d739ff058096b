"""Simulate challengers whose quality is known, and count which of them the rule recommends as champion.

    OMP_NUM_THREADS=1 .tidelab/envs/dev/bin/python bench/promotion.py --write

writes the table into docs/explanation/evaluation.md. Two models name the same images; what makes an image hard, and what makes a
sample hard, is hard for both (share `SHARED` of the variance), so that their errors coincide as those of two networks trained on
nearly the same images do. ``--quick`` is the same with few repeats.
"""

import argparse
import datetime
import platform
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tidelab import paths
from tidelab.science.comparison import holm
from tidelab.science.recommendation import DEFAULT, Judgement, Rule, judge

CLASSES, PER_CLASS, SAMPLES = 6, 100, 20
BASE = (0.70, 0.75, 0.80, 0.80, 0.85, 0.90)
"""Recall of the champion, class by class."""
CORRELATION = 0.8
"""Of the two models' difficulty of an image. Measured on the published FlowCam images (bench/retrain.py, tetrachoric): 0.93 between two
networks, 0.6 to 0.7 between a network and the forest."""
BETWEEN_SAMPLES = 0.05
"""Share of the variance of the difficulty that lies between samples, for what both models share and for what they do not."""
REPEATS, SEED, RESAMPLES = 1000, 20261, 400
START, END = "<!-- promotion: begin -->", "<!-- promotion: end -->"

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scenario:
    """Challengers of one kind."""

    name: str
    gain: tuple[float, ...]
    per_class: int = PER_CLASS
    samples: int = SAMPLES
    known: bool = True
    at_most: float | None = None
    at_least: float | None = None
    looks: int = 1
    correlation: float = CORRELATION
    recall: tuple[float, ...] = field(default=BASE)


def _one(k: int, value: float, others: float) -> tuple[float, ...]:
    return tuple(value if j == k else others for j in range(CLASSES))


EVEN = (0.0,) * CLASSES
SCENARIOS = (
    Scenario("equal", EVEN, at_most=0.05),
    Scenario("equal, samples not known", EVEN, known=False),
    Scenario("equal, 8 samples", EVEN, samples=8, at_most=0.05),
    Scenario("equal, 40 images a class", EVEN, per_class=40, at_most=0.05),
    Scenario("equal, the best of 5 tried on one test set", EVEN, looks=5, at_most=0.05),
    Scenario("better by 5 points in every class", (0.05,) * CLASSES, at_least=0.8),
    Scenario("better by 5 points, correlation 0.6", (0.05,) * CLASSES, correlation=0.6),
    Scenario("better by 5 points, correlation 0.93", (0.05,) * CLASSES, correlation=0.93),
    Scenario("better by 3 points in every class", (0.03,) * CLASSES),
    Scenario("better by 5 points, 40 images a class", (0.05,) * CLASSES, per_class=40),
    Scenario("better by 5 points, 8 samples", (0.05,) * CLASSES, samples=8),
    Scenario("better by 8 points in five classes, 10 worse in one", _one(3, -0.10, 0.08)),
    Scenario("better by 8 points in five classes, 15 worse in one", _one(3, -0.15, 0.08)),
    Scenario(
        "better by 30 points in five classes, one never found",
        _one(3, -0.60, 0.30),
        recall=(0.60,) * CLASSES,
        at_most=0.0,
    ),
    Scenario(
        "the same, 20 images a class",
        _one(3, -0.60, 0.30),
        recall=(0.60,) * CLASSES,
        per_class=20,
        at_most=0.0,
    ),
    Scenario("worse by 5 points in every class", (-0.05,) * CLASSES, at_most=0.01),
)


def draw(
    scenario: Scenario, rng: np.random.Generator, challengers: int = 1
) -> tuple[Indices, list[Indices], Indices, list[str]]:
    """Return truth, the names that each of `challengers` gives, those of the champion, and the sample of each image."""
    truth = np.repeat(np.arange(CLASSES), scenario.per_class)
    n = len(truth)
    # Blooms: each sample has its own shares of the classes.
    shares = rng.dirichlet(np.ones(scenario.samples), size=CLASSES)
    sample = np.concatenate([rng.choice(scenario.samples, scenario.per_class, p=row) for row in shares])
    confused = rng.integers(1, CLASSES, n)

    def difficulty() -> npt.NDArray[np.float64]:
        of_sample = rng.normal(size=scenario.samples)[sample]
        return np.sqrt(1 - BETWEEN_SAMPLES) * rng.normal(size=n) + np.sqrt(BETWEEN_SAMPLES) * of_sample

    shared = difficulty()

    def names(recall: npt.NDArray[np.float64]) -> Indices:
        hard = np.sqrt(scenario.correlation) * shared + np.sqrt(1 - scenario.correlation) * difficulty()
        right = hard < norm.ppf(np.clip(recall, 1e-9, 1 - 1e-9))[truth]
        return np.where(right, truth, (truth + confused) % CLASSES)

    base = np.array(scenario.recall)
    found = [names(base + np.array(scenario.gain)) for _ in range(challengers)]
    return truth, found, names(base), [str(one) for one in sample]


def strict(found: Judgement, rule: Rule = DEFAULT) -> bool:
    """Return what the textbook rule says: better, and every class shown to have lost less F1 than the margin (Holm)."""
    p_values = holm([one.differences["F1"].p_above(-rule.margin) for one in found.groups])
    return found.better and max(p_values) < rule.group_level


@dataclass(frozen=True)
class Outcome:
    """What became of the challengers of one scenario: shares of the repeats, and the mean difference of macro F1."""

    scenario: Scenario
    repeats: int
    recommended: float
    strict: float
    difference: float

    @property
    def held(self) -> bool:
        """Whether the scenario's bound holds."""
        low, high = self.scenario.at_least, self.scenario.at_most
        return (low is None or self.recommended >= low) and (high is None or self.recommended <= high)


def simulate(scenario: Scenario, repeats: int, seed: int = SEED) -> Outcome:
    """Draw challengers of a scenario and count those that the rule, and the strict one, recommend."""
    rng = np.random.default_rng([seed, zlib.crc32(scenario.name.encode())])
    labels = [f"class {k}" for k in range(CLASSES)]
    totals = np.zeros(3)
    for _ in range(repeats):
        truth, challengers, champion, samples = draw(scenario, rng, scenario.looks)
        known = samples if scenario.known else None
        judged = [
            judge(truth, one, champion, labels, samples=known, look=look, resamples=RESAMPLES)
            for look, one in enumerate(challengers, 1)
        ]
        totals += [
            any(one.recommended for one in judged),
            any(strict(one) for one in judged),
            float(np.mean([one.primary.value for one in judged])),
        ]
    recommended, by_strict, difference = (float(one) for one in totals / repeats)
    return Outcome(scenario, repeats, recommended, by_strict, difference)


def quick(repeats: int = 40) -> list[Outcome]:
    """Simulate the scenarios with a bound in a second or two."""
    names = (
        "equal",
        "better by 5 points in every class",
        "better by 30 points in five classes, one never found",
        "the same, 20 images a class",
    )
    return [simulate(one, repeats) for one in SCENARIOS if one.name in names]


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the documentation."""
    lines = [
        "| challenger | images a class, samples | mean difference of macro F1 | recommended | must be | textbook rule |",
        "|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        kind = one.scenario
        bound = (
            f"at most {kind.at_most:.0%}"
            if kind.at_most is not None
            else f"at least {kind.at_least:.0%}"
            if kind.at_least is not None
            else ""
        )
        samples = str(kind.samples) if kind.known else f"{kind.samples}, not known"
        lines.append(
            f"| {kind.name} | {kind.per_class}, {samples} | {one.difference:+.3f} | {one.recommended:.1%} | {bound} | {one.strict:.1%} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Simulate, print the table, say whether every bound holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--quick", action="store_true", help="three scenarios, 40 repeats")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/explanation/evaluation.md"
    )
    options = parser.parse_args(arguments)
    began = time.monotonic()
    outcomes = quick() if options.quick else [simulate(one, options.repeats) for one in SCENARIOS]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=paths.checkout(),
        check=True,
    ).stdout.strip()
    how = (
        f"`python bench/promotion.py{' --quick' if options.quick else ''}`, {outcomes[0].repeats} repeats of each, "
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, commit {commit}, {time.monotonic() - began:.0f} s on one core of {platform.machine()}."
    )
    text = f"{table(outcomes)}\n\n{how}"
    print(text)
    if options.write:
        page = paths.checkout() / "docs" / "explanation" / "evaluation.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(START)
        page.write_text(f"{before}{START}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    broken = [one.scenario.name for one in outcomes if not one.held]
    print("Bounds that do not hold: " + "; ".join(broken) if broken else "Every bound holds.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
