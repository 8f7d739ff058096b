"""How good a classifier is: confusion matrix, precision, recall, F1 and how sure we can be of a difference.

Written on the confusion matrix because the bootstrap needs thousands of them at once; the tests compare with scikit-learn.
A class with no test image has no recall: it is left out of the macro mean and shown as missing, never counted as 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Indices = npt.ArrayLike


def confusion_matrix(truth: Indices, predicted: Indices, n_labels: int) -> npt.NDArray[np.int64]:
    """Return counts of shape ``(n_labels, n_labels)``: row is the true class, column the predicted one."""
    true, pred = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if true.shape != pred.shape or true.ndim != 1:
        raise ValueError(f"truth and predictions differ in length: {true.shape} and {pred.shape}")
    if true.size and (min(true.min(), pred.min()) < 0 or max(true.max(), pred.max()) >= n_labels):
        raise ValueError(f"class indices must lie between 0 and {n_labels - 1}")
    flat = np.bincount(true * n_labels + pred, minlength=n_labels * n_labels)
    return flat.reshape(n_labels, n_labels).astype(np.int64)


@dataclass(frozen=True)
class Scores:
    """Quality per class and overall.

    Parameters
    ----------
    precision, recall, f1
        float64 of shape ``(n_labels,)``, 0 to 1. Precision of a class that was never predicted is 0 (scikit-learn's rule);
        recall and F1 of a class without test images are NaN.
    support
        Test images of each class.
    accuracy
        Share of images named rightly.
    macro_f1
        Mean F1 over the classes that have test images: every class counts the same, however rare.
    weighted_f1
        Mean F1 weighted by support: every image counts the same.
    """

    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]
    accuracy: float
    macro_f1: float
    weighted_f1: float


def scores(matrix: npt.NDArray[np.int64]) -> Scores:
    """Compute `Scores` from a confusion matrix (rows: truth)."""
    hits = np.diagonal(matrix).astype(float)
    support, predicted = matrix.sum(axis=1), matrix.sum(axis=0)
    if not support.sum():
        raise ValueError("no test images: nothing can be measured")
    present = support > 0
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, support, out=np.full_like(hits, np.nan), where=present)
    f1 = np.where(present, 2 * hits / np.maximum(support + predicted, 1), np.nan)
    return Scores(
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        accuracy=float(hits.sum() / support.sum()),
        macro_f1=float(f1[present].mean()),
        weighted_f1=float((f1[present] * support[present]).sum() / support.sum()),
    )


def macro_f1(truth: Indices, predicted: Indices, n_labels: int) -> float:
    """Return the macro F1 over the classes that occur in `truth`."""
    return scores(confusion_matrix(truth, predicted, n_labels)).macro_f1


@dataclass(frozen=True)
class Interval:
    """A difference and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def bootstrap_macro_f1(
    truth: Indices, predicted: Indices, n_labels: int, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the macro F1 with its 95 % percentile bootstrap interval over images, resampled within each class."""
    drawn = _resample(truth, n_labels, resamples, seed)
    samples = _macro_f1_many(np.asarray(truth), np.asarray(predicted), drawn, n_labels)
    low, high = np.percentile(samples, [2.5, 97.5])
    return Interval(macro_f1(truth, predicted, n_labels), float(low), float(high))


def paired_difference(
    truth: Indices,
    challenger: Indices,
    champion: Indices,
    n_labels: int,
    *,
    groups: Indices | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Compare two classifiers on the same images: macro F1 of the challenger minus that of the champion.

    Both are judged on the same resampled images, so what makes an image hard for both cancels out (Efron and Tibshirani, An
    introduction to the bootstrap, 1993, chapter 13).

    Parameters
    ----------
    truth, challenger, champion
        Class indices of shape ``(n,)``.
    n_labels
        Number of classes.
    groups
        Sample of each image. Where there are two samples or more, whole samples are drawn, because images of one sample resemble
        each other and hold less evidence than their number suggests; otherwise images are drawn within each class.
    resamples, seed
        Number of bootstrap samples and their seed.
    """
    true = np.asarray(truth)
    drawn = _resample(true, n_labels, resamples, seed)
    if groups is not None and len(np.unique(groups)) >= 2:
        drawn = _resample_groups(np.asarray(groups), resamples, seed)
    first = _macro_f1_many(true, np.asarray(challenger), drawn, n_labels)
    second = _macro_f1_many(true, np.asarray(champion), drawn, n_labels)
    low, high = np.percentile(first - second, [2.5, 97.5])
    value = macro_f1(true, challenger, n_labels) - macro_f1(true, champion, n_labels)
    return Interval(float(value), float(low), float(high))


def sign_test(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value that two classifiers are right equally often (McNemar's test in its exact form).

    Parameters
    ----------
    only_first, only_second
        Images that only the first, or only the second, names rightly. Images both name alike say nothing about the difference.
    """
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def _resample(truth: Indices, n_labels: int, resamples: int, seed: int) -> list[npt.NDArray[np.int64]]:
    rng, true = np.random.default_rng(seed), np.asarray(truth)
    members = [np.flatnonzero(true == k) for k in range(n_labels)]
    members = [indices for indices in members if indices.size]
    return [np.concatenate([rng.choice(m, m.size) for m in members]) for _ in range(resamples)]


def _resample_groups(
    groups: npt.NDArray[np.generic], resamples: int, seed: int
) -> list[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    return [
        np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        for _ in range(resamples)
    ]


def _macro_f1_many(
    truth: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    drawn: list[npt.NDArray[np.int64]],
    n_labels: int,
) -> npt.NDArray[np.float64]:
    return np.array([macro_f1(truth[rows], predicted[rows], n_labels) for rows in drawn])
