"""Split labelled images and say in words how far the split can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.science.near_duplicates import DuplicatePair, near_duplicates, straddling
from tidelab.science.splits import PARTS, TEST, TRAIN, VALIDATION, grouped_split, merge_groups
from tidelab.training.datasets import LabelledImages

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
    """

    parts: npt.NDArray[np.str_]
    how: str
    cautions: tuple[str, ...]
    pairs: tuple[DuplicatePair, ...] = field(default=())
    leaks: tuple[DuplicatePair, ...] = field(default=())

    def rows(self, part: str) -> npt.NDArray[np.int64]:
        """Return the indices of the images of one part."""
        return np.flatnonzero(self.parts == part)

    def table(self, images: LabelledImages) -> pd.DataFrame:
        """Return images per class (rows) and part (columns)."""
        counts = {
            part: np.bincount(images.truth[self.rows(part)], minlength=len(images.labels)) for part in PARTS
        }
        return pd.DataFrame({"label": images.labels, **counts})


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
    if images.given_parts and {TRAIN, TEST} <= set(images.given_parts):
        parts = np.array(images.given_parts)
        how = "as the split files that came with the images say"
        return _checked(images, parts, how, pairs, ())
    cautions: list[str] = []
    samples: Sequence[str] = [""] * len(images)
    n_samples = len(set(images.sample_ids) - {""})
    how = f"stratified by class, seed {seed}"
    if by_sample and n_samples >= 5:
        samples, how = images.sample_ids, how + f", whole samples kept together ({n_samples} samples)"
    elif by_sample and n_samples:
        cautions.append(
            f"The images come from {n_samples} sample(s) only, too few to hold whole samples out. Images of one sample resemble each "
            "other, so the quality on new samples will be lower than measured here."
        )
    elif by_sample:
        cautions.append(
            "It is not known which images come from the same water sample, so the test may be easier than new samples are. A file "
            "samples.csv (columns image, sample_id) beside the class folders changes that."
        )
    groups = merge_groups(samples, [(pair.first, pair.second) for pair in pairs])
    parts = grouped_split(
        images.truth, groups, seed=seed, test_share=test_share, validation_share=validation_share
    )
    return _checked(images, parts, how, pairs, cautions)


def _checked(
    images: LabelledImages,
    parts: npt.NDArray[np.str_],
    how: str,
    pairs: Sequence[DuplicatePair],
    cautions: Sequence[str],
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
    return Split(parts, how, tuple(found), tuple(pairs), tuple(straddling(pairs, parts)))
