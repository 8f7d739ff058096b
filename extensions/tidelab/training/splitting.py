"""Split labelled images and say in words how far the split can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.near_duplicates import DuplicatePair, near_duplicates, straddling
from tidelab.science.splits import PARTS, TEST, TRAIN, VALIDATION, grouped_split, merge_groups
from tidelab.training.datasets import LabelledImages
from tidelab.training.telling import in_words

LEAST_SAMPLES = 5
"""With fewer samples whole ones cannot be held out for validation and test."""
FEW_TEST_IMAGES = 10
"""Fewer test images of a class than this, and its figures say little."""


@dataclass(frozen=True, eq=False)
class Split:
    """A split and what is known about it.

    Parameters
    ----------
    parts
        ``train``, ``validation`` or ``test`` for each image.
    how
        How it was made, in one sentence, for the notebook and the model card.
    cautions
        What a reader of the figures must know; empty when nothing is wrong.
    pairs
        Near-duplicate pairs among all images.
    leaks
        Those whose two images lie in different parts.
    groups
        A number for each image, equal for those that must not be torn apart: near-duplicates, and images of one sample where whole
        samples are kept together.
    by_sample
        Whether whole samples lie on one side.
    """

    parts: npt.NDArray[np.str_]
    how: str
    cautions: tuple[str, ...]
    pairs: tuple[DuplicatePair, ...] = field(default=())
    leaks: tuple[DuplicatePair, ...] = field(default=())
    groups: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    by_sample: bool = False

    def rows(self, part: str) -> npt.NDArray[np.int64]:
        """Return the indices of the images of one part."""
        return np.flatnonzero(self.parts == part)

    def table(self, images: LabelledImages) -> pd.DataFrame:
        """Return images per class (rows) and part (columns)."""
        counts = {
            part: np.bincount(images.truth[self.rows(part)], minlength=len(images.labels)) for part in PARTS
        }
        return pd.DataFrame({"label": images.labels, **counts})


@in_words
def split_images(
    images: LabelledImages,
    *,
    seed: int,
    test_share: float = 0.2,
    validation_share: float = 0.2,
    by_sample: bool = True,
) -> Split:
    """Split images into training, validation and test.

    Split files that came with the images are respected as they are. Otherwise whole water samples stay together where they are known
    and there are enough of them, and near-duplicates always do.

    Parameters
    ----------
    images
        Labelled images.
    seed
        Equal seeds give equal splits.
    test_share, validation_share
        Wanted shares of all images.
    by_sample
        Whether images of one sample must stay together.

    Raises
    ------
    ValueError
        When the images cannot be split, in words.
    """
    pairs = near_duplicates(images.pixels)
    twins = [(pair.first, pair.second) for pair in pairs]
    n_samples = len(set(images.sample_ids) - {""})
    together = by_sample and n_samples >= LEAST_SAMPLES
    groups = merge_groups(images.sample_ids if together else [""] * len(images), twins)
    if images.given_parts and {TRAIN, TEST} <= set(images.given_parts):
        parts = np.array(images.given_parts)
        how = "as the split files that came with the images say"
        whole = n_samples > 0 and not _torn(images, parts)
        return _checked(images, parts, how, pairs, _given_cautions(images, parts), groups, whole)
    how = f"stratified by class, seed {seed}"
    if together:
        how += f", whole samples kept together ({n_samples} samples)"
    parts = grouped_split(
        images.truth, groups, seed=seed, test_share=test_share, validation_share=validation_share
    )
    cautions = _sample_cautions(images, n_samples, by_sample)
    return _checked(images, parts, how, pairs, cautions, groups, together)


def _sample_cautions(images: LabelledImages, n_samples: int, by_sample: bool) -> list[str]:
    """Return what must be said of a split whose samples are not all known, or not kept together."""
    unknown = sum(not one for one in images.sample_ids)
    if not n_samples:
        return [
            "It is not known which images come from the same water sample, so the test may be easier than new samples are. A file "
            "samples.csv (columns image, sample_id) beside the class folders changes that."
        ]
    if not by_sample:
        return [
            "Images of one water sample lie on both sides of the split, because by_sample is off: the quality on new samples will be "
            "lower than measured here."
        ]
    if n_samples < LEAST_SAMPLES:
        return [
            f"The images come from {n_samples} sample(s) only, too few to hold whole samples out. Images of one sample resemble each "
            "other, so the quality on new samples will be lower than measured here."
        ]
    if unknown:
        return [
            f"The water sample of {unknown} images is not known; each of them was divided as if it were a sample of its own."
        ]
    return []


def _torn(images: LabelledImages, parts: npt.NDArray[np.str_]) -> list[str]:
    """Return the samples that lie in more than one part."""
    found: dict[str, set[str]] = {}
    for sample, part in zip(images.sample_ids, parts.tolist(), strict=True):
        if sample:
            found.setdefault(sample, set()).add(part)
    return sorted(sample for sample, places in found.items() if len(places) > 1)


def _given_cautions(images: LabelledImages, parts: npt.NDArray[np.str_]) -> list[str]:
    torn = _torn(images, parts)
    if torn:
        return [
            f"The split files tear {len(torn)} water sample(s) apart ({', '.join(torn[:3])}{', ...' if len(torn) > 3 else ''}): the quality "
            "on new samples will be lower than measured here."
        ]
    return _sample_cautions(images, 0, True) if not any(images.sample_ids) else []


def _checked(
    images: LabelledImages,
    parts: npt.NDArray[np.str_],
    how: str,
    pairs: Sequence[DuplicatePair],
    cautions: Sequence[str],
    groups: npt.NDArray[np.int64],
    by_sample: bool,
) -> Split:
    found = list(cautions)
    for part, words in ((TRAIN, "to learn from"), (VALIDATION, "to calibrate on"), (TEST, "to be tested on")):
        counts = np.bincount(images.truth[parts == part], minlength=len(images.labels))
        missing = [label for label, count in zip(images.labels, counts, strict=True) if not count]
        if missing:
            found.append(f"No image {words} of {', '.join(missing)}.")
    tested = np.bincount(images.truth[parts == TEST], minlength=len(images.labels))
    few = [label for label, count in zip(images.labels, tested, strict=True) if 0 < count < FEW_TEST_IMAGES]
    if few:
        found.append(
            f"Fewer than {FEW_TEST_IMAGES} test images of {', '.join(few)}: one image more or less changes their figures a lot."
        )
    leaks = tuple(straddling(pairs, parts))
    return Split(parts, how, tuple(found), tuple(pairs), leaks, groups, by_sample)
