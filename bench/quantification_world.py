"""A world whose truth is known, for ``bench/quantification.py``: classes, a calibrated classifier, new water, and scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tidelab.science.class_distance import ClassCentres, fit_centres, threshold
from tidelab.science.quantification import Labelled, outputs

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CLASSES, DIMENSIONS, SEPARATION = 6, 6, 2.4
SHARES = np.array([0.40, 0.25, 0.15, 0.10, 0.06, 0.04])
"""Of the new water; the model was trained and tested on equal shares. Each simulation deals them out to the classes anew."""
EXPECTED_IMAGES = 500
_TRAINING_PER_CLASS = 200


@dataclass(frozen=True, eq=False)
class World:
    """Classes as Gaussian clouds; the classifier is Bayes' rule at equal shares, so its probabilities are calibrated exactly.

    Parameters
    ----------
    centres
        Shape ``(k, d)``.
    temperature
        Below 1 the probabilities are too sure of themselves.
    sample_spread
        Standard deviation, in those within a class, of a shift that all images of a class in one sample share.
    """

    centres: Array
    temperature: float = 1.0
    sample_spread: float = 0.0

    @classmethod
    def make(
        cls,
        classes: int = CLASSES,
        *,
        separation: float = SEPARATION,
        temperature: float = 1.0,
        sample_spread: float = 0.0,
        seed: int = 5,
    ) -> "World":
        """Return a world; at the default separation about 70 % of the images are named rightly, at 4 about 90 %."""
        centres = np.random.default_rng(seed).normal(size=(classes, DIMENSIONS))
        return cls(centres * separation / np.sqrt(DIMENSIONS), temperature, sample_spread)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.centres)

    def draw(self, truth: Integers, rng: np.random.Generator, samples: int = 1) -> tuple[Array, Integers]:
        """Return embeddings of images of these classes, and the sample of each."""
        of = rng.integers(samples, size=len(truth))
        shifts = self.sample_spread * rng.normal(size=(samples, *self.centres.shape))
        return self.centres[truth] + shifts[of, truth] + rng.normal(size=(len(truth), DIMENSIONS)), of

    def probabilities(self, embeddings: Array) -> Array:
        """Return what the classifier says."""
        logits = -0.5 * ((embeddings[:, None] - self.centres[None]) ** 2).sum(axis=2) / self.temperature
        logits -= logits.max(axis=1, keepdims=True)
        values = np.exp(logits)
        result: Array = values / values.sum(axis=1, keepdims=True)
        return result

    def water(self, shares: Array, rng: np.random.Generator) -> tuple[Integers, Array]:
        """Return true classes and embeddings of a new sample: a Poisson number of images."""
        truth = rng.choice(len(shares), size=rng.poisson(EXPECTED_IMAGES), p=shares)
        return truth, self.draw(truth, rng)[0]


@dataclass(frozen=True, eq=False)
class Tested:
    """A model with its held-out images, as a bundle carries them."""

    world: World
    labelled: Labelled
    centres: ClassCentres
    limit: float
    distances: Array

    @classmethod
    def of(cls, world: World, per_class: int, rng: np.random.Generator, samples: int = 1) -> "Tested":
        """Draw training and test images; the test images come from `samples` samples, known where there are several."""
        training = np.repeat(np.arange(world.n_classes), _TRAINING_PER_CLASS)
        centres = fit_centres(world.draw(training, rng)[0], training, world.n_classes)
        truth = np.repeat(np.arange(world.n_classes), per_class)
        embeddings, of = world.draw(truth, rng, samples)
        distances = centres.distance(embeddings)
        limit = threshold(distances)
        clusters = of if samples > 1 else np.full(len(truth), -1)
        labelled = Labelled(
            outputs(world.probabilities(embeddings), distances > limit.distance), truth, clusters
        )
        return cls(world, labelled, centres, limit.distance, distances.astype(float))

    def beyond(self, embeddings: Array) -> npt.NDArray[np.bool_]:
        """Return which images lie beyond the training classes."""
        return self.centres.distance(embeddings) > self.limit


@dataclass
class Score:
    """Coverage, error and width of one estimator; classes in the order of their share in the water, the most common first."""

    inside: list[Array] = field(default_factory=list)
    error: list[Array] = field(default_factory=list)
    width: list[Array] = field(default_factory=list)

    def add(self, expected: Array, value: Array, low: Array, high: Array) -> None:
        """Add one simulation."""
        order = np.argsort(-expected, kind="stable")
        self.inside.append(((low <= expected) & (expected <= high))[order].astype(float))
        self.error.append((value - expected)[order])
        self.width.append((high - low)[order])

    @property
    def coverage(self) -> Array:
        """Share of simulations whose interval holds the expected count, per class."""
        return _mean(self.inside)

    @property
    def bias(self) -> Array:
        """Mean error per class, images."""
        return _mean(self.error)

    @property
    def mean_width(self) -> float:
        """Mean width of the intervals, images."""
        return float(_mean(self.width).mean())


Scores = dict[str, Score]


def _mean(values: Sequence[Array]) -> Array:
    result: Array = np.mean(np.array(values), axis=0)
    return result
