"""Maximum mean discrepancy at one number of images, class by class equal on both sides.

Its value then grows neither with the number of images nor with a bloom: what is left is how the images of a class look to the
model. The value of a new set is read against those of whole known samples, each left out in turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science import two_sample

Names = npt.NDArray[np.str_]
Indices = npt.NDArray[np.intp]

DRAWS: Final = 20
"""Random choices of images that a value is averaged over."""


@dataclass(frozen=True)
class Cloud:
    """Images as the model sees them.

    Parameters
    ----------
    vectors
        Of length 1, shape ``(n, d)``.
    labels
        Class that the model gives each, shape ``(n,)``.
    """

    vectors: two_sample.Vectors
    labels: Names
    by_class: dict[str, Indices] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order = np.argsort(self.labels, kind="stable")
        names, starts = np.unique(self.labels[order], return_index=True)
        object.__setattr__(
            self, "by_class", dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
        )

    def part(self, chosen: npt.NDArray[np.bool_]) -> "Cloud":
        """Return some of the images."""
        return Cloud(self.vectors[chosen], self.labels[chosen])

    def centres(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the mean vector of each class."""
        return {
            name: self.vectors[rows].mean(axis=0, dtype=np.float64) for name, rows in self.by_class.items()
        }


def width(known: Cloud) -> float:
    """Return the kernel's width: the median distance between known images after the mean of their class was taken away."""
    centres = known.centres()
    return two_sample.median_heuristic(_around(known, np.arange(len(known.labels)), centres))


def shares(labels: Names) -> dict[str, float]:
    """Return the share of each class."""
    names, counts = np.unique(labels, return_counts=True)
    return {str(name): float(count) / len(labels) for name, count in zip(names, counts, strict=True)}


def quota(images: Cloud, known: Cloud, size: int, mix: Mapping[str, float]) -> dict[str, int]:
    """Return how many images of each class to compare, `size` in all, as near to a mix of classes as the images allow.

    How much a sample moves the images of one class is not how much it moves all: a bloom compared as it is would be read against
    samples of another mix.

    Parameters
    ----------
    images, known
        New images and known ones: of each class no more can be compared than either has.
    size
        Images on each side.
    mix
        Wanted share of each class.

    Returns
    -------
    dict
        Empty when fewer than `size` images can be matched.
    """
    names = [name for name in images.by_class if name in known.by_class]
    most = np.asarray([min(len(images.by_class[name]), len(known.by_class[name])) for name in names])
    if not names or most.sum() < size:
        return {}
    wanted = size * np.asarray([mix.get(name, 0.0) for name in names])
    taken = np.zeros(len(names), dtype=int)
    for _ in range(size):
        taken[np.where(taken < most, wanted - taken, -np.inf).argmax()] += 1
    return {name: int(count) for name, count in zip(names, taken, strict=True) if count}


def mix_distance(taken: Mapping[str, int], mix: Mapping[str, float]) -> float:
    """Return half the sum of absolute differences between the shares taken and those wanted."""
    size = sum(taken.values())
    names = taken.keys() | mix.keys()
    return 0.5 * sum(abs(taken.get(name, 0) / size - mix.get(name, 0.0)) for name in names)


def discrepancy(
    images: Cloud, known: Cloud, taken: Mapping[str, int], sigma: float, seed: int, draws: int = DRAWS
) -> float:
    """Return the unbiased squared MMD of some images against as many known images of the same classes.

    The mean of its class (of the known images) is taken from every image first, so that what is compared is how images lie around
    their class.

    Parameters
    ----------
    images, known
        New images and known ones.
    taken
        Images of each class on each side (`quota`), at least two in all; each draw takes them at random.
    sigma
        Width of the RBF kernel.
    seed
        Of the draws.
    draws
        Values that the result is the mean of.
    """
    from frouros.detectors.data_drift import MMD  # slow to import; most kernels never compare

    size = sum(taken.values())
    centres = known.centres()
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        here, there = _draw(images, taken, rng), _draw(known, taken, rng)
        pooled = np.concatenate([_around(known, there, centres), _around(images, here, centres)])
        kernel = two_sample.rbf_kernel_matrix(pooled, sigma)

        def looked_up(
            rows: Indices, columns: Indices, kernel: npt.NDArray[np.float32] = kernel
        ) -> npt.NDArray[np.float64]:
            return np.asarray(kernel[np.ix_(rows[:, 0], columns[:, 0])], dtype=np.float64)

        detector = MMD(kernel=looked_up)
        detector.fit(X=np.arange(size)[:, None])
        result, _ = detector.compare(X=np.arange(size, 2 * size)[:, None])
        values.append(float(result.distance))
    return float(np.mean(values))


def _draw(cloud: Cloud, taken: Mapping[str, int], rng: np.random.Generator) -> Indices:
    return np.concatenate([rng.permutation(cloud.by_class[name])[:count] for name, count in taken.items()])


def _around(cloud: Cloud, rows: Indices, centres: dict[str, npt.NDArray[np.float64]]) -> two_sample.Vectors:
    middle = np.stack([centres[name] for name in cloud.labels[rows].tolist()])
    return np.asarray(cloud.vectors[rows] - middle, dtype=np.float32)
