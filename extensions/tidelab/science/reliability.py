"""Do the scores mean what they say? Reliability diagram, expected calibration error, Brier score.

Images are sorted by the score of the predicted class into equal bins; in a well calibrated model the share of right answers in each
bin equals its mean score (Naeini et al., AAAI 2015; Guo et al., ICML 2017).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Reliability:
    """Reliability of one set of predictions.

    Parameters
    ----------
    edges
        Bin limits, shape ``(bins + 1,)``; a bin holds scores above its lower and up to its upper limit.
    counts
        Images per bin.
    confidence, accuracy
        Mean score and share of right answers per bin; NaN where a bin is empty.
    expected_calibration_error
        Mean of ``|accuracy - confidence|`` over the bins, weighted by their images.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    expected_calibration_error: float


def reliability(probabilities: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 10) -> Reliability:
    """Compute the reliability of ``(n, k)`` probabilities for true class indices ``(n,)``."""
    values, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if values.ndim != 2 or len(values) != len(true) or not len(true):
        raise ValueError(f"expected probabilities (n, k) for {len(true)} images, got shape {values.shape}")
    score, right = values.max(axis=1), values.argmax(axis=1) == true
    place = np.clip(np.ceil(score * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        confidence = np.bincount(place, weights=score, minlength=bins) / counts
        accuracy = np.bincount(place, weights=right, minlength=bins) / counts
    error = float(np.nansum(np.abs(accuracy - confidence) * counts) / len(true))
    return Reliability(np.linspace(0, 1, bins + 1), counts.astype(np.int64), confidence, accuracy, error)


def brier_score(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the mean over images of the squared distance between probabilities and truth, 0 (best) to 2.

    Unlike the calibration error it cannot be made small by saying the same of every image: it is a proper score (Brier, G. W., Monthly
    Weather Review 78, 1950, for several classes). `probabilities` has the shape ``(n, k)``, `truth` holds class indices.
    """
    values, true = np.asarray(probabilities, np.float64), np.asarray(truth, np.int64)
    if values.ndim != 2 or len(values) != len(true) or not len(true):
        raise ValueError(f"expected probabilities (n, k) for {len(true)} images, got shape {values.shape}")
    wanted = np.zeros_like(values)
    wanted[np.arange(len(true)), true] = 1.0
    return float(((values - wanted) ** 2).sum(axis=1).mean())
