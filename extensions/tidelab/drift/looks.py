"""How images look beside whole known samples.

Values are taken around the mean of their class and turned into normal scores by their rank among the known ones, so that neither a bloom
nor a long tail moves them. Their mean finds a shift, the mean of their size another spread; what both do from sample to sample is a
random effect, estimated from the known samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.drift.distances import Names, Values
from tidelab.science.effect_size import SampleEffects

_TAILS: Final = 2
"""A shift and a spread are looked at for each statistic."""


@dataclass(frozen=True)
class Look:
    """One image statistic of a set of images.

    Parameters
    ----------
    shift
        In standard deviations of what normal samples of that size show; negative: lower than among the known images.
    p_value
        How often a normal sample is as far off, in place or in spread.
    beyond
        Less often than is allowed.
    """

    shift: float
    p_value: float
    beyond: bool


def matched_weights(labels: Names, known: Names, allowed: npt.NDArray[np.bool_] | None = None) -> Values:
    """Return a weight for each known image that gives the known ones the class shares of `labels`.

    Parameters
    ----------
    labels, known
        Classes of the new and of the known images.
    allowed
        Known images that may count; all when None. No class in common: each of them counts the same.
    """
    usable = np.ones(len(known), dtype=bool) if allowed is None else allowed
    names, codes = np.unique(np.concatenate([known, labels]), return_inverse=True)
    here = np.bincount(codes[len(known) :], minlength=len(names))
    there = np.bincount(codes[: len(known)][usable], minlength=len(names))
    weights = np.where(usable, (here / np.maximum(there, 1))[codes[: len(known)]], 0.0)
    return np.asarray(weights if weights.sum() > 0 else usable.astype(float))


@dataclass(frozen=True)
class KnownLook:
    """One image statistic of the known images.

    Parameters
    ----------
    labels
        Class of each known image.
    adjusted
        Values around the mean of their class, sorted.
    means
        Mean of each class; `mean` of all.
    place, spread
        How samples differ in the mean of the normal scores, and in the mean of their size.
    """

    labels: Names
    adjusted: Values
    means: dict[str, float]
    mean: float
    place: SampleEffects
    spread: SampleEffects

    @classmethod
    def make(
        cls, values: Values, labels: Names, samples: Names, counted: npt.NDArray[np.bool_]
    ) -> "KnownLook | None":
        """Learn from the known images; `counted` are those of samples that count. None for a statistic that is always the same."""
        names, codes = np.unique(labels, return_inverse=True)
        means = np.bincount(codes, weights=values) / np.bincount(codes)
        around = values - means[codes]
        if not np.ptp(around) > 0:
            return None
        ordered = np.sort(around)
        scores = _normal_scores(around, ordered)[counted]
        return cls(
            labels,
            ordered,
            dict(zip(names.tolist(), means.tolist(), strict=True)),
            float(values.mean()),
            SampleEffects.fit(scores, samples[counted]),
            SampleEffects.fit(np.abs(scores), samples[counted]),
        )

    def judge(
        self,
        values: Values,
        labels: Names,
        mix: Mapping[str, float],
        n_samples: float,
        allowed: float,
    ) -> Look:
        """Return how a set of images looks.

        Parameters
        ----------
        values, labels
            The statistic and the class of each image.
        mix
            Share of each class among the known images. The images are weighted to it: how much a sample moves one class is not how
            much it moves all, and a bloom would be read against samples of another mix.
        n_samples
            Effective number of samples they come from.
        allowed
            Chance that a normal set is called beyond.
        """
        middle = np.asarray([self.means.get(label, self.mean) for label in labels.tolist()])
        scores = _normal_scores(values - middle, self.adjusted)
        weights = _weights(labels, mix)
        extra = self._class_error(labels, weights)
        effective = 1 / float((weights**2).sum())
        shift, shift_p = self.place.predict(float(weights @ scores), effective, n_samples, extra)
        _, spread_p = self.spread.predict(float(weights @ np.abs(scores)), effective, n_samples, extra)
        p_value = min(1.0, _TAILS * min(shift_p, spread_p))
        return Look(shift, p_value, p_value <= allowed)

    def _class_error(self, labels: Names, weights: Values) -> float:
        """Return what the means of the classes are uncertain by, in images: large for a class that is hardly known."""
        names, codes = np.unique(labels, return_inverse=True)
        shares = np.bincount(codes, weights=weights)
        known = np.asarray([max(1, int(np.sum(self.labels == name))) for name in names.tolist()])
        return float((shares**2 / known).sum())


def _weights(labels: Names, mix: Mapping[str, float]) -> Values:
    """Return weights of sum 1 that give the images the mix, as far as they are of its classes; all equal when none is."""
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = np.asarray([mix.get(name, 0.0) for name in names.tolist()])[codes] / counts[codes]
    total = float(weights.sum())
    return np.asarray(weights / total) if total > 0 else np.full(len(labels), 1 / len(labels))


def _normal_scores(values: Values, known: Values) -> Values:
    """Return the normal score of each value's rank among the sorted known ones (van der Waerden); ties get their middle rank."""
    from scipy.special import ndtri

    below = np.searchsorted(known, values, side="left") + np.searchsorted(known, values, side="right")
    return np.asarray(ndtri((below / 2 + 0.5) / (len(known) + 1)))
