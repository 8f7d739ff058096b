"""Is a new sample further off than samples normally are? Effect sizes judged by what whole known samples show.

Images of one bottle are alike, so a test that counts images finds a difference between any two bottles once there are enough of
them. Here the sample is the unit: how much known samples differ from one another decides what a new one may show.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_NODES: Final = 64
_COUNT_NODES: Final = 16
"""Quantiles, of the effect of a sample and of a share that was counted, over which a prediction is averaged."""


def wilson_interval(found: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927): honest near 0 and for few images, unlike value ± 1.96 SE.

    Parameters
    ----------
    found, n
        How many of how many; ``n`` at least 1.
    level
        Of confidence. It covers the error of counting `n` images, not that samples differ.

    References
    ----------
    Wilson, E. B. "Probable inference, the law of succession, and statistical inference." Journal of the American Statistical
    Association 22 (1927): 209-212.

    Examples
    --------
    >>> [round(end, 4) for end in wilson_interval(0, 30)]
    [0.0, 0.1135]
    """
    if not 0 <= found <= n or n < 1:
        raise ValueError(f"expected 0 <= found <= n and n >= 1, got {found} of {n}")
    from scipy.special import ndtri

    z = float(ndtri(0.5 + level / 2))
    share = found / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if found == 0 else float(centre - half)
    return low, 1.0 if found == n else float(centre + half)


def predictive_p_value(value: float, known: Values) -> float:
    """Return how often a new draw from where `known` comes from is at least as large as `value`.

    Parameters
    ----------
    value
        Of the new sample.
    known
        Shape ``(s,)``: the same quantity for each known sample, at least 3. Taken as normal with unknown mean and variance: the
        tail of Student's t with ``s - 1`` degrees of freedom at ``(value - mean) / (sd sqrt(1 + 1/s))`` (Whitmore 1986).

    References
    ----------
    Whitmore, G. A. "Prediction limits for a univariate normal observation." The American Statistician 40 (1986): 141-143.
    """
    from scipy.special import stdtr

    return float(stdtr(len(known) - 1, -standard_score(value, known) / np.sqrt(1 + 1 / len(known))))


def predictive_limit(known: Values, p_value: float) -> float:
    """Return the value that a new draw from where `known` comes from exceeds with chance `p_value`; see `predictive_p_value`."""
    from scipy.special import stdtrit

    s, deviation = len(known), _deviation(known)
    return float(known.mean() - stdtrit(s - 1, p_value) * deviation * np.sqrt(1 + 1 / s))


def standard_score(value: float, known: Values) -> float:
    """Return by how many standard deviations of the known samples a value lies above their mean."""
    return float((value - known.mean()) / _deviation(known))


def _deviation(known: Values) -> float:
    if len(known) < 3:
        raise ValueError(f"a prediction needs at least 3 known values, got {len(known)}")
    # Equal values: any larger one is beyond them, and none divides by nothing.
    return max(float(np.std(known, ddof=1)), 1e-9 * max(1.0, float(np.abs(known).max())))


@dataclass(frozen=True)
class SampleEffects:
    """One-way random effects: a value of an image is the mean, plus the effect of its sample, plus its own part.

    Parameters
    ----------
    mean
        Of the samples' means.
    between, within
        Variance of the effects of samples, and of images within a sample. The first is 0 where the samples differ no more than
        their images make them.
    samples
        Number of samples behind it.
    size
        Images of a typical one.
    own
        Own part of each image, scaled to the variance within; shape ``(n,)``.
    means
        Mean of each sample; shape ``(samples,)``, in the order of the sorted sample names.
    """

    mean: float
    between: float
    within: float
    samples: int
    size: float
    own: Values
    means: Values

    @classmethod
    def fit(cls, values: Values, samples: npt.NDArray[np.str_]) -> "SampleEffects":
        """Estimate the variances by analysis of variance with unequal sample sizes (Searle, Casella and McCulloch 1992, ch. 3).

        Parameters
        ----------
        values
            One for each image, shape ``(n,)``.
        samples
            Name of the sample of each image. At least two samples, and one with two images.
        """
        _, codes, sizes = np.unique(samples, return_inverse=True, return_counts=True)
        s, n = len(sizes), len(values)
        if s < 2 or n <= s:
            raise ValueError(
                f"effects of samples need 2 samples and more images than samples, got {s} and {n}"
            )
        means = np.bincount(codes, weights=values) / sizes
        rest = values - means[codes]
        within = float((rest**2).sum() / (n - s))
        mean_square = float((sizes * (means - values.mean()) ** 2).sum() / (s - 1))
        typical_size = (n - float((sizes**2).sum()) / n) / (s - 1)
        between = max(0.0, (mean_square - within) / typical_size)
        # Taking a sample's own mean away makes its images look more alike than they are.
        scale = np.sqrt(np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), 0.0))[codes]
        return cls(
            float(means.mean()),
            between,
            within,
            s,
            typical_size,
            (rest * scale)[sizes[codes] > 1],
            np.asarray(means),
        )

    def exceedance(self, limit: float, n_samples: float = 1.0) -> Values:
        """Return shares of images above `limit` that new normal samples may have, each as likely as the others.

        Two things are not known: the effect of a new sample (Student's t with the variance between the samples), and the share
        above the limit itself, which was counted among the known images (a beta distribution, Jeffreys' prior).

        Parameters
        ----------
        limit
            On the scale of the values.
        n_samples
            Samples that the images come from, as an effective number: effects average out.
        """
        from scipy.special import betaincinv, stdtrit

        chances = (np.arange(_NODES) + 0.5) / _NODES
        spread = np.sqrt(self.between * (1 / n_samples + 1 / self.samples))
        effects = stdtrit(self.samples - 1, chances) * spread
        own = np.sort(self.own)
        above = len(own) - np.searchsorted(own, limit - self.mean - effects, side="right")
        counted = (np.arange(_COUNT_NODES) + 0.5) / _COUNT_NODES
        shares = betaincinv(above[:, None] + 0.5, len(own) - above[:, None] + 0.5, counted[None, :])
        return np.asarray(shares, dtype=np.float64).ravel()

    def predict(
        self, value: float, n: float, n_samples: float = 1.0, extra: float = 0.0
    ) -> tuple[float, float]:
        """Return how far the mean of `n` new images lies from the known ones, and how often a normal set lies as far, either way.

        Parameters
        ----------
        value, n
            Mean of the new images and their number, an effective one where they are weighted. More than a typical known sample has count as that many: the variance between
            samples is an estimate, and a prediction that rests on it alone is off when it happens to be small.
        n_samples
            Samples they come from, as an effective number.
        extra
            Further variance of the mean, in units of the variance within a sample.

        Returns
        -------
        score, p_value : float
            Difference over its standard deviation when nothing changed; two-sided tail of Student's t with ``samples - 1`` degrees.
        """
        from scipy.special import stdtr

        variance = self.between * (1 / n_samples + 1 / self.samples) + self.within * (
            1 / min(n, self.size) + extra
        )
        score = float((value - self.mean) / np.sqrt(max(variance, 1e-18)))
        return score, float(2 * stdtr(self.samples - 1, -abs(score)))

    def standard_score(self, value: float, n: int, n_samples: float = 1.0) -> float:
        """Return the mean of `n` new images in units of the standard deviation that normal samples of that size have."""
        variance = self.between / n_samples + self.within / n
        return float((value - self.mean) / np.sqrt(max(variance, 1e-18)))


def count_p_value(found: int, n: int, shares: Values) -> float:
    """Return the chance of at least `found` of `n` images when their share is one of `shares`, each as likely as the others."""
    from scipy.special import bdtrc

    if found <= 0:
        return 1.0
    return float(np.mean(bdtrc(found - 1, n, shares)))


def count_limit(n: int, shares: Values, p_value: float) -> int:
    """Return the smallest number of `n` images that is reached with at most chance `p_value`; ``n + 1`` when none is."""
    low, high = 0, n + 1  # the chance falls with the number: bisection
    while low < high:
        middle = (low + high) // 2
        if count_p_value(middle, n, shares) <= p_value:
            high = middle
        else:
            low = middle + 1
    return low
