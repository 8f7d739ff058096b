"""From embeddings, image statistics and labels to a verdict.

The state rests on an effect size that does not grow with the number of images: the share of images whose nearest reference
image is further away than the reference images are from one another. A test only guards it against chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.verdict import DriftedImage, Verdict, VerdictState
from tidelab.drift.causes import compare_statistics, is_strong
from tidelab.drift.detectors import mmd_test
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.drift.shares import class_weights, compare_shares
from tidelab.drift.words import DEMO, headline, reasons
from tidelab.science import two_sample

SHOWN: Final = 12
"""Most drifted images that a verdict names."""


@dataclass(frozen=True)
class Neighbours:
    """How far images are from the reference, as the model sees them."""

    nearest: npt.NDArray[np.intp]
    distances: npt.NDArray[np.float64]
    limit: float
    p_value: float

    @property
    def unlike(self) -> int:
        """Images further away than the limit."""
        return int(np.sum(self.distances > self.limit))

    @property
    def share(self) -> float:
        """Their share of all images."""
        return self.unlike / len(self.distances)


def assess(
    embeddings: npt.NDArray[np.float32],
    statistics: pd.DataFrame | Sequence[Mapping[str, float]],
    labels: Sequence[str],
    reference: Reference | None,
    settings: DriftSettings | None = None,
    demo: bool = False,
    *,
    image_ids: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
) -> Verdict:
    """Say whether the model is fit for these images.

    Parameters
    ----------
    embeddings
        float32 of shape ``(n, d)``, from the model the reference was made with.
    statistics
        One row, or one mapping, for each image; names the reference does not hold are ignored.
    labels
        Predicted label of each image; images with an empty label are left out of the class shares.
    reference
        The reference of the model's bundle, or None when it has none.
    settings
        Parameters of the decision; the defaults of `DriftSettings` when None.
    demo
        The model is a demonstration: everything is computed and shown, and the state is grey.
    image_ids, images
        Digest and path of each image, so that the most drifted ones can be shown.

    Returns
    -------
    Verdict
        Grey, with the reason in words, whenever no comparison is possible: this function raises for programming errors
        only (lengths that disagree).

    Raises
    ------
    ValueError
        When the arguments do not have one entry for each image.
    """
    chosen = settings or DriftSettings()
    n = len(embeddings)
    table = statistics if isinstance(statistics, pd.DataFrame) else pd.DataFrame(list(statistics))
    for name, given in (
        ("statistics", table),
        ("labels", labels),
        ("image_ids", image_ids),
        ("images", images),
    ):
        if given is not None and len(given) != n:
            raise ValueError(f"{name} must have one entry for each of the {n} embeddings, got {len(given)}")
    obstacle = _obstacle(embeddings, reference, chosen)
    if obstacle or reference is None:
        return cannot_tell(obstacle, demo=demo, n_images=n, n_reference=len(reference) if reference else 0)

    here, there = two_sample.unit_vectors(embeddings), two_sample.unit_vectors(reference.embeddings)
    neighbours = _neighbours(here, there, class_weights(labels, reference), chosen)
    mmd, p_value = mmd_test(here, there, chosen)
    names, values = _common_statistics(table, reference)
    tests = compare_statistics(values, names, labels, reference, chosen)
    shares = compare_shares(labels, reference, chosen)
    state = _state(neighbours, p_value, is_strong(tests, chosen), chosen)
    return Verdict(
        state="grey" if demo else state,
        headline=DEMO if demo else headline(state),
        reasons=reasons(
            state, neighbours.unlike, n, p_value <= chosen.p_value, tests, shares, chosen, demo=demo
        ),
        method=_method(reference, chosen),
        n_images=n,
        n_reference=len(reference),
        mmd=round(mmd, 6),
        p_value=round(p_value, 6),
        unlike=neighbours.unlike,
        unlike_share=round(neighbours.share, 6),
        unlike_distance=float(f"{neighbours.limit:.6g}"),
        statistic_tests=tests,
        share_changes=shares.changes,
        share_distance=shares.distance,
        share_p_value=shares.p_value,
        drifted=_drifted(neighbours, image_ids, images),
    )


def cannot_tell(reason: str, *, demo: bool = False, n_images: int = 0, n_reference: int = 0) -> Verdict:
    """Return a grey verdict with its reason: nothing is known about the fitness of the model for these images.

    Parameters
    ----------
    reason
        One sentence, for the person who wants to use the numbers.
    demo, n_images, n_reference
        As known.
    """
    if demo:
        return Verdict(
            state="grey", headline=DEMO, reasons=[reason], n_images=n_images, n_reference=n_reference
        )
    return Verdict(
        state="grey", headline=headline("grey"), reasons=[reason], n_images=n_images, n_reference=n_reference
    )


def _obstacle(
    embeddings: npt.NDArray[np.float32], reference: Reference | None, settings: DriftSettings
) -> str:
    """Return in words why no comparison is possible, or ''."""
    n = len(embeddings)
    if reference is None:
        return "The model came without a drift reference, so there is nothing to compare your images with."
    if n < settings.minimum_images:
        images = "There is 1 image" if n == 1 else f"There are {n} images"
        return f"{images}; at least {settings.minimum_images} are needed for a verdict."
    if len(reference) < settings.minimum_reference:
        return (
            f"The model's reference holds only {len(reference)} images; at least {settings.minimum_reference} are needed. "
            "Retrain with more held-out images."
        )
    if embeddings.ndim != 2 or embeddings.shape[1] != reference.dimension:
        return (
            f"The drift reference belongs to another model: it holds {reference.dimension} numbers for each image, "
            f"this model gives {embeddings.shape[1] if embeddings.ndim == 2 else 'none'}. Rebuild the bundle by retraining."
        )
    broken = int(np.sum(~np.isfinite(embeddings).all(axis=1)))
    if broken:
        return f"The model gave numbers that are not finite for {broken} of {n} images. The model is damaged: take it again."
    return ""


def _neighbours(
    here: two_sample.Vectors,
    there: two_sample.Vectors,
    weights: npt.NDArray[np.float64],
    settings: DriftSettings,
) -> Neighbours:
    from scipy.stats import fisher_exact  # slow to import; most kernels never get here

    nearest, distances = two_sample.nearest_neighbours(here, there)
    within = two_sample.distances_within(there)
    # Images of a class that varies much lie far apart. A bloom of it is no drift, so the limit is taken at equal class shares
    # too, and the larger one counts.
    quantile = settings.neighbour_quantile
    limit = max(two_sample.weighted_quantile(within, w, quantile) for w in (np.ones(len(within)), weights))
    beyond, known = int(np.sum(distances > limit)), int(np.sum(within > limit))
    counts = [[beyond, len(distances) - beyond], [known, len(within) - known]]
    return Neighbours(nearest, distances, limit, float(fisher_exact(counts, alternative="greater").pvalue))


def _state(
    neighbours: Neighbours, p_value: float, strong_appearance: bool, settings: DriftSettings
) -> VerdictState:
    beyond_chance = min(neighbours.p_value, p_value) <= settings.p_value
    if beyond_chance and neighbours.share >= settings.red_share:
        return "red"
    if (beyond_chance and neighbours.share >= settings.amber_share) or strong_appearance:
        return "amber"
    return "green"


def _common_statistics(
    table: pd.DataFrame, reference: Reference
) -> tuple[list[str], npt.NDArray[np.float64]]:
    names = [name for name in reference.statistic_names if name in table.columns]
    values = table[names].to_numpy(dtype=np.float64)
    usable = np.isfinite(values).all(axis=0)
    return [name for name, good in zip(names, usable, strict=True) if good], values[:, usable]


def _drifted(
    neighbours: Neighbours, image_ids: Sequence[str] | None, images: Sequence[str] | None
) -> list[DriftedImage]:
    order = np.argsort(-neighbours.distances, kind="stable")[:SHOWN]
    return [
        DriftedImage(
            image_id=str(image_ids[i]) if image_ids is not None else "",
            image=str(images[i]) if images is not None else str(i),
            distance=float(f"{neighbours.distances[i]:.6g}"),
            nearest=int(neighbours.nearest[i]),
        )
        for i in order
    ]


def _method(reference: Reference, settings: DriftSettings) -> str:
    return (
        f"Each image is compared, as the model sees it (direction of an embedding of {reference.dimension} numbers), with {len(reference)} images the model was "
        f"tested on. An image counts as unlike them when its nearest one is further away than {settings.neighbour_quantile:.0%} "
        f"of them are from their own nearest, also when the classes are weighted to the shares of these images. From {settings.amber_share:.0%} of such images the verdict is amber, from "
        f"{settings.red_share:.0%} red, provided that chance is ruled out at p ≤ {settings.p_value:g} by Fisher's exact test on "
        f"their number or by the maximum mean discrepancy (unbiased, RBF kernel with the median distance as its width, "
        f"{settings.permutations} permutations, seed {settings.seed}, at most {settings.maximum_images} images). Image "
        f"statistics: Kolmogorov-Smirnov tests, p-values corrected by Holm, named from D > {settings.ks_distance:g}, "
        f"amber from D ≥ {settings.appearance_distance:g}, each also with the reference weighted to the same class shares. "
        f"Class shares: half the sum of absolute differences, named from {settings.class_distance:g}, by permutation. "
        f"Computed with Frouros {version('frouros')}."
    )
