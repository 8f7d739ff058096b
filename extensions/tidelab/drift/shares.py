"""Change of the class shares: apart from appearance, because a bloom is news about the sea and not about the camera."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidelab.domain.verdict import ShareChange
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.science.two_sample import share_distance_test


@dataclass(frozen=True)
class Shares:
    """Class shares here and in the reference."""

    changes: list[ShareChange]
    distance: float | None
    p_value: float | None
    differs: bool
    known: tuple[float, float] | None = None
    """Smallest and largest distance of a known sample from all others."""


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
    return Shares(changes, round(distance, 6), round(p_value, 6), differs, _among_known(reference))


def _among_known(reference: Reference) -> tuple[float, float] | None:
    """Return how far the class shares of whole known samples lie from those of the others, where there are samples."""
    names = sorted({label for one in reference.sample_counts.values() for label in one})
    table = np.asarray(
        [[one.get(name, 0) for name in names] for one in reference.sample_counts.values()], dtype=np.float64
    )
    if len(table) < 2:
        return None
    table = table[table.sum(axis=1) > 0]
    rest = table.sum(axis=0) - table
    apart = np.abs(table / table.sum(axis=1, keepdims=True) - rest / rest.sum(axis=1, keepdims=True))
    distances = 0.5 * apart.sum(axis=1)
    return float(distances.min()), float(distances.max())
