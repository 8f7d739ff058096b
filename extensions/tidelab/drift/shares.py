"""Change of the class shares: apart from appearance, because a bloom is news about the sea and not about the camera."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.domain.verdict import ShareChange
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.science.two_sample import share_distance_test


def class_weights(labels: Sequence[str], reference: Reference) -> npt.NDArray[np.float64]:
    """Return a weight for each reference image that gives the reference the class shares of `labels`; shape ``(n_reference,)``."""
    here, there = Counter(labels), Counter(reference.labels)
    weights = np.asarray([here[label] / there[label] for label in reference.labels], dtype=np.float64)
    # No class in common: nothing to match, every image counts the same.
    return weights if weights.sum() > 0 else np.ones(len(reference))


@dataclass(frozen=True)
class Shares:
    """Class shares here and in the reference."""

    changes: list[ShareChange]
    distance: float | None
    p_value: float | None
    differs: bool


def compare_shares(labels: Sequence[str], reference: Reference, settings: DriftSettings) -> Shares:
    """Compare the predicted classes of these images with those of all held-out images of the model.

    Parameters
    ----------
    labels
        Predicted labels; empty ones (below the score threshold) are left out.
    reference, settings
        `permutations`, `seed`, `p_value` and `class_distance` are used.

    Returns
    -------
    Shares
        Largest change first; nothing to compare gives no changes and no distance.
    """
    here, there = Counter(label for label in labels if label), Counter(dict(reference.label_counts))
    n, m = here.total(), there.total()
    if n == 0 or m == 0:
        return Shares([], None, None, False)
    names = sorted(here.keys() | there.keys())
    distance, p_value = share_distance_test(
        np.asarray([here[name] for name in names], dtype=np.int64),
        np.asarray([there[name] for name in names], dtype=np.int64),
        settings.permutations,
        np.random.default_rng(settings.seed),
    )
    changes = [
        ShareChange(label=name, share=round(here[name] / n, 6), reference_share=round(there[name] / m, 6))
        for name in names
    ]
    changes.sort(key=lambda change: (-abs(change.share - change.reference_share), change.label))
    differs = distance >= settings.class_distance and p_value <= settings.p_value
    return Shares(changes, round(distance, 6), round(p_value, 6), differs)
