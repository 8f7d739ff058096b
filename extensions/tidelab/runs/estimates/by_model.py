"""Counts corrected with the labelled images that travel with the model: PACC, with EMQ as a check."""

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tidelab.runs.estimates import words
from tidelab.runs.estimates.evidence import Evidence, NoCorrection, Rows
from tidelab.science.class_distance import Threshold
from tidelab.science.quantification import (
    Labelled,
    class_means,
    clusters_of,
    emq,
    outputs,
    pacc,
    percentile_interval,
    resampled_counts,
    resampled_means,
    with_counting_error,
)
from tidelab.science.unidentified import Unexplained, unexplained


@dataclass(frozen=True, eq=False)
class Corrected:
    """Counts of the model's classes and, last, of the unidentified images; shape ``(k + 1,)`` each."""

    value: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    check: npt.NDArray[np.float64]


class ByModel:
    """The correction of one run; what does not depend on the sample is computed once.

    Parameters
    ----------
    evidence
        Of the run; `NoCorrection` when something that the correction needs is missing.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        held, settings = evidence.held_out, evidence.settings
        self.threshold: Threshold = held.threshold(settings.beyond_quantile)
        known = held.truth >= 0
        self.labelled = Labelled(
            outputs(held.probabilities[known], held.distances[known] > self.threshold.distance),
            held.truth[known],
            _numbers([one for one, is_known in zip(held.sample_ids, known, strict=True) if is_known]),
        )
        self.beyond: Rows = evidence.distances > self.threshold.distance
        self.outputs = outputs(evidence.probabilities, self.beyond)
        self.few = held.per_class < settings.minimum_test_images

    @cached_property
    def means(self) -> npt.NDArray[np.float64]:
        """Mean output of each class."""
        return class_means(self.labelled)

    @cached_property
    def drawn_means(self) -> npt.NDArray[np.float64]:
        """The same of labelled sets drawn again."""
        settings = self.evidence.settings
        return resampled_means(self.labelled, settings.replicates, np.random.default_rng([settings.seed, 0]))

    @property
    def unit(self) -> str:
        """What is drawn again, in words."""
        by_sample = sum(
            clusters_of(self.labelled.clusters[self.labelled.truth == label]) is not None
            for label in range(self.labelled.n_classes)
        )
        if by_sample == self.labelled.n_classes:
            return "whole samples"
        return (
            f"whole samples for {by_sample} of {self.labelled.n_classes} classes, single images for the others"
            if by_sample
            else "single images"
        )

    def objections(self, rows: Rows, where: str) -> list[str]:
        """Return why the images at `rows` must not be corrected, in words; empty when nothing stands against it."""
        settings, n = self.evidence.settings, int(rows.sum())
        reasons = []
        if n < settings.minimum_images:
            reasons.append(words.too_few_images(n, settings.minimum_images, where))
        found = self.unexplained(rows)
        if found.share > settings.unexplained_share:
            reasons.append(words.too_far(found, settings.unexplained_share))
        share = self._untested_share(rows)
        if share > settings.rare_share:
            labels = [label for label, few in zip(self.evidence.model_labels, self.few, strict=True) if few]
            reasons.append(
                words.untested_share(labels, share, settings.rare_share, settings.minimum_test_images)
            )
        return reasons

    def unexplained(self, rows: Rows) -> Unexplained:
        """Return the least share of the images at `rows` that is of no known class."""
        if not rows.any():
            return Unexplained(0.0, 0.0, 0.0)
        held = self.evidence.held_out
        known = held.truth >= 0
        shares = pacc(self.means, self.outputs[rows])[:-1]
        return unexplained(self.evidence.distances[rows], held.distances[known], held.truth[known], shares)

    def _untested_share(self, rows: Rows) -> float:
        """Return the share of classes with too few test images, by names or by probabilities, whichever is larger."""
        chosen = self.evidence.probabilities[rows]
        if not len(chosen) or not self.few.any():
            return 0.0
        return float(max(self.few[chosen.argmax(axis=1)].mean(), chosen[:, self.few].sum(axis=1).mean()))

    def correct(self, rows: Rows, sample_id: str) -> Corrected:
        """Return corrected counts of the images at `rows`; the random draws depend on the seed and on `sample_id` alone."""
        sample, n = self.outputs[rows], int(rows.sum())
        seed = [self.evidence.settings.seed, 1, zlib.crc32(sample_id.encode())]
        drawn = resampled_counts(sample, self.drawn_means, np.random.default_rng(seed))
        value = n * pacc(self.means, sample)
        low, high = with_counting_error(value, *percentile_interval(drawn))
        return Corrected(value, low, high, n * emq(self.labelled, sample))

    def method_words(self) -> str:
        """Return how it was computed, with citations."""
        from importlib.metadata import version

        settings, n = self.evidence.settings, len(self.beyond)
        bootstrap = words.BOOTSTRAP.format(
            replicates=settings.replicates,
            labelled=f"{len(self.labelled.truth):,}",
            unit=self.unit,
            seed=settings.seed,
        )
        beyond = int(self.beyond.sum())
        return words.PACC.format(
            version=version("quapy"), bootstrap=bootstrap, quantile=settings.beyond_quantile, beyond=f"{beyond:,}", images=f"{n:,}",
            share=beyond / max(n, 1), expected=self.threshold.expected_share,
        )  # fmt: skip


def by_model(evidence: Evidence) -> ByModel:
    """Return the correction of a run; raises `NoCorrection` with the reason in words."""
    verdict = evidence.verdict
    if verdict is not None and verdict.state == "red":
        raise NoCorrection(words.red(verdict.headline))
    return ByModel(evidence)


def _numbers(names: list[str]) -> npt.NDArray[np.int64]:
    """Return sample names as numbers, -1 for an unknown one."""
    _, numbers = np.unique(np.asarray(names, dtype=np.str_), return_inverse=True)
    return np.where(np.asarray(names) == "", -1, numbers).astype(np.int64)
