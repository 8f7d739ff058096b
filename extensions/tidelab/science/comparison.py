"""Two classifiers on the same test images: whether one is better, and where it is worse.

The unit of evidence is the water sample: images of one sample share light, focus and bloom. Both classifiers are judged on the same
resampled samples, so what makes an image hard for both cancels out (Efron and Tibshirani, An introduction to the bootstrap, 1993,
chapter 13; Cameron, Gelbach and Miller, Bootstrap-based improvements for inference with clustered errors, Review of Economics and
Statistics 90(3), 2008). Percentiles of such a bootstrap are too narrow with few samples, so its standard error, corrected for the
number of samples ``G`` by ``sqrt(G / (G - 1))``, is used with Student's t of ``G - 1`` degrees of freedom. A class whose images all
come from one sample looks certain to a bootstrap over samples; therefore images are resampled within their class as well, and the
wider of the two intervals counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]

RESAMPLES: Final = 1000
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion in one measure.

    Parameters
    ----------
    challenger, champion
        The measure of each, 0 to 1.
    error
        Standard error of the difference; 0 where resampling never changes it.
    degrees
        Degrees of freedom of Student's t.
    """

    challenger: float
    champion: float
    error: float
    degrees: float

    @property
    def value(self) -> float:
        """The difference."""
        return self.challenger - self.champion

    def interval(self, confidence: float = _CONFIDENCE) -> tuple[float, float]:
        """Return the two-sided interval."""
        from scipy.stats import t as student

        half = float(student.ppf(0.5 + confidence / 2, self.degrees)) * self.error if self.error else 0.0
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """Return the one-sided p-value of "the difference is at most `bound`": small means that it lies above."""
        return self._tail(self.value - bound)

    def p_below(self, bound: float) -> float:
        """Return the one-sided p-value of "the difference is at least `bound`": small means that it lies below."""
        return self._tail(bound - self.value)

    def _tail(self, distance: float) -> float:
        from scipy.stats import t as student

        if not self.error:
            return 0.0 if distance > 0 else 1.0
        return float(student.sf(distance / self.error, self.degrees))


@dataclass(frozen=True, eq=False)
class Paired:
    """Two classifiers on the same images, with what is needed to judge the differences.

    Parameters
    ----------
    macro
        Macro F1 over the compared classes that have test images.
    f1, recall
        Of each class; None where it has no test image.
    n_images, n_samples
        Test images of each class, and the samples they come from (0 where samples are not known).
    hits_challenger, hits_champion
        Images of each class named rightly.
    """

    macro: Difference
    f1: tuple[Difference | None, ...]
    recall: tuple[Difference | None, ...]
    n_images: npt.NDArray[np.int64]
    n_samples: npt.NDArray[np.int64]
    hits_challenger: npt.NDArray[np.int64]
    hits_champion: npt.NDArray[np.int64]


def paired_f1(
    truth: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike,
    n_labels: int,
    *,
    samples: Sequence[str] | None = None,
    compared: Sequence[int] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Paired:
    """Compare two classifiers by F1, per class and in the mean over classes.

    Parameters
    ----------
    truth, challenger, champion
        Class indices of shape ``(n,)``: what the images are, and what each classifier named them.
    n_labels
        Number of classes.
    samples
        Sample of each image. With fewer than two samples, or None, images are resampled within each class and nothing else.
    compared
        Classes that enter the macro F1; all by default. Images of the others still count where they are named falsely.
    resamples, seed
        Bootstrap replicates and their seed.

    Raises
    ------
    ValueError
        Where there are no images, or none of a compared class.
    """
    true, first, second = (np.asarray(one, np.int64) for one in (truth, challenger, champion))
    if not len(true) or not len(true) == len(first) == len(second):
        raise ValueError(
            f"expected equally many images, at least one: {len(true)}, {len(first)}, {len(second)}"
        )
    n_images = np.bincount(true, minlength=n_labels)
    wanted = np.zeros(n_labels, bool)
    wanted[list(range(n_labels)) if compared is None else list(compared)] = True
    wanted &= n_images > 0
    if not wanted.any():
        raise ValueError("no test image of a class that is compared")
    rng = np.random.default_rng(seed)
    ones = np.ones((1, len(true)))
    ours, theirs = (_f1_and_recall(ones, true, one, n_labels)[:, 0] for one in (first, second))
    errors = _errors(*_by_image(true, first, second, resamples, rng), n_labels, wanted)
    degrees = np.append(np.tile(np.maximum(n_images - 1.0, 1.0), 2), max(len(true) - 1.0, 1.0))
    numbers, names = _numbered(samples)
    spread = np.array([len(np.unique(numbers[true == k])) if names else 0 for k in range(n_labels)])
    if names >= 2:
        weights = rng.multinomial(names, np.full(names, 1 / names), size=resamples).astype(float)
        by_sample = _errors(weights[:, numbers], true, first, second, n_labels, wanted)
        groups = np.append(np.tile(spread, 2), names)
        errors, degrees = _wider(errors, degrees, by_sample * _small(groups), np.maximum(groups - 1.0, 1.0))

    def differences(row: int) -> tuple[Difference | None, ...]:
        at = row * n_labels
        return tuple(
            Difference(
                float(ours[row, k]), float(theirs[row, k]), float(errors[at + k]), float(degrees[at + k])
            )
            if n_images[k]
            else None
            for k in range(n_labels)
        )

    means = ours[0, wanted].mean(), theirs[0, wanted].mean()
    return Paired(
        macro=Difference(float(means[0]), float(means[1]), float(errors[-1]), float(degrees[-1])),
        f1=differences(0),
        recall=differences(1),
        n_images=n_images,
        n_samples=spread,
        hits_challenger=np.bincount(true[first == true], minlength=n_labels),
        hits_champion=np.bincount(true[second == true], minlength=n_labels),
    )


def paired_share_right(
    right_challenger: npt.ArrayLike, right_champion: npt.ArrayLike, samples: Sequence[str] | None = None
) -> Difference:
    """Compare the shares of images named rightly, for example at one site.

    Parameters
    ----------
    right_challenger, right_champion
        Whether each classifier named each image rightly, shape ``(n,)``.
    samples
        Sample of each image. The standard error is that of a mean of sample totals (Cochran, Sampling techniques, 3rd edition 1977,
        section 11.8) or that of independent images, whichever is wider.
    """
    first, second = np.asarray(right_challenger, float), np.asarray(right_champion, float)
    n = len(first)
    if not n or n != len(second):
        raise ValueError(f"expected equally many images, at least one: {n} and {len(second)}")
    difference = first - second
    centred = difference - difference.mean()
    error, degrees = float(np.sqrt((centred**2).sum() / n / max(n - 1, 1))), max(n - 1.0, 1.0)
    numbers, names = _numbered(samples)
    if names >= 2:
        totals = np.bincount(numbers, weights=centred, minlength=names)
        clustered = float(np.sqrt((totals**2).sum() * names / (names - 1)) / n)
        wider = _wider(np.array([error]), np.array([degrees]), np.array([clustered]), np.array([names - 1.0]))
        error, degrees = float(wider[0][0]), float(wider[1][0])
    return Difference(float(first.mean()), float(second.mean()), error, degrees)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in their order (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, p_values[k] * (len(p_values) - rank)))
        adjusted[k] = largest
    return adjusted


def corrected_interval(
    differences: npt.ArrayLike, test_to_train: float, confidence: float = _CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of the mean difference over repeated cross-validation: the corrected resampled t-test.

    The trainings of different folds share images, so their results are not independent; the variance is enlarged by the ratio of test
    to training images (Nadeau, C. and Bengio, Y., Inference for the generalization error, Machine Learning 52, 2003; Bouckaert, R. R.
    and Frank, E., PAKDD 2004, for repeats).

    Parameters
    ----------
    differences
        One paired difference for each training, shape ``(folds * repeats,)``.
    test_to_train
        Test images divided by training images of one fold: 1/4 with five folds.
    """
    from scipy.stats import t as student

    values = np.asarray(differences, float)
    if len(values) < 2:
        raise ValueError(f"an interval needs at least two differences, got {len(values)}")
    error = np.sqrt(values.var(ddof=1) * (1 / len(values) + test_to_train))
    half = float(student.ppf(0.5 + confidence / 2, len(values) - 1) * error)
    return float(values.mean()) - half, float(values.mean()) + half


def _numbered(samples: Sequence[str] | None) -> tuple[npt.NDArray[np.int64], int]:
    if samples is None:
        return np.zeros(0, np.int64), 0
    names, numbers = np.unique(np.asarray(samples, dtype=str), return_inverse=True)
    return numbers.astype(np.int64), len(names)


def _small(groups: npt.NDArray[np.int64]) -> Counts:
    """Return ``sqrt(G / (G - 1))``; 1 for a single group, whose error is taken from its images."""
    wide: Counts = np.sqrt(groups / np.maximum(groups - 1.0, 1.0))
    return np.where(groups >= 2, wide, 1.0)


def _by_image(
    true: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Counts, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return weights of resampled images, drawn within each class; images that are alike in all three are one column."""
    patterns, counts = np.unique(np.stack([true, first, second], axis=1), axis=0, return_counts=True)
    weights = np.zeros((resamples, len(patterns)))
    for label in np.unique(true):
        columns = np.flatnonzero(patterns[:, 0] == label)
        total = counts[columns].sum()
        weights[:, columns] = rng.multinomial(total, counts[columns] / total, size=resamples)
    return weights, patterns[:, 0], patterns[:, 1], patterns[:, 2]


def _f1_and_recall(
    weights: Counts, true: npt.NDArray[np.int64], named: npt.NDArray[np.int64], n_labels: int
) -> Counts:
    """Return F1 and recall of shape ``(2, resamples, n_labels)`` for weighted images; NaN where a class was not drawn."""

    def totals(columns: npt.NDArray[np.int64], keep: npt.NDArray[np.bool_]) -> Counts:
        chosen = np.zeros((len(columns), n_labels))
        chosen[np.flatnonzero(keep), columns[keep]] = 1.0
        summed: Counts = weights @ chosen
        return summed

    every = np.ones(len(true), bool)
    support, predicted, hits = totals(true, every), totals(named, every), totals(true, true == named)
    both = np.stack([2 * hits / np.maximum(support + predicted, 1), hits / np.maximum(support, 1)])
    return np.where(support > 0, both, np.nan)


def _errors(
    weights: Counts,
    true: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    n_labels: int,
    wanted: npt.NDArray[np.bool_],
) -> Counts:
    """Return the standard errors of the differences: F1 of each class, recall of each class, macro F1."""
    found = _f1_and_recall(weights, true, first, n_labels) - _f1_and_recall(weights, true, second, n_labels)
    known = ~np.isnan(found[0])
    filled = np.where(known, found, 0.0)
    drawn = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, found - (filled.sum(axis=1) / drawn)[:, None], 0.0)
    errors = np.sqrt((centred**2).sum(axis=1) / np.maximum(drawn - 1, 1))
    count = known[:, wanted].sum(axis=1)
    macro = (filled[0][:, wanted].sum(axis=1) / np.maximum(count, 1))[count > 0]
    return np.append(errors.ravel(), macro.std(ddof=1) if len(macro) > 1 else 0.0)


def _wider(error: Counts, degrees: Counts, other: Counts, other_degrees: Counts) -> tuple[Counts, Counts]:
    """Return, for each, the error and degrees of freedom that make the wider interval."""
    from scipy.stats import t as student

    level = 0.5 + _CONFIDENCE / 2
    wider = other * student.ppf(level, other_degrees) > error * student.ppf(level, degrees)
    return np.where(wider, other, error), np.where(wider, other_degrees, degrees)
