"""From embeddings, image statistics and labels to a verdict.

The state rests on effect sizes that do not grow with the number of images, judged by what whole known samples show when they are left
out: samples of the same sea differ, and a test that counts images calls every new one a change.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.verdict import DriftedImage, Verdict
from tidelab.drift.causes import compare_statistics
from tidelab.drift.decision import judge_samples, overall, several
from tidelab.drift.detectors import mmd_test
from tidelab.drift.distances import Neighbours
from tidelab.drift.evidence import Images, gather
from tidelab.drift.known import KnownSamples
from tidelab.drift.matched import Cloud
from tidelab.drift.reference import Reference
from tidelab.drift.settings import DriftSettings
from tidelab.drift.shares import compare_shares
from tidelab.drift.words import DEMO, headline, method, reasons
from tidelab.science import two_sample

SHOWN: Final = 12
"""Most drifted images that a verdict names."""


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
    sample_ids: Sequence[str] | None = None,
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
    sample_ids
        Sample of each image, empty where not known; a run of several samples is judged as a whole and sample by sample.

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
        ("sample_ids", sample_ids),
    ):
        if given is not None and len(given) != n:
            raise ValueError(f"{name} must have one entry for each of the {n} embeddings, got {len(given)}")
    obstacle = _obstacle(embeddings, reference, chosen)
    if obstacle or reference is None:
        return cannot_tell(obstacle, demo=demo, n_images=n, n_reference=len(reference) if reference else 0)
    known = KnownSamples.of(reference, chosen)
    images_seen = _images(embeddings, table, labels, sample_ids, known, reference)
    return _verdict(images_seen, list(labels), known, reference, chosen, demo, image_ids, images)


def _verdict(
    images: Images,
    labels: list[str],
    known: KnownSamples,
    reference: Reference,
    settings: DriftSettings,
    demo: bool,
    image_ids: Sequence[str] | None,
    paths: Sequence[str] | None,
) -> Verdict:
    # A run of several samples is asked twice, as a whole and sample by sample: each gets half of the false alarms.
    allowed = settings.false_alarms / (2 if several(images) else 1)
    evidence = gather(images, known, settings, allowed)
    judged = judge_samples(images, known, settings, allowed)
    mmd, p_value = mmd_test(images.cloud.vectors, two_sample.unit_vectors(reference.embeddings), settings)
    names = list(images.statistics)
    values = np.column_stack(list(images.statistics.values())) if names else np.empty((len(images), 0))
    tests = compare_statistics(values, names, labels, reference, settings, evidence.looks)
    shares = compare_shares(labels, reference, settings)
    state = overall(evidence, tests, judged, settings)
    told = reasons(state, evidence, judged, known, tests, shares, settings, demo=demo)
    low, high = evidence.interval
    return Verdict(
        state="grey" if demo else state,
        headline=DEMO if demo else headline(state),
        reasons=told,
        method=method(reference, known, settings),
        n_images=evidence.n,
        n_reference=len(reference),
        mmd=round(mmd, 6),
        p_value=round(p_value, 6),
        unlike=evidence.unlike,
        unlike_share=round(evidence.share, 6),
        unlike_low=round(low, 6),
        unlike_high=round(high, 6),
        unlike_distance=float(f"{known.distance_limit:.6g}"),
        known_samples=len(known.names),
        known_low=None if evidence.most_unlike is None else 0.0,
        known_high=None if evidence.most_unlike is None else round(evidence.most_unlike / evidence.n, 6),
        known_p_value=_rounded(evidence.share_p_value),
        matched_images=known.size if known.discrepancies else 0,
        matched_mmd=_rounded(evidence.seen),
        matched_mmd_high=_rounded(evidence.seen_limit),
        matched_p_value=_rounded(evidence.seen_p_value),
        score=_rounded(evidence.score, 4),
        statistic_tests=tests,
        share_changes=shares.changes,
        share_distance=shares.distance,
        share_p_value=shares.p_value,
        drifted=_drifted(images.neighbours, image_ids, paths),
        samples=judged.samples,
    )


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)


def _images(
    embeddings: npt.NDArray[np.float32],
    table: pd.DataFrame,
    labels: Sequence[str],
    sample_ids: Sequence[str] | None,
    known: KnownSamples,
    reference: Reference,
) -> Images:
    vectors = two_sample.unit_vectors(embeddings)
    classes = np.asarray(list(labels), dtype=np.str_)
    return Images(
        Cloud(vectors, classes),
        known.yardstick.measure(vectors, classes, known.cloud.vectors),
        _common_statistics(table, reference),
        np.asarray(list(sample_ids) if sample_ids is not None else [""] * len(classes), dtype=np.str_),
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


def _common_statistics(table: pd.DataFrame, reference: Reference) -> dict[str, npt.NDArray[np.float64]]:
    """Return the statistics that both sides have, finite for every image."""
    found = {
        name: table[name].to_numpy(dtype=np.float64)
        for name in reference.statistic_names
        if name in table.columns
    }
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


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
