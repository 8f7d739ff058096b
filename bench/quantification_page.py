"""The page ``docs/explanation/corrected-counts-simulation.md``, made of the results of ``bench/quantification.py``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from bench.quantification_world import EXPECTED_IMAGES, SHARES, Array, Score

if TYPE_CHECKING:
    from bench.quantification import Results

_HEAD = """# Corrected counts: what a simulation with known truth says

Generated; do not edit. Made by

    OMP_NUM_THREADS=1 .tidelab/envs/dev/bin/python -m bench.quantification

on {date} (commit {commit}, {machine}, one core, {seconds:.0f} s; {simulations:,} simulations of a main scenario, {side:,} of a side scenario,
{replicates} bootstrap replicates, seed fixed). What the methods are and when they are not used: [corrected counts](corrected-counts.md).

## The water

Six classes, Gaussian clouds in six dimensions; the classifier is Bayes' rule at equal shares, names about 70 % of its test images rightly
and its probabilities are calibrated exactly. Each simulation draws the model's test images, then a new sample in which the classes
hold {shares} of the images, dealt out to the classes anew: far from the equal shares of training and test. The number of images is
Poisson with mean {images}. **The truth is the expected count of each class**, and an interval is right when it holds that number.
"""

_COVERAGE = """
## Coverage of the 95 % intervals, and the bias of raw counts

By share of the class in the water. "Coverage" shall lie between 90 and 98 %. "Error" is the mean error in images. *Raw* counts the names
and takes its interval from counting alone; *exact* corrects by PACC but takes the confusion between classes, measured on the test images,
as exact: its interval ignores that they are few.
"""

_EMQ = """
## PACC or EMQ?

EMQ is sharper where the probabilities are calibrated exactly. Where they are not, it is biased and its intervals fail, and more test
images do not help. Nobody knows how well a real model is calibrated on new water, so **PACC makes the counts, and EMQ stands beside them
as a check**. (EMQ: {emq} replicates.)
"""

_SAMPLES = """
## When samples differ from one another

As above with 100 test images a class, but the images of a class in one sample share a shift of their own (4 % of the variance within a
class); the test images come from 12 samples, drawn again as wholes. The new sample has a shift of its own too, which **no interval holds**: this is
part of what "what this interval does not cover" means.
"""

_UNKNOWN = """
## A class that the model was never shown

A seventh class, no further from the six than these from one another, is in the water and was in neither training nor test (100 test images a
class). Images further from the training classes than 99 % of the test images count as unidentified. Corrected counts are withheld when more
than 5 % of the images are, at least, of no known class: when more lie far out than the known classes can fill.

| images of known classes named rightly | share of the unknown class | corrected counts withheld | least share that no known class explains | images beyond the threshold |
|---|---|---|---|---|
{rows}

With classes as far apart as a usable model needs (upper rows), an unknown class that holds 20 % is noticed. Where the model names three of
ten images wrongly because its classes overlap (lower rows), an unknown class among them overlaps them as well, and is often **not** noticed;
so is a rare one. Its images are then counted as known classes: no interval holds this, and a random audit finds it.
"""

_AUDITS = """
## Audits

The same water; a person names some images, chosen at random. No held-out images and no assumption about the model are needed.
"""


def page(results: "Results", commit: str, date: str, machine: str) -> str:
    """Return the page as Markdown."""
    shares = ", ".join(f"{100 * share:.0f}" for share in SHARES) + " %"
    parts = [
        _HEAD.format(
            date=date, commit=commit, machine=machine, seconds=results.seconds, simulations=results.simulations, side=results.side,
            replicates=results.replicates, shares=shares, images=EXPECTED_IMAGES,
        )
    ]  # fmt: skip
    main = [(one, scores) for one, scores in results.corrected.items() if one.main]
    parts.append(_COVERAGE + _table(
        [(f"{one.per_class} test images, {_TITLES[name]}", scores[name]) for one, scores in main for name in ("PACC", "exact", "raw")]
    ))  # fmt: skip
    both = [(one, scores) for one, scores in results.corrected.items() if one.with_emq]
    if both:
        parts.append(_EMQ.format(emq=100) + _table(
            [(f"{one.name}; {one.per_class} test images, {name}", scores[name]) for one, scores in both for name in ("PACC", "EMQ")]
        ))  # fmt: skip
    differ = [(one, scores) for one, scores in results.corrected.items() if one.samples > 1]
    if differ:
        parts.append(
            _SAMPLES
            + _table([(f"{one.per_class} test images, PACC", scores["PACC"]) for one, scores in differ])
        )
    parts.append(_UNKNOWN.format(rows="\n".join(
        f"| {found.accuracy:.0%} | {share:.0%} | {found.withheld:.1%} | {found.bound:.1%} | {found.beyond:.1%} |"
        for (_, share), found in results.unknown.items()
    )))  # fmt: skip
    parts.append(_AUDITS + _table(
        [(f"{checked} checked, {name}", score) for checked, scores in results.audits.items() for name, score in scores.items()]
    ))  # fmt: skip
    return "".join(parts)


_TITLES = {"PACC": "**PACC**", "exact": "exact", "raw": "raw"}


def _table(rows: Sequence[tuple[str, Score]]) -> str:
    heads = [f"{100 * share:.0f} %" for share in SHARES]
    lines = [
        f"| coverage (error) for a class that holds | {' | '.join(heads)} | mean width |",
        "|---|" + "---|" * (len(heads) + 1),
    ]
    for name, score in rows:
        cells = [
            f"{100 * one:.1f} % ({_signed(bias)})"
            for one, bias in zip(score.coverage, score.bias, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {score.mean_width:.0f} |")
    return "\n" + "\n".join(lines) + "\n"


def _signed(value: float) -> str:
    return f"{value:+.1f}"


def within(coverage: Array, low: float = 0.90, high: float = 0.98) -> bool:
    """Whether every class's coverage lies within the limits that the project holds itself to."""
    return bool(np.all((coverage >= low) & (coverage <= high)))
