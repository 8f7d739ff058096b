"""Counts from a random audit: a person checks a random choice of images, and that choice stands for all.

Nothing is assumed about the classifier; its answers only make the result sharper. Three estimators:

- Horvitz and Thompson (A generalization of sampling without replacement from a finite universe, Journal of the American Statistical
  Association 47, 1952): each checked image counts one over the probability with which it was chosen. Unbiased whatever the model did.
- stratified: the same within each predicted class (Cochran, W. G., Sampling techniques, 1977, chapter 5); for images see Chang, J.-H.
  et al., Combining imperfect automated annotations of underwater images with human annotations to obtain precise and unbiased
  population estimates, Methods in Oceanography 17, 2016.
- prediction-powered (Angelopoulos, A. N. et al., Prediction-powered inference, Science 382, 2023): sum what the model says of all
  images and add what the audit finds it to be wrong by. The weight of the model is tuned per class (Angelopoulos, A. N., Duchi, J. C.
  and Zrnic, T., PPI++, 2023), which in a simple random sample is the regression estimator of Chang et al.

Intervals are for the count *expected* in the water that was imaged: the error of the audit and that of counting are added, unless a caller
asks for the images themselves.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.concentration import poisson_interval

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

JEFFREYS: Final = 0.5


@dataclass(frozen=True, eq=False)
class Totals:
    """Counts of each class with their 95 % interval, shape ``(k,)`` each."""

    value: Array
    low: Array
    high: Array


def horvitz_thompson(values: npt.ArrayLike, probabilities: npt.ArrayLike) -> Array:
    """Return the estimated total of each column over all images.

    Parameters
    ----------
    values
        Of the checked images, shape ``(m, k)``.
    probabilities
        With which each of them was chosen, shape ``(m,)``, above 0.
    """
    chosen, weights = np.asarray(values, np.float64), np.asarray(probabilities, np.float64)
    if (weights <= 0).any() or (weights > 1).any():
        raise ValueError(
            "each checked image needs the probability with which it was chosen, above 0 and at most 1"
        )
    totals: Array = (chosen / weights[:, None]).sum(axis=0)
    return totals


def exact_counts(counts: npt.ArrayLike) -> Totals:
    """Return counts that a person made of every image, with the interval of counting alone.

    The interval is Garwood's for a Poisson count (`tidelab.science.concentration`).
    """
    seen = [int(count) for count in np.asarray(counts).tolist()]
    found = [poisson_interval(count) for count in seen]
    return Totals(
        np.array(seen, np.float64),
        np.array([one.low for one in found]),
        np.array([one.high for one in found]),
    )


def stratified_totals(
    checked: npt.ArrayLike,
    sizes: npt.ArrayLike,
    prior: npt.ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
    counting_error: bool = True,
) -> Totals:
    """Return the stratified estimate, with an interval from what the unchecked images of each stratum may be.

    The interval draws the unchecked images of a stratum from what the checked ones show (a Pólya posterior: Ghosh, M. and Meeden, G.,
    Bayesian methods for finite population sampling, 1997), with one image's worth of what the model itself says of the stratum, so
    that an error that a small audit happens not to meet is not taken for impossible; then the counting error (Jeffreys' for a Poisson
    count). Its coverage is measured in ``docs/explanation/corrected-counts-simulation.md``.

    Parameters
    ----------
    checked
        Checked images of each stratum by the class a person gave, shape ``(h, k)``.
    sizes
        All images of each stratum, shape ``(h,)``.
    prior
        What the model says of each stratum: mean probabilities, rows sum to one, shape ``(h, k)``.
    draws, rng
        Of the interval.
    counting_error
        Whether the interval is for the count expected in the water, or (False) for the images themselves: then it has no width where
        every image was checked.
    """
    seen, size, belief = (np.asarray(one, np.float64) for one in (checked, sizes, prior))
    m = seen.sum(axis=1)
    shares = np.divide(seen, m[:, None], out=belief.copy(), where=m[:, None] > 0)
    value = (size[:, None] * shares).sum(axis=0)
    total = np.zeros((draws, seen.shape[1]))
    for stratum in range(len(size)):
        rest = int(size[stratum] - m[stratum])
        total += seen[stratum]
        if rest:
            weights = np.maximum(seen[stratum] + belief[stratum], 1e-9)
            composition = rng.standard_gamma(weights, size=(draws, len(weights)))
            composition /= composition.sum(axis=1, keepdims=True)
            total += rng.multinomial(rest, composition)
    spread = rng.standard_gamma(total + JEFFREYS) if counting_error else total
    low, high = np.percentile(spread, [2.5, 97.5], axis=0)
    return Totals(value, np.minimum(low, value), np.maximum(high, value))


def prediction_powered(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    everyone: npt.ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Totals:
    """Return the prediction-powered estimate from a simple random sample without replacement.

    ``N (mean(w f over all) + mean(y - w f over the checked))`` with ``w`` between 0 and 1 tuned for each class. The interval takes the
    variance of the second mean, says how many images of a binomial sample would be as sure (Korn, E. L. and Graubard, B. I., Confidence
    intervals for proportions with small expected number of positive counts, Survey Methodology 24, 1998), draws from Jeffreys' interval
    for that many, and adds the counting error.

    Parameters
    ----------
    truth
        One-hot names that a person gave, shape ``(m, k)``.
    predicted
        The model's probabilities for the same images, shape ``(m, k)``.
    everyone
        Its probabilities for all ``n`` images, shape ``(n, k)``.
    draws, rng
        Of the interval.
    """
    y, f, all_f = (np.asarray(one, np.float64) for one in (truth, predicted, everyone))
    m, n = len(y), len(all_f)
    if m < 2 or m > n:
        raise ValueError(
            f"a prediction-powered estimate needs at least 2 checked images of at most all, got {m} of {n}"
        )
    weight = tuned_weight(y, f)
    rest = y - weight * f
    share = np.clip(weight * all_f.mean(axis=0) + rest.mean(axis=0), 0.0, 1.0)
    unseen = 1 - m / n
    variance = unseen * rest.var(axis=0, ddof=1) / m
    # Where all residuals agree they say nothing about the spread: then it is m images, no better.
    plain = m / max(unseen, 1e-9)
    usual = share * (1 - share)
    effective = np.where((variance > 0) & (usual > 0), usual / np.maximum(variance, 1e-300), plain)
    effective = np.maximum(effective, m)
    drawn = rng.beta(
        share * effective + JEFFREYS, (1 - share) * effective + JEFFREYS, size=(draws, len(share))
    )
    low, high = np.percentile(rng.standard_gamma(n * drawn + JEFFREYS), [2.5, 97.5], axis=0)
    value = n * share
    return Totals(value, np.minimum(low, value), np.maximum(high, value))


def tuned_weight(truth: Array, predicted: Array) -> Array:
    """Return how much of the model's answer to use for each class, 0 to 1: ``cov(y, f) / var(f)`` over the checked images."""
    centred = predicted - predicted.mean(axis=0)
    spread = (centred**2).sum(axis=0)
    together = (centred * (truth - truth.mean(axis=0))).sum(axis=0)
    weight: Array = np.clip(
        np.divide(together, spread, out=np.zeros_like(spread), where=spread > 0), 0.0, 1.0
    )
    return weight
