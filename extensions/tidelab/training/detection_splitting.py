"""Divide pictures with boxes into training, validation and test: whole samples together, classes in equal shares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.science.splits import PARTS, TEST, TRAIN, VALIDATION
from tidelab.training.detection_images import DetectionImages, Parts

LEAST_SAMPLES = 5
"""With fewer samples whole ones cannot be held out for validation and test."""
FEW_TEST_OBJECTS = 10


@dataclass(frozen=True, eq=False)
class DetectionSplit:
    """A split and what is known about it.

    Parameters
    ----------
    parts
        ``train``, ``validation`` or ``test`` for each picture.
    how
        How it was made, in one sentence.
    cautions
        What a reader of the figures must know.
    by_sample
        Whether whole samples lie on one side.
    """

    parts: Parts
    how: str
    cautions: tuple[str, ...]
    by_sample: bool

    def rows(self, part: str) -> npt.NDArray[np.int64]:
        """Return the indices of the pictures of one part."""
        return np.flatnonzero(self.parts == part)


def split_pictures(
    images: DetectionImages,
    *,
    seed: int,
    test_share: float = 0.2,
    validation_share: float = 0.2,
    by_sample: bool = True,
) -> DetectionSplit:
    """Divide pictures into three parts.

    A division that came with the pictures is respected as it is. Otherwise pictures of one sample (camera and day, video) stay together
    where samples are known and there are enough of them, and groups are dealt out so that each class has its share in every part
    (iterative stratification: Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011): first the groups with the rarest class, each to the
    part that lacks most of it.

    Parameters
    ----------
    images
        Pictures with boxes.
    seed
        Equal seeds give equal splits.
    test_share, validation_share
        Wanted shares.
    by_sample
        Whether pictures of one sample must stay together.

    Raises
    ------
    ValueError
        For shares that leave nothing to learn from, or fewer than three pictures.
    """
    if not (0 < test_share < 1 and 0 < validation_share < 1 and test_share + validation_share < 1):
        raise ValueError(
            f"test_share {test_share:g} and validation_share {validation_share:g}: each must be above 0, and together below 1"
        )
    if len(images) < 3:
        raise ValueError(f"{len(images)} pictures cannot be divided into three parts; add pictures.")
    given = [one.part for one in images.pictures]
    if {TRAIN, TEST} <= set(given) and "" not in given:
        parts = np.array(given)
        if VALIDATION not in given:
            parts = _held_back(images, parts, seed, validation_share, by_sample)
        return _checked(images, parts, "as it came with the pictures", ())
    samples = {one.sample_id for one in images.pictures} - {""}
    together = by_sample and len(samples) >= LEAST_SAMPLES
    groups = _groups(images, together)
    shares = {TRAIN: 1 - test_share - validation_share, VALIDATION: validation_share, TEST: test_share}
    parts = _deal(images, groups, shares, np.random.default_rng(seed))
    how = f"stratified by class, seed {seed}"
    if together:
        how += f", whole samples kept together ({len(samples)} samples)"
    return _checked(images, parts, how, _cautions(len(samples), together, by_sample))


def _groups(images: DetectionImages, together: bool) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for number, one in enumerate(images.pictures):
        key = one.sample_id if together and one.sample_id else f"\0{number}"
        found.setdefault(key, []).append(number)
    return list(found.values())


def _deal(
    images: DetectionImages, groups: Sequence[list[int]], shares: dict[str, float], rng: np.random.Generator
) -> Parts:
    # One column a class, and a last one that counts pictures, so that empty ones are divided too.
    counts = np.zeros((len(groups), len(images.labels) + 1))
    for row, members in enumerate(groups):
        for one in images.rows(members):
            counts[row, :-1] += np.bincount(one.truth, minlength=len(images.labels))
        counts[row, -1] = len(members)
    names = list(shares)
    lacking = np.outer([shares[name] for name in names], counts.sum(axis=0))
    parts = np.empty(len(images), dtype="<U10")
    left = rng.permutation(len(groups)).tolist()
    while left:
        totals = counts[left].sum(axis=0)
        column = int(np.argmin(np.where(totals > 0, totals, np.inf)))
        members = [row for row in left if counts[row, column] > 0]
        row = max(members, key=lambda row: counts[row, column])
        tie = lacking[:, column] + 1e-6 * lacking[:, -1]
        chosen = int(np.argmax(tie))
        parts[groups[row]] = names[chosen]
        lacking[chosen] -= counts[row]
        left.remove(row)
    return parts


def _held_back(images: DetectionImages, parts: Parts, seed: int, share: float, by_sample: bool) -> Parts:
    """Take a validation part out of the given training pictures."""
    rows = np.flatnonzero(parts == TRAIN)
    inner = DetectionImages(images.labels, tuple(images.rows(rows)))
    groups = _groups(
        inner, by_sample and len({one.sample_id for one in inner.pictures} - {""}) >= LEAST_SAMPLES
    )
    made = parts.astype("<U10")
    made[rows] = _deal(inner, groups, {TRAIN: 1 - share, VALIDATION: share}, np.random.default_rng(seed))
    return made


def _cautions(samples: int, together: bool, by_sample: bool) -> tuple[str, ...]:
    if together:
        return ()
    if not samples:
        return (
            "It is not known which pictures were taken together (one camera and day, one video), so the test may be easier than new "
            "pictures are. Put them into a folder each, or let their names hold the time.",
        )
    if not by_sample:
        return (
            "Pictures of one sample lie on both sides of the split, because by_sample is off: the quality on new samples will be lower.",
        )
    return (
        f"The pictures come from {samples} sample(s) only, too few to hold whole ones out. Pictures of one sample resemble each other, so "
        "the quality on new samples will be lower than measured here.",
    )


def _checked(images: DetectionImages, parts: Parts, how: str, cautions: Sequence[str]) -> DetectionSplit:
    found = list(cautions)
    table = images.counts(parts).set_index("label").drop(index="(pictures)")
    for part, words in (
        (TRAIN, "to learn from"),
        (VALIDATION, "to choose thresholds on"),
        (TEST, "to be tested on"),
    ):
        missing = [str(label) for label, count in table[part].items() if not count]
        if missing:
            found.append(f"No object {words} of {', '.join(missing)}.")
    few = [str(label) for label, count in table[TEST].items() if 0 < count < FEW_TEST_OBJECTS]
    if few:
        found.append(
            f"Fewer than {FEW_TEST_OBJECTS} objects of {', '.join(few)} in the test pictures: their figures say little."
        )
    torn: dict[str, set[str]] = {}
    for one, part in zip(images.pictures, parts.tolist(), strict=True):
        if one.sample_id:
            torn.setdefault(one.sample_id, set()).add(part)
    whole = bool(torn) and all(len(places) == 1 for places in torn.values())
    assert set(parts.tolist()) <= set(PARTS)
    return DetectionSplit(parts, how, tuple(found), whole)
