"""How many images at least are of no class that a model knows.

An unknown class rarely lies beyond every known image: much of it hides among the outermost known ones. But there are then more images
out there than the known classes can fill. If known classes put a share ``e`` of their images beyond some distance and a share ``o``
of the new ones lies there, at least ``(o - e) / (1 - e)`` of the new images are of another class, however that class is spread: the
lower bound of mixture proportion estimation (Blanchard, G., Lee, G. and Scott, C., Semi-supervised novelty detection, Journal of
Machine Learning Research 11, 2010). What the known classes put there is reckoned class by class, at the shares they have here: a bloom of a ragged class is no
unknown class.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

QUANTILES: Final = (0.99, 0.95, 0.9, 0.8)
"""Of the held-out distances: where is looked. Far out few known images disturb, further in more of an unknown class is met."""
LEAST_Z: Final = 3.0
"""Standard errors by which a bound must exceed zero; it is looked at four places, and at every sample."""


@dataclass(frozen=True)
class Unexplained:
    """The largest lower bound that is not chance.

    Parameters
    ----------
    share
        Least share of the images that is of no known class; 0 where chance explains everything.
    observed, expected
        Share of the images beyond the distance where it was found, and the share that known classes put there.
    """

    share: float
    observed: float
    expected: float


def unexplained(
    distances: npt.ArrayLike, held_out: npt.ArrayLike, truth: npt.ArrayLike, shares: npt.ArrayLike
) -> Unexplained:
    """Return the least share of images that no known class explains.

    Parameters
    ----------
    distances
        Of the new images from the training classes, shape ``(n,)``.
    held_out, truth
        The same of held-out images, and their classes, ``0 .. k - 1``, shape ``(m,)``.
    shares
        Of the known classes among the new images, shape ``(k,)``; their sum does not matter.
    """
    far, known = np.asarray(distances, np.float64), np.asarray(held_out, np.float64)
    index, weight = np.asarray(truth, int), np.maximum(np.asarray(shares, np.float64), 0.0)
    tested = np.bincount(index, minlength=len(weight)).astype(float)
    weight = np.where(tested > 0, weight, 0.0)
    weight = weight / weight.sum() if weight.sum() > 0 else tested / tested.sum()
    best = Unexplained(0.0, 0.0, 0.0)
    for quantile in QUANTILES:
        limit = float(np.quantile(known, quantile))
        outside = np.bincount(index, weights=known > limit, minlength=len(weight))
        expected = float((weight * outside / np.maximum(tested, 1.0)).sum())
        observed = float((far > limit).mean()) if len(far) else 0.0
        # One half and one more: no class is sure to have nothing out there because few images of it were looked at.
        rates = (outside + 0.5) / (tested + 1)
        error = float((weight**2 * rates * (1 - rates) / np.maximum(tested, 1.0)).sum())
        error += max(expected, float((weight * rates).sum()) * 0.5) * (1 - expected) / max(len(far), 1)
        share = (observed - expected) / max(1 - expected, 1e-9)
        if share > best.share and observed - expected > LEAST_Z * np.sqrt(error):
            best = Unexplained(share, observed, expected)
    return best
