"""How many of each class, corrected for what a classifier confuses.

Counting the names a classifier gives ("classify and count") is biased as soon as the shares of the classes differ from those it was
trained on: errors flow from common classes into rare ones (Forman, G., Quantifying counts and costs via classification, Data Mining
and Knowledge Discovery 17, 2008; for plankton: González, P. et al., Automatic plankton quantification using deep features, Journal
of Plankton Research 41, 2019). Two corrections, both of the library QuaPy (Moreo, A., Esuli, A. and Sebastiani, F., QuaPy: a
Python-based framework for quantification, CIKM 2021):

- **PACC** (Bella, A. et al., Quantification via probability estimators, ICDM 2010) finds the shares that, mixed through the mean
  probabilities of labelled images of each class, give the mean probabilities seen here. Least squares over the simplex.
- **EMQ** (Saerens, M., Latinne, P. and Decaestecker, C., Adjusting the outputs of a classifier to new a priori probabilities, Neural
  Computation 14, 2002) finds the shares of greatest likelihood; it leans on the calibration of the probabilities.

Both assume that the images of a class look the same here as among the labelled ones, whatever their number (prior probability shift).
An image that lies beyond all training classes is no evidence for any of them: it counts into one more class, ``unidentified``.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.simplex import simplex_least_squares

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MINIMUM_CLUSTERS: Final = 8
"""Labelled samples of a class from which on whole samples are drawn again; with fewer, images are."""
_LEAST_DEGREES: Final = 4


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images whose class is known, as the classifier sees them.

    Parameters
    ----------
    outputs
        Shape ``(n, k + 1)``: `outputs` of this module.
    truth
        Class of each, ``0 .. k - 1``, shape ``(n,)``.
    clusters
        Sample of each as a number, -1 where unknown, shape ``(n,)``.
    """

    outputs: Array
    truth: Integers
    clusters: Integers

    @property
    def n_classes(self) -> int:
        """Classes that the model knows, `unidentified` not among them."""
        return int(self.outputs.shape[1]) - 1

    @property
    def per_class(self) -> Integers:
        """Labelled images of each class, shape ``(k,)``."""
        return np.bincount(self.truth, minlength=self.n_classes)


def _import_quapy() -> None:
    """Import QuaPy without its plotting settings: its import would change the fonts of every figure drawn afterwards."""
    import matplotlib as mpl

    with mpl.rc_context():
        import quapy.method.aggregative  # noqa: F401


def outputs(probabilities: npt.ArrayLike, beyond: npt.ArrayLike) -> Array:
    """Return the probabilities with one more class, ``unidentified``, that holds the images beyond all training classes.

    Parameters
    ----------
    probabilities
        Calibrated, shape ``(n, k)``.
    beyond
        Whether an image lies further from the training classes than the threshold, shape ``(n,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, k + 1)``, rows sum to one.
    """
    values, far = np.asarray(probabilities, np.float64), np.asarray(beyond, bool)
    values = values / values.sum(axis=1, keepdims=True)
    return np.column_stack([np.where(far[:, None], 0.0, values), far])


def class_means(labelled: Labelled) -> Array:
    """Return the mean output of each class in a column, shape ``(k + 1, k + 1)``; the last is that of unidentified images.

    A class without labelled images gets the column of a classifier that is always right, as in QuaPy; so does `unidentified`, whose
    images are by definition beyond.
    """
    _import_quapy()
    from quapy.method.aggregative import PACC

    classes = np.arange(labelled.n_classes + 1)
    means: Array = np.asarray(PACC.getPteCondEstim(classes, labelled.truth, labelled.outputs), np.float64)
    return means


def pacc(means: Array, sample: Array) -> Array:
    """Return the shares of a sample by probabilistic adjusted classify and count, shape ``(k + 1,)``.

    Parameters
    ----------
    means
        `class_means`.
    sample
        Outputs of the sample's images, shape ``(n, k + 1)``.
    """
    _import_quapy()
    from quapy.functional import normalize_prevalence
    from quapy.method.aggregative import ACC

    found = ACC.solve_adjustment(
        class_conditional_rates=means, unadjusted_counts=sample.mean(axis=0), method="inversion", solver="minimize"
    )  # fmt: skip
    return np.asarray(normalize_prevalence(found, method="mapsimplex"), np.float64)


def emq(labelled: Labelled, sample: Array) -> Array:
    """Return the shares of a sample by expectation maximisation, shape ``(k + 1,)``.

    The shares that the probabilities were made with are taken from the labelled images' mean probabilities. Images beyond stay apart;
    what the labelled images lead to expect of them is given back to the classes.
    """
    _import_quapy()
    from quapy.method.aggregative import EMQ

    k = labelled.n_classes
    near = labelled.outputs[:, k] == 0
    here = sample[sample[:, k] == 0, :k]
    if not len(here) or not near.any():
        return np.append(np.zeros(k), 1.0)
    prior = labelled.outputs[near, :k].mean(axis=0)
    with warnings.catch_warnings():
        # It warns on standard error when a thousand steps were not enough; the result is then as good as a check needs.
        warnings.simplefilter("ignore")
        shares, _ = EMQ.EM(prior, here)
    lost = np.minimum(class_means(labelled)[k, :k], 0.5)
    known = np.asarray(shares, np.float64) * (len(here) / len(sample)) / (1 - lost)
    total = min(1.0, float(known.sum()))
    return np.append(known / known.sum() * total, 1 - total)


def resampled_means(labelled: Labelled, replicates: int, rng: np.random.Generator) -> Array:
    """Return `class_means` of labelled sets drawn again, shape ``(replicates, k + 1, k + 1)``.

    Each class is drawn apart. Of ``m`` images ``m - 1`` are drawn with replacement, so that the variance is not too small (Rao,
    J. N. K. and Wu, C. F. J., Resampling inference with complex survey data, Journal of the American Statistical Association 83,
    1988), and deviations are stretched by Student's t over the normal quantile, for few images say little about their own spread. Where the images of a class come from
    at least `MINIMUM_CLUSTERS` known samples, whole samples are drawn instead of images: those of one bottle are alike.
    """
    k = labelled.n_classes
    means = np.repeat(np.eye(k + 1)[None], replicates, axis=0)
    for label in range(k):
        rows = labelled.truth == label
        if rows.any():
            means[:, :, label] = _drawn_again(
                labelled.outputs[rows], clusters_of(labelled.clusters[rows]), replicates, rng
            )
    return means


def clusters_of(clusters: Integers) -> Integers | None:
    """Return the samples of one class's images as ``0 .. g - 1``, or None where they are unknown or too few to be drawn again."""
    found, number = np.unique(clusters, return_inverse=True)
    if not len(found) or found[0] < 0 or len(found) < MINIMUM_CLUSTERS:
        return None
    return number.astype(np.int64)


def _drawn_again(
    values: Array, clusters: Integers | None, replicates: int, rng: np.random.Generator
) -> Array:
    from scipy.stats import norm, t

    if clusters is None:
        sums, sizes = values, np.ones(len(values))
    else:
        sizes = np.bincount(clusters).astype(float)
        sums = np.stack([np.bincount(clusters, weights=column) for column in values.T], axis=1)
    units = len(sums)
    centre: Array = sums.sum(axis=0) / sizes.sum()
    if units < 2:
        return np.repeat(centre[None], replicates, axis=0)
    weights = rng.multinomial(units - 1, np.full(units, 1 / units), size=replicates).astype(float)
    drawn = (weights @ sums) / (weights @ sizes)[:, None]
    stretch = t.ppf(0.975, max(units - 1, _LEAST_DEGREES)) / norm.ppf(0.975)
    stretched: Array = centre + stretch * (drawn - centre)
    return stretched


def resampled_counts(
    sample: Array, means: Array, rng: np.random.Generator, *, exact_total: bool = False
) -> Array:
    """Return corrected counts of samples drawn again, each through its own matrix of `means`, shape ``(replicates, k + 1)``.

    Each image counts a Poisson(1) number of times: the images are themselves a draw of the water, so their number varies as well as
    what they are. The counts therefore spread as estimates of the count *expected* in the volume of water that was imaged.

    Parameters
    ----------
    sample
        Outputs of the sample's images, shape ``(n, k + 1)``.
    means
        From `resampled_means`, shape ``(replicates, k + 1, k + 1)``.
    exact_total
        Draw ``n`` images each time instead: the spread of the shares alone.
    """
    n, replicates = len(sample), len(means)
    sums = np.empty((replicates, sample.shape[1]))
    block = max(1, 4_000_000 // max(n, 1))
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        if exact_total:
            weights = rng.multinomial(n, np.full(n, 1 / n), size=rows)
        else:
            weights = rng.poisson(1.0, size=(rows, n))
        sums[start : start + rows] = weights.astype(np.float64) @ sample
    totals = sums.sum(axis=1)
    targets = sums / np.maximum(totals, 1.0)[:, None]
    centre = simplex_least_squares(means.mean(axis=0)[None], targets.mean(axis=0)[None])[0]
    shares = simplex_least_squares(means, targets, start=centre > 0)
    counts: Array = shares * totals[:, None]
    return counts


def percentile_interval(replicates: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Return the lower and upper ends of the percentile interval of each column, shape ``(k + 1,)`` each."""
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(replicates, [tail, 100 - tail], axis=0)
    return low, high


def with_counting_error(value: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return interval ends that are never narrower than the exact Poisson interval of the count itself.

    No correction knows an expected count better than somebody who named every image would. It matters at zero: a bootstrap of no
    images is no images, although a class of which none was seen may well be in the water (up to 3.7 images' worth, at 95 %).
    """
    from scipy.special import gammaincinv

    least = np.where(value > 0, gammaincinv(np.maximum(value, 1e-9), 0.025), 0.0)
    return np.minimum(low, least), np.maximum(high, gammaincinv(np.maximum(value, 0.0) + 1, 0.975))
