"""What one set of images shows, and how often a normal sample shows as much."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.drift.distances import Names, Neighbours, Values
from tidelab.drift.known import KnownSamples, root
from tidelab.drift.looks import Look
from tidelab.drift.matched import Cloud
from tidelab.drift.settings import DriftSettings
from tidelab.science import effect_size

_SHARE, _SEEN, _LOOKS = 0.6, 0.2, 0.2
"""Parts of the false alarms that are allowed: for the share of unlike images, the discrepancy, and the image statistics."""


@dataclass(frozen=True)
class Images:
    """A run, or one sample of it.

    Parameters
    ----------
    cloud
        Vectors of length 1 and classes.
    neighbours
        Nearest known images.
    statistics
        Image statistic -> values.
    samples
        Sample of each image; empty where not known.
    """

    cloud: Cloud
    neighbours: Neighbours
    statistics: Mapping[str, Values]
    samples: Names

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, chosen: npt.NDArray[np.bool_]) -> "Images":
        """Return some of the images."""
        near = self.neighbours
        return Images(
            self.cloud.part(chosen),
            Neighbours(near.nearest[chosen], near.distances[chosen], near.ratios[chosen]),
            {name: values[chosen] for name, values in self.statistics.items()},
            self.samples[chosen],
        )

    @property
    def effective_samples(self) -> float:
        """Number of samples of equal size that average out as much as these: 1 for one sample or none known."""
        if not len(self):
            return 1.0
        _, sizes = np.unique(self.samples, return_counts=True)
        return float(sizes.sum() ** 2 / (sizes**2).sum())


@dataclass(frozen=True)
class Evidence:
    """Effect sizes and what normal samples show; None where there is nothing to judge them by.

    Parameters
    ----------
    n, unlike
        Images, and those further from the known ones than the limit.
    sure_unlike
        Of these, images of classes with enough known images to say so.
    most_unlike
        Largest number of unlike images that a normal sample of this size shows.
    share_p_value, seen_p_value
        How often a normal sample shows as many, and such a discrepancy.
    seen, seen_limit
        Discrepancy (MMD) at the fixed number of images, and what normal samples rarely exceed.
    looks
        By image statistic.
    score
        How unlike the images are, in standard deviations of the known samples.
    """

    n: int
    unlike: int
    sure_unlike: int
    most_unlike: int | None = None
    share_p_value: float | None = None
    seen: float | None = None
    seen_limit: float | None = None
    seen_p_value: float | None = None
    looks: Mapping[str, Look] | None = None
    score: float | None = None

    @property
    def share(self) -> float:
        """Share of unlike images."""
        return self.unlike / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return effect_size.wilson_interval(self.unlike, self.n)

    @property
    def too_many_unlike(self) -> bool:
        """More unlike images than a normal sample shows."""
        return self.most_unlike is not None and self.unlike > self.most_unlike

    @property
    def seen_otherwise(self) -> bool:
        """A larger discrepancy than a normal sample shows."""
        return self.seen is not None and self.seen_limit is not None and self.seen > self.seen_limit


def gather(images: Images, known: KnownSamples, settings: DriftSettings, allowed: float) -> Evidence:
    """Measure a set of images against the known samples.

    Parameters
    ----------
    images
        At least one.
    known
        Of the model's reference.
    settings
        Seed of the draws.
    allowed
        Chance that a normal sample is called anything but normal.
    """
    beyond = images.neighbours.ratios > known.limit
    few = np.asarray([known.few_known(label) for label in images.cloud.labels.tolist()])
    unlike, sure = int(beyond.sum()), int((beyond & ~few).sum())
    if known.effects is None:
        return Evidence(len(images), unlike, sure)
    shares = known.effects.exceedance(known.limit, images.effective_samples)
    seen = known.discrepancy(images.cloud, settings.seed)
    return Evidence(
        n=len(images),
        unlike=unlike,
        sure_unlike=sure,
        most_unlike=effect_size.count_limit(len(images), shares, _SHARE * allowed) - 1,
        share_p_value=effect_size.count_p_value(unlike, len(images), shares),
        seen=seen,
        seen_limit=None if seen is None else effect_size.predictive_limit(known.seen, _SEEN * allowed) ** 2,
        seen_p_value=None if seen is None else effect_size.predictive_p_value(root(seen), known.seen),
        looks=_looks(images, known, _LOOKS * allowed),
        score=known.score(float(images.neighbours.ratios.mean()), len(images), seen),
    )  # fmt: skip


def _looks(images: Images, known: KnownSamples, allowed: float) -> dict[str, Look]:
    names = [name for name in images.statistics if name in known.looks]
    labels, n_samples = images.cloud.labels, images.effective_samples
    return {
        name: known.looks[name].judge(
            images.statistics[name], labels, known.mix, n_samples, allowed / len(names)
        )
        for name in names
    }
