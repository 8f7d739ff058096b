"""What a random audit says about counts of a detector: found but not there, there but not found.

Two audits answer different questions, and neither replaces the other:

- **Objects** drawn at random and looked at: how many detections are wrong, and which. An object that the model did not find cannot be
  drawn, so this audit can say nothing of missed objects: what it corrects is still too low.
- **Pictures** drawn at random and counted by hand: what is really there, hence also what is missed. With counts alone a false and a missed
  object in one picture cancel out, so surplus and shortfall are lower limits of what is false and what is missed.

Both hold for the pictures they were drawn from as a whole. They do not say that the correction is the same at noon and at dusk. Intervals
cover what was left unchecked and nothing else: no counting error is added, so where everything was checked the numbers are exact for these
pictures.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.audit_estimators import stratified_totals, tuned_weight
from tidelab.science.block_bootstrap import ZERO_UPPER

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
        Corrected mean with its 95 % interval (sampling of the audit alone); missing where the checked pictures say nothing of it.
    surplus, shortfall
        Means over the checked pictures of what the model counted too many and too few: at least so many are false, at least so many missed.
    checked
        Pictures counted by hand.
    remarks
        A sentence for each taxon: why its corrected mean is missing or the model's counts could not be used; empty where all is well.
    """

    raw: Array
    value: Array
    low: Array
    high: Array
    surplus: Array
    shortfall: Array
    checked: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ObjectAudit:
    """Means per picture of each taxon, shape ``(k,)``, from detections looked at.

    Parameters
    ----------
    raw
        Detections per picture.
    confirmed, low, high
        Objects of the taxon among the detections of all classes that were checked, per picture, with their 95 % interval for these
        pictures. Missed objects are not in it, nor are those among detections of a class of which none was checked. Missing
        where the class has detections and none of them was checked: scores are no knowledge.
    false
        Detections per picture of the class that are something else, as estimated; missing as above.
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
    terms of the order one over the checked pictures, whatever errors the model makes. Where the model says the same of all checked pictures, its
    counts cannot be weighted and the mean is that of the hand counts; where the hand counts are all the same, too, although the model
    counts otherwise in pictures that nobody checked, nothing can be said and the value is missing.

    The interval is Student's with the finite population correction, and never reaches less far than an error of one object in a share
    of the unchecked pictures that `m` pictures without any such error leave open: 3.689 over `m`, the exact 95 % limit of a Poisson
    count of 0 (Garwood 1936). An agreement of few pictures is no proof.

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
    reach = np.maximum(float(stdtrit(m - 1, 0.975)) * error, (1 - m / n) * ZERO_UPPER / m)
    flat = np.ptp(f, axis=0) == 0
    blind = flat & (np.ptp(y, axis=0) == 0) & (all_f != f[0]).any(axis=0)
    elsewhere = ((all_f > 0).sum(axis=0), (f > 0).sum(axis=0))
    remarks = tuple(_remark(*one, m) for one in zip(flat, blind, *elsewhere, y.any(axis=0), strict=True))
    low, high = np.maximum(value - reach, 0.0), value + reach
    value, low, high = (np.where(blind, np.nan, one) for one in (value, low, high))
    surplus, shortfall = np.maximum(f - y, 0).mean(axis=0), np.maximum(y - f, 0).mean(axis=0)
    return PictureAudit(all_f.mean(axis=0), value, low, high, surplus, shortfall, m, remarks)


def _remark(flat: bool, blind: bool, found: int, found_checked: int, seen: bool, m: int) -> str:
    """Return what the checked pictures cannot tell of a taxon."""
    if blind and not found_checked and not seen:
        return (
            f"not corrected: none of the {m} pictures counted by hand holds it, and the model found it in {found} others; whether these are right "
            "nobody looked"
        )
    if blind:
        return f"not corrected: model and person counted the same number in each of the {m} pictures, and the model others elsewhere"
    if not found and not seen:
        return f"found neither by the model nor in the {m} pictures counted by hand; the upper limit is that of none in {m}"
    if flat:
        return f"the model counted the same in all {m} pictures counted by hand, so this is the mean of the hand counts alone"
    return ""


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
        Mean score of the detections of each class, 0 to 1: how one object's worth of belief is spread in the interval of a class that was
        checked (`tidelab.science.audit_estimators.stratified_totals`). No value depends on it.
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
    looked = seen.sum(axis=1)
    # Of detections that nobody looked at nothing is known, whatever their scores.
    known = np.where(looked > 0, sizes, 0.0)
    rng = np.random.default_rng(seed)
    totals = stratified_totals(seen, known, belief, draws=draws, rng=rng, counting_error=False)
    right = np.divide(seen[np.arange(k), np.arange(k)], looked, out=np.ones(k), where=looked > 0)
    unknown = (looked == 0) & (sizes > 0)
    found = (totals.value[:k], totals.low[:k], totals.high[:k], sizes * (1 - right))
    confirmed, low, high, false = (np.where(unknown, np.nan, one / n_pictures) for one in found)
    return ObjectAudit(sizes / n_pictures, confirmed, low, high, false, looked.astype(np.int64))
