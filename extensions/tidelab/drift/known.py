"""How whole known samples differ from one another: the measure for what a new sample may show."""

from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tidelab.drift import matched
from tidelab.drift.distances import Names, Values, Yardstick
from tidelab.drift.looks import KnownLook
from tidelab.drift.matched import Cloud
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.science import two_sample
from tidelab.science.effect_size import SampleEffects, standard_score

SAMPLE_IMAGES: Final = 5
"""A known sample counts from this many images on."""
CLASS_IMAGES: Final = 20
"""With fewer known images of a class nobody can tell how much its images differ from one another."""
_MOST_MATCHED: Final = 25
_FEWEST_MATCHED: Final = 10


@dataclass(frozen=True)
class KnownSamples:
    """What the known images show when each sample is left out in turn.

    Parameters
    ----------
    names
        Samples that count, sorted.
    cloud
        All known images, also of samples that do not count.
    yardstick
        Distances between known images of different samples.
    limit
        Logarithm of distance over typical distance that ``settings.neighbour_quantile`` of the known images stay within.
    effects
        How the samples differ in distance; None with fewer than ``settings.minimum_samples`` samples.
    size
        Images that MMD is compared at; 0 when too few samples have as many.
    sigma
        Width of the kernel.
    discrepancies
        Sample that has `size` images -> MMD against all others; empty when not compared.
    mix
        Share of each class among the known images.
    farthest_mix
        How far from it the images of a sample are that its discrepancy was taken of, at most.
    looks
        Image statistic -> how samples differ in it; those that are always the same are left out.
    shares
        Share of images beyond the limit in each sample, in the order of `names`.
    """

    names: tuple[str, ...]
    cloud: Cloud
    yardstick: Yardstick
    limit: float
    effects: SampleEffects | None
    shares: Values
    size: int
    sigma: float
    discrepancies: dict[str, float]
    mix: dict[str, float]
    farthest_mix: float
    looks: dict[str, KnownLook]

    @classmethod
    def of(cls, reference: Reference, settings: DriftSettings) -> "KnownSamples":
        """Take the reference apart by sample; the same question about the same reference is answered from memory."""
        question = (
            settings.minimum_samples,
            settings.minimum_images,
            settings.neighbour_quantile,
            settings.seed,
        )
        held = _CACHE.get(reference)
        if held is None or held[0] != question:
            held = _CACHE[reference] = (question, cls._make(reference, settings))
        return held[1]

    @classmethod
    def _make(cls, reference: Reference, settings: DriftSettings) -> "KnownSamples":
        vectors = two_sample.unit_vectors(reference.embeddings)
        samples, labels = np.asarray(reference.sample_ids), np.asarray(reference.labels)
        cloud, yardstick = Cloud(vectors, labels), Yardstick.make(vectors, labels, samples)
        counted = _counted(samples)
        among = np.isin(samples, counted)
        enough = len(counted) >= settings.minimum_samples
        # Images of samples that do not count still are neighbours, and weigh nothing here.
        ratios = yardstick.own.ratios[among] if enough else yardstick.own.ratios
        limit = two_sample.weighted_quantile(ratios, np.ones(len(ratios)), settings.neighbour_quantile)
        effects = SampleEffects.fit(ratios, samples[among]) if enough else None
        sizes = {name: int(np.sum(samples == name)) for name in counted}
        size = fixed_size(list(sizes.values()), settings) if enough else 0
        sigma = matched.width(cloud)
        mix = matched.shares(labels)
        compared = [name for name in counted if size and sizes[name] >= size]
        discrepancies, farthest = _left_out(cloud, samples, compared, size, mix, sigma, settings)
        return cls(
            names=tuple(counted),
            cloud=cloud,
            yardstick=yardstick,
            limit=limit,
            effects=effects,
            shares=_shares(ratios > limit, samples[among], counted if enough else []),
            size=size,
            sigma=sigma,
            discrepancies=discrepancies,
            mix=mix,
            farthest_mix=farthest,
            looks=_looks(reference, labels, samples, among) if enough else {},
        )

    @property
    def distance_limit(self) -> float:
        """The limit as a distance, on the scale of `Neighbours.distances`."""
        return float(np.exp(self.limit)) * self.yardstick.overall

    @property
    def seen(self) -> Values:
        """The values of `discrepancies`, each as `root`."""
        return np.asarray([root(value) for value in self.discrepancies.values()])

    def score(self, far: float, size: int, seen: float | None) -> float | None:
        """Return how unlike the known ones the images of a sample are, in standard deviations of the known samples.

        The distance to the nearest known image finds strangers, the discrepancy finds a change that all images share: the sum of
        both, each in standard deviations of the known samples, over the spread that this sum has among them.

        Parameters
        ----------
        far
            Mean of `Neighbours.ratios` of the images.
        size
            Number of images; more than the fixed number count as that many, so that the score does not grow with it.
        seen
            Their discrepancy, None where it could not be taken.
        """
        if self.effects is None:
            return None
        first = self.effects.standard_score(far, min(size, self.size or size))
        if seen is None or not self.discrepancies:
            return first
        means = dict(zip(self.names, self.effects.means.tolist(), strict=True))
        known = [
            self.effects.standard_score(means[name], self.size) + standard_score(root(value), self.seen)
            for name, value in self.discrepancies.items()
        ]
        return standard_score(first + standard_score(root(seen), self.seen), np.asarray(known))

    def discrepancy(self, images: Cloud, seed: int) -> float | None:
        """Return the discrepancy of new images, or None where they cannot be compared.

        That is with too few known samples, with too few images of known classes, and with a mix of classes that is further from the
        known one than that of any known sample, also when images are chosen to bring it near: what a bloom does to the value nobody
        has seen.
        """
        if not self.discrepancies:
            return None
        taken = matched.quota(images, self.cloud, self.size, self.mix)
        if not taken or matched.mix_distance(taken, self.mix) > self.farthest_mix + 1e-9:
            return None
        return matched.discrepancy(images, self.cloud, taken, self.sigma, seed)

    def few_known(self, label: str) -> bool:
        """Whether the known images hold too few of a class to say how much its images differ."""
        return len(self.cloud.by_class.get(label, ())) < CLASS_IMAGES


def root(discrepancy: float) -> float:
    """Return the MMD of a squared one (0 for a negative estimate): among samples it is spread nearly evenly around its mean.

    The squared one has a long upper tail, and a limit from its mean and standard deviation is passed too often.
    """
    return float(np.sqrt(max(discrepancy, 0.0)))


def _counted(samples: Names) -> list[str]:
    names, sizes = np.unique(samples[samples != ""], return_counts=True)
    return [str(name) for name, size in zip(names, sizes, strict=True) if size >= SAMPLE_IMAGES]


def _shares(beyond: npt.NDArray[np.bool_], samples: Names, names: list[str]) -> Values:
    return np.asarray([float(np.mean(beyond[samples == name])) for name in names])


def fixed_size(sizes: list[int], settings: DriftSettings) -> int:
    """Return the number of images to compare at: what three quarters of the samples have, 10 to 25; 0 when too few have it."""
    size = int(np.clip(np.quantile(sizes, 0.25), _FEWEST_MATCHED, _MOST_MATCHED)) if sizes else 0
    enough = sum(one >= size for one in sizes) >= settings.minimum_samples
    return size if enough and size <= settings.minimum_images else 0


def _looks(
    reference: Reference, labels: Names, samples: Names, counted: npt.NDArray[np.bool_]
) -> dict[str, KnownLook]:
    made = {
        name: KnownLook.make(reference.statistic(name), labels, samples, counted)
        for name in reference.statistic_names
    }
    return {name: look for name, look in made.items() if look is not None}


def _left_out(
    cloud: Cloud,
    samples: Names,
    names: list[str],
    size: int,
    mix: dict[str, float],
    sigma: float,
    settings: DriftSettings,
) -> tuple[dict[str, float], float]:
    """Return the discrepancy of each sample that can be matched, and the largest distance of their mixes of classes."""
    found, apart = {}, [0.0]
    for name in names:
        images, others = cloud.part(samples == name), cloud.part(samples != name)
        taken = matched.quota(images, others, size, mix)
        if taken:
            found[name] = matched.discrepancy(images, others, taken, sigma, settings.seed)
            apart.append(matched.mix_distance(taken, mix))
    return (found if len(found) >= settings.minimum_samples else {}), max(apart)


_CACHE: WeakKeyDictionary[Reference, tuple[tuple[float, ...], KnownSamples]] = WeakKeyDictionary()
