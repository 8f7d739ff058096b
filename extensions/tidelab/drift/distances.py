"""How far images are from the known ones, relative to what is usual for their class."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science import two_sample

Names = npt.NDArray[np.str_]
Values = npt.NDArray[np.float64]

_PRIOR_IMAGES: Final = 10
"""Weight of the typical distance of all classes in that of one class, in images: three images say little of their class."""
_NEAREST_RATIO: Final = 0.01
"""Copies of a known image are called this close: the logarithm of 0 would drown all else."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest known image of each image.

    Parameters
    ----------
    nearest
        Its index in the reference, shape ``(n,)``.
    distances
        Distance to it divided by what is typical for the class of the image and multiplied by what is typical for all, so that
        classes whose images differ much from one another can be told with the others; shape ``(n,)``.
    ratios
        Logarithm of distance over typical distance, shape ``(n,)``.
    """

    nearest: npt.NDArray[np.intp]
    distances: Values
    ratios: Values


@dataclass(frozen=True)
class Yardstick:
    """What is usual among the known images.

    Parameters
    ----------
    own
        Each known image's nearest one, looked for in *other* samples where samples are known.
    typical
        Median distance of each class, drawn towards `overall` where few images show it.
    overall
        Median distance of all.
    """

    own: Neighbours
    typical: dict[str, float]
    overall: float

    @classmethod
    def make(cls, vectors: two_sample.Vectors, labels: Names, samples: Names) -> "Yardstick":
        """Measure the known images, whose vectors have length 1; an empty name of a sample means that it is not known."""
        nearest, distances = _within(vectors, samples)
        overall = float(np.median(distances)) or 1.0
        typical = {}
        for label in np.unique(labels).tolist():
            of_class = distances[labels == label]
            n = len(of_class)
            typical[label] = (n * float(np.median(of_class)) + _PRIOR_IMAGES * overall) / (n + _PRIOR_IMAGES)
        unmeasured = cls(
            Neighbours(nearest, distances, distances), {k: v or 1.0 for k, v in typical.items()}, overall
        )
        return cls(
            unmeasured._relative(nearest, distances, labels),
            unmeasured.typical,
            overall,
        )

    def measure(
        self, vectors: two_sample.Vectors, labels: Names, reference: two_sample.Vectors
    ) -> Neighbours:
        """Return the nearest known image of each new one; both have vectors of length 1."""
        return self._relative(*two_sample.nearest_neighbours(vectors, reference), labels)

    def _relative(self, nearest: npt.NDArray[np.intp], distances: Values, labels: Names) -> Neighbours:
        typical = np.asarray([self.typical.get(label, self.overall) for label in labels.tolist()])
        ratio = distances / typical
        return Neighbours(nearest, ratio * self.overall, np.log(np.maximum(ratio, _NEAREST_RATIO)))


def _within(vectors: two_sample.Vectors, samples: Names) -> tuple[npt.NDArray[np.intp], Values]:
    """Return the nearest known image of another sample for each known image, and its distance."""
    block = two_sample.squared_distances(vectors, vectors)
    _, codes = np.unique(samples, return_inverse=True)
    forbidden = (codes[:, None] == codes[None, :]) & (samples != "")[:, None]
    if forbidden.all(axis=1).any():  # one sample holds everything: other images of it have to do
        forbidden[:] = False
    np.fill_diagonal(forbidden, True)
    block[forbidden] = np.inf
    return block.argmin(axis=1), np.sqrt(block.min(axis=1))
