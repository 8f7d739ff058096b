"""What a random audit says about counts of a detector: found but not there, there but not found.

Two audits answer different questions, and neither replaces the other:

- **Objects** drawn at random and looked at: how many detections are wrong, and which. An object that the model did not find cannot be
  drawn, so this audit can say nothing of missed objects: what it corrects is still too low.
- **Pictures** drawn at random and counted by hand: what is really there, hence also what is missed. With counts alone a false and a missed
  object in one picture cancel out, so surplus and shortfall are lower limits of what is false and what is missed.

Both hold for the pictures they were drawn from as a whole. They do not say that the correction is the same at noon and at dusk.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.audit_estimators import stratified_totals, tuned_weight

Array = npt.NDArray[np.float64]

FEWEST_PICTURES: Final = 10
"""With fewer pictures counted by hand no corrected count is given."""


@dataclass(frozen=True, eq=False)
class PictureAudit:
    """Means per picture of each taxon, shape ``(k,)``, from pictures counted by hand.

    Parameters
    ----------
    raw
        Mean of the model's counts over all pictures.
    value, low, high
        Corrected mean with its 95 % interval (sampling of the audit alone).
    surplus, shortfall
        Means over the checked pictures of what the model counted too many and too few: at least so many are false, at least so many missed.
    checked
        Pictures counted by hand.
    """

    raw: Array
    value: Array
    low: Array
    high: Array
    surplus: Array
    shortfall: Array
    checked: int


@dataclass(frozen=True, eq=False)
class ObjectAudit:
    """Means per picture of each taxon, shape ``(k,)``, from detections looked at.

    Parameters
    ----------
    raw
        Detections per picture.
    confirmed, low, high
        Objects of the taxon among the detections of all classes, per picture, with their 95 % interval. Missed objects are not in it.
    false
        Detections per picture of the class that are something else, as estimated.
    checked
        Detections of the class that were looked at.
    """

    raw: Array
    confirmed: Array
    low: Array
    high: Array
    false: Array
    checked: npt.NDArray[np.int64]


def picture_audit(truth: npt.ArrayLike, predicted: npt.ArrayLike, everyone: npt.ArrayLike) -> PictureAudit:
    """Correct mean counts by pictures that were drawn at random without replacement and counted by hand.

    The regression estimator of Cochran (Sampling techniques, 1977, chapter 7): the mean of what the model counted in all pictures, weighted
    as in `tidelab.science.audit_estimators.tuned_weight`, plus the mean of what is left over in the checked ones. Unbiased but for
    terms of the order one over the checked pictures, whatever errors the model makes.

    Parameters
    ----------
    truth, predicted
        Counts by hand and by the model in the checked pictures, shape ``(m, k)``.
    everyone
        Counts by the model in all ``n`` pictures that are effort, the checked ones included, shape ``(n, k)``.

    Raises
    ------
    ValueError
        For negative counts, shapes that do not fit, or fewer than `FEWEST_PICTURES` checked pictures.
    """
    y, f, all_f = (np.atleast_2d(np.asarray(one, np.float64)) for one in (truth, predicted, everyone))
    if y.shape != f.shape or y.shape[1] != all_f.shape[1]:
        raise ValueError(
            f"counts by hand {y.shape}, by the model {f.shape} and of all pictures {all_f.shape} do not fit"
        )
    m, n = len(y), len(all_f)
    if not FEWEST_PICTURES <= m <= n:
        raise ValueError(
            f"{m} pictures were counted by hand; expected at least {FEWEST_PICTURES} and at most all {n}"
        )
    if min(y.min(), f.min(), all_f.min()) < 0 or not np.isfinite(y).all():
        raise ValueError("a count is a number from 0 upwards")
    weight = tuned_weight(y, f)
    rest = y - weight * f
    value = np.maximum(weight * all_f.mean(axis=0) + rest.mean(axis=0), 0.0)
    from scipy.special import stdtrit

    error = np.sqrt((1 - m / n) * rest.var(axis=0, ddof=1) / m)
    reach = float(stdtrit(m - 1, 0.975)) * error
    return PictureAudit(
        all_f.mean(axis=0), value, np.maximum(value - reach, 0.0), value + reach,
        np.maximum(f - y, 0).mean(axis=0), np.maximum(y - f, 0).mean(axis=0), m,
    )  # fmt: skip


def object_audit(
    checked: npt.ArrayLike,
    detections: npt.ArrayLike,
    mean_scores: npt.ArrayLike,
    n_pictures: int,
    *,
    seed: int,
    draws: int = 4000,
) -> ObjectAudit:
    """Estimate how many detections are what they are called, from a random choice of them that a person named.

    Parameters
    ----------
    checked
        Checked detections by class given by the model (rows) and by the person (columns: the same ``k`` classes, then one for "none of them"),
        shape ``(k, k + 1)``.
    detections
        All detections of each class in pictures that are effort, shape ``(k,)``.
    mean_scores
        Mean score of the detections of each class, 0 to 1: what one checked object's worth of belief is put on before anything was
        checked (`tidelab.science.audit_estimators.stratified_totals`).
    n_pictures
        Pictures that are effort, at least 1.
    seed, draws
        Of the interval.
    """
    seen, sizes, scores = (np.asarray(one, np.float64) for one in (checked, detections, mean_scores))
    k = len(sizes)
    if seen.shape != (k, k + 1) or (seen.sum(axis=1) > sizes).any() or n_pictures < 1:
        raise ValueError(
            f"checked detections of shape {seen.shape} do not fit {k} classes, or are more than there are"
        )
    belief = np.zeros((k, k + 1))
    belief[np.arange(k), np.arange(k)] = scores
    belief[:, k] = 1 - scores
    totals = stratified_totals(seen, sizes, belief, draws=draws, rng=np.random.default_rng(seed))
    looked = seen.sum(axis=1)
    right = np.divide(seen[np.arange(k), np.arange(k)], looked, out=scores.copy(), where=looked > 0)
    return ObjectAudit(
        sizes / n_pictures, totals.value[:k] / n_pictures, totals.low[:k] / n_pictures, totals.high[:k] / n_pictures,
        sizes * (1 - right) / n_pictures, looked.astype(np.int64),
    )  # fmt: skip
