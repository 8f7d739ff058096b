"""Make a classifier's scores mean what they say: temperature scaling.

One number, fitted on validation images, softens or sharpens all probabilities so that among images scored 0.8 about 80 % are
right (Guo, C. et al., On calibration of modern neural networks, ICML 2017). It never changes which class comes first.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

PROBABILITY_FLOOR: Final = 1e-7
"""Probabilities below this count as this: a forest may say exactly 0, whose logarithm is not a number."""

_BOUNDS: Final = (0.05, 20.0)


def apply_temperature(probabilities: npt.ArrayLike, temperature: float) -> npt.NDArray[np.float32]:
    """Return ``softmax(log(p) / temperature)`` along the last axis.

    Parameters
    ----------
    probabilities
        Shape ``(..., k)``, each row a distribution.
    temperature
        Above 0; larger than 1 makes the scores more cautious. At exactly 1 the probabilities are returned unchanged.

    Returns
    -------
    numpy.ndarray
        float32 of the same shape.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    values = np.asarray(probabilities, np.float64)  # exact for float32 input
    if temperature == 1.0:
        return values.astype(np.float32)
    logits = np.log(np.maximum(values, PROBABILITY_FLOOR)) / temperature
    logits -= logits.max(axis=-1, keepdims=True)
    exponential = np.exp(logits)
    softened: npt.NDArray[np.float32] = (exponential / exponential.sum(axis=-1, keepdims=True)).astype(
        np.float32
    )
    return softened


def negative_log_likelihood(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the mean of ``-ln p(true class)``; `truth` holds class indices of shape ``(n,)``."""
    values, index = np.asarray(probabilities, np.float64), np.asarray(truth, int)
    chosen = values[np.arange(len(index)), index]
    return float(-np.log(np.maximum(chosen, PROBABILITY_FLOOR)).mean())


def fit_temperature(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Find the temperature that minimises the negative log-likelihood of softened targets.

    A model that is right on all of eight images would otherwise get the lowest temperature there is and scores of 0.9999999,
    which eight images cannot support. As in Platt scaling (Platt, J., Probabilistic outputs for support vector machines, 1999)
    the true class of ``n`` images counts ``(n + 1) / (n + 2)``, and the other classes share the rest; with many images the
    difference vanishes.

    Parameters
    ----------
    probabilities
        Shape ``(n, k)``: uncalibrated, of images the model was not trained on.
    truth
        Class indices, shape ``(n,)``.

    Returns
    -------
    float
        Between 0.05 and 20; 1.0 when there are no images to fit on.
    """
    values, index = np.asarray(probabilities, np.float64), np.asarray(truth, int)
    if len(index) == 0:
        return 1.0
    if values.ndim != 2 or len(values) != len(index):
        raise ValueError(
            f"expected one row of probabilities for each of {len(index)} labels, got shape {values.shape}"
        )

    sure = (len(index) + 1) / (len(index) + 2)
    targets = np.full(values.shape, (1 - sure) / (values.shape[1] - 1))
    targets[np.arange(len(index)), index] = sure

    def loss(log_temperature: float) -> float:
        softened = apply_temperature(values, float(np.exp(log_temperature)))
        return float(-(targets * np.log(np.maximum(softened, PROBABILITY_FLOOR))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(_BOUNDS)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
