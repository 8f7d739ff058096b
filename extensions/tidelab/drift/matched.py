"""Maximum mean discrepancy at one number of images, class by class equal on both sides.

Its value then grows neither with the number of images nor with a bloom: what is left is how the images of a class look to the
model. The value of a new set is read against those of whole known samples, each left out in turn.
"""

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


def discrepancy(
    images: Cloud, known: Cloud, size: int, sigma: float, seed: int, draws: int = DRAWS
) -> float | None:
    """Return the unbiased squared MMD of `size` images against `size` known images of the same classes.

    Each draw takes images at random and as many known ones of each class; the mean of its class (of the known images) is taken
    from every image first, so that what is compared is how images lie around their class.

    Parameters
    ----------
    images, known
        New images and known ones. Images of a class that has no known image left to stand beside them are passed over.
    size
        Images on each side.
    sigma
        Width of the RBF kernel.
    seed
        Of the draws.
    draws
        Values that the result is the mean of.

    Returns
    -------
    float or None
        None when fewer than `size` images can be matched.
    """
    from frouros.detectors.data_drift import MMD  # slow to import; most kernels never compare

    partners = {name: len(rows) for name, rows in known.by_class.items()}
    possible = sum(min(len(rows), partners.get(name, 0)) for name, rows in images.by_class.items())
    if possible < size or size < 2:
        return None
    centres = known.centres()
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        here, there = _draw(images, known, size, rng)
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


def _draw(images: Cloud, known: Cloud, size: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Draw images in random order until `size` of them have a known partner of their class, each used once."""
    left = {name: rng.permutation(rows).tolist() for name, rows in known.by_class.items()}
    here, there = [], []
    for index in rng.permutation(len(images.labels)).tolist():
        partners = left.get(str(images.labels[index]))
        if partners:
            here.append(index)
            there.append(partners.pop())
            if len(here) == size:
                break
    return np.asarray(here, dtype=np.intp), np.asarray(there, dtype=np.intp)


def _around(cloud: Cloud, rows: Indices, centres: dict[str, npt.NDArray[np.float64]]) -> two_sample.Vectors:
    middle = np.stack([centres[name] for name in cloud.labels[rows].tolist()])
    return np.asarray(cloud.vectors[rows] - middle, dtype=np.float32)
