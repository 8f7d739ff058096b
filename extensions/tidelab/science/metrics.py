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


def precision_at_shares(matrix: npt.NDArray[np.int64], shares: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the precision of each class where the classes have other shares than among the test images.

    Precision depends on how common a class is: of a hundred images named after a rare class, those that stray in from a common one may
    be most. Recall does not. So each row of the confusion matrix is made a distribution and weighted with the class's share in the
    sample (Bayes' rule; Saerens, Latinne and Decaestecker, Neural Computation 14, 2002, for the assumption that only shares differ)::

        precision_j = s_j R_jj / sum_i s_i R_ij,    R_ij = n_ij / sum_j n_ij

    Parameters
    ----------
    matrix
        Confusion matrix, rows true, columns predicted.
    shares
        Share of each class in the sample of interest, shape ``(n_labels,)``, 0 or more; scaled to sum 1. A class without test images
        must have share 0: what it would be named is not known.

    Returns
    -------
    numpy.ndarray
        float64 ``(n_labels,)``; NaN for a class that would never be named.
    """
    wanted, counts = np.asarray(shares, float), np.asarray(matrix, float)
    if (
        wanted.shape != (len(counts),)
        or not np.isfinite(wanted).all()
        or (wanted < 0).any()
        or not wanted.sum()
    ):
        raise ValueError(
            f"expected {len(counts)} shares of 0 or more that are not all 0, got {np.array2string(wanted, threshold=12)}"
        )
    support = counts.sum(axis=1)
    unknown = np.flatnonzero((wanted > 0) & (support == 0))
    if len(unknown):
        raise ValueError(
            f"class number(s) {unknown.tolist()} have a share but no test images, so what they are named is not known"
        )
    rows = np.divide(counts, support[:, None], out=np.zeros_like(counts), where=support[:, None] > 0)
    named = (wanted / wanted.sum()) @ rows
    right = wanted / wanted.sum() * np.diagonal(rows)
    return np.divide(right, named, out=np.full(len(counts), np.nan), where=named > 0)


@dataclass(frozen=True)
class Interval:
    """A value and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float


def bootstrap_macro_f1(
    truth: Indices, predicted: Indices, n_labels: int, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the macro F1 with its 95 % percentile bootstrap interval over images, resampled within each class."""
    drawn = _resample(truth, n_labels, resamples, seed)
    samples = _macro_f1_many(np.asarray(truth), np.asarray(predicted), drawn, n_labels)
    low, high = np.percentile(samples, [2.5, 97.5])
    return Interval(macro_f1(truth, predicted, n_labels), float(low), float(high))


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


def _macro_f1_many(
    truth: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    drawn: list[npt.NDArray[np.int64]],
    n_labels: int,
) -> npt.NDArray[np.float64]:
    return np.array([macro_f1(truth[rows], predicted[rows], n_labels) for rows in drawn])
