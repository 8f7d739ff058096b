"""Totals by what classes mean: what lives, what does not, what nobody declared, and images without a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidelab.runs.meaning import Group, Meanings

GROUP_TITLES: Final[Mapping[Group, str]] = {
    "biological": "All that lives (taxa, life stages, morphotypes)",
    "not-living": "Non-living and artefacts",
    "unknown-kind": "Of unknown kind (not declared)",
    "unidentified": "Without a name",
}


@dataclass(frozen=True)
class Total:
    """Images of one group of classes.

    Parameters
    ----------
    group
        Which.
    images
        How many.
    classes
        Names of the classes found, most images first.
    """

    group: Group
    images: int
    classes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What people read."""
        return GROUP_TITLES[self.group]


def group_totals(counts: Mapping[str, int], meanings: Meanings) -> list[Total]:
    """Return the totals of the groups that have images, in the order of `GROUP_TITLES`.

    Parameters
    ----------
    counts
        Label in force -> images; the empty label is for those without a name.
    meanings
        What the labels mean.
    """
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    found: dict[Group, list[tuple[str, int]]] = {group: [] for group in GROUP_TITLES}
    for label, images in ordered:
        found[meanings.of(label).group].append((label, images))
    return [
        Total(group, sum(images for _, images in pairs), tuple(label for label, _ in pairs if label))
        for group, pairs in found.items()
        if sum(images for _, images in pairs)
    ]
