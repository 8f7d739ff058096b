"""How far an image lies from the classes a model was trained on.

Mahalanobis distance of the embedding to the nearest class mean, with one covariance for all classes (Lee, K. et al., A simple unified
framework for detecting out-of-distribution samples and adversarial attacks, NeurIPS 2018), shrunk towards a sphere as Ledoit and Wolf
do (A well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 88, 2004), because
embeddings often have more dimensions than a class has images.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

QUANTILE: Final = 0.99
_BLOCK: Final = 2048


@dataclass(frozen=True, eq=False)
class ClassCentres:
    """The training classes in the space of embeddings.

    Parameters
    ----------
    centres
        Mean of each class after `whitening`, float32 of shape ``(k, e)``.
    whitening
        float32 of shape ``(d, e)``: an embedding times it has covariance one within the training classes.
    """

    centres: Array
    whitening: Array

    def distance(self, embeddings: npt.ArrayLike) -> Array:
        """Return the distance of each embedding ``(n, d)`` to the nearest class mean, float32 of shape ``(n,)``."""
        values = np.asarray(embeddings, np.float32)
        if values.ndim != 2 or values.shape[1] != self.whitening.shape[0]:
            raise ValueError(
                f"expected embeddings of {self.whitening.shape[0]} numbers, got an array of shape {values.shape}"
            )
        result, centres = np.empty(len(values), np.float32), self.centres.astype(np.float64)
        for start in range(0, len(values), _BLOCK):
            white = values[start : start + _BLOCK].astype(np.float64) @ self.whitening.astype(np.float64)
            # |w - c|^2 without an array of (images, classes, dimensions), which would be gigabytes.
            squared = (white**2).sum(axis=1)[:, None] - 2 * white @ centres.T + (centres**2).sum(axis=1)
            result[start : start + _BLOCK] = np.sqrt(np.maximum(squared.min(axis=1), 0.0))
        return result


def fit_centres(embeddings: npt.ArrayLike, labels: npt.ArrayLike, n_classes: int) -> ClassCentres:
    """Return class means and common covariance of *training* images.

    Parameters
    ----------
    embeddings
        Shape ``(n, d)``.
    labels
        Class of each, ``0 .. n_classes - 1``; images of any other are left out.
    n_classes
        Classes of the model; one without a training image has no mean.

    Raises
    ------
    ValueError
        When there are fewer than two images or no spread at all.
    """
    from sklearn.covariance import ledoit_wolf

    values, index = np.asarray(embeddings, np.float64), np.asarray(labels, int)
    if values.ndim != 2 or len(values) < 2 or len(values) != len(index):
        raise ValueError(
            f"expected at least 2 embeddings and as many labels, got {values.shape} and {index.shape}"
        )
    values, index = values[index >= 0], index[index >= 0]
    present = [label for label in range(n_classes) if (index == label).any()]
    if not present:
        raise ValueError("no training image has a class that the model knows")
    means = np.stack([values[index == label].mean(axis=0) for label in present])
    centred = values - means[np.searchsorted(present, index)]
    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    eigenvalues, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    if not eigenvalues[-1] > 0:
        raise ValueError(
            "the training images of each class all have the same embedding, so no distance has a scale"
        )
    # A direction without spread (a dead unit) would otherwise turn rounding into distance.
    whitening = vectors / np.sqrt(np.maximum(eigenvalues, 1e-6 * eigenvalues[-1]))
    return ClassCentres((means @ whitening).astype(np.float32), whitening.astype(np.float32))


@dataclass(frozen=True)
class Threshold:
    """Distance beyond which an image is taken for none of the training classes.

    Parameters
    ----------
    distance
        The threshold.
    expected_share
        Share of images of the known classes that lie beyond it, on average over labelled sets of this size.
    """

    distance: float
    expected_share: float


def threshold(distances: npt.ArrayLike, quantile: float = QUANTILE) -> Threshold:
    """Return the conformal threshold: the ``ceil((n + 1) q)``-th smallest held-out distance, or the largest where ``n`` is small.

    A new image of the same classes and shares lies beyond it with probability at most ``1 - q`` (Vovk, V., Gammerman, A. and Shafer,
    G., Algorithmic learning in a random world, 2005); with fewer than ``q / (1 - q)`` images this cannot be promised and
    `expected_share` says what can.

    Parameters
    ----------
    distances
        Of held-out images of known classes, at least one.
    quantile
        Share of them that shall lie within.
    """
    ordered = np.sort(np.asarray(distances, np.float64))
    n = len(ordered)
    if not n:
        raise ValueError("a threshold needs at least one held-out image")
    rank = min(n, int(np.ceil((n + 1) * quantile - 1e-9)))
    return Threshold(float(ordered[rank - 1]), (n + 1 - rank) / (n + 1))
