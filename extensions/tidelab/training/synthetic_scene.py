"""Scenes of generated underwater pictures: where the animals are, and which of their pixels can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.training.synthetic_animals import ANIMALS, LENGTHS, Animal, Stamp, stamp

LABELS: Final[tuple[str, ...]] = tuple(ANIMALS)
"""Classes that can be drawn, alphabetical."""

Size = tuple[int, int]

_MOST_OVERLAP: Final = 0.25
_ATTEMPTS: Final = 12


@dataclass(frozen=True)
class Swimmer:
    """An animal in a scene, before it is drawn.

    Parameters
    ----------
    label
        Class.
    parts
        Its drawing.
    length_px, angle, mirrored, squeeze
        As in `tidelab.training.synthetic_animals.stamp`.
    centre
        x and y of its middle, pixels.
    distance
        0 is the nearest, 1 the farthest: how much water lies between.
    """

    label: str
    parts: Animal
    length_px: float
    centre: tuple[float, float]
    angle: float
    mirrored: bool
    squeeze: float
    distance: float

    def drawn(self) -> Stamp:
        """Return it drawn at its size."""
        return stamp(
            self.parts, self.length_px, angle=self.angle, mirrored=self.mirrored, squeeze=self.squeeze
        )


def swimmers(rng: np.random.Generator, size: Size, count: int) -> list[Swimmer]:
    """Place up to `count` animals so that each can be seen; the farthest first."""
    found: list[Swimmer] = []
    taken: list[npt.NDArray[np.float64]] = []
    for _ in range(count):
        for _ in range(_ATTEMPTS):
            candidate = _swimmer(rng, size)
            box = _rough_box(candidate)
            if all(_overlap(box, other) <= _MOST_OVERLAP for other in taken):
                found.append(candidate)
                taken.append(box)
                break
    return sorted(found, key=lambda one: -one.distance)


def _swimmer(rng: np.random.Generator, size: Size) -> Swimmer:
    width, height = size
    label = LABELS[int(rng.integers(len(LABELS)))]
    distance = float(rng.uniform())
    least, most = LENGTHS[label]
    # What is far looks small: distance takes up most of the range of sizes.
    share = least + (most - least) * (0.75 * (1 - distance) + 0.25 * rng.uniform())
    ground = label == "Octopus vulgaris"
    return Swimmer(
        label=label,
        parts=ANIMALS[label](rng),
        length_px=float(share * width),
        centre=(
            float(rng.uniform(0.02, 0.98) * width),
            float(rng.uniform(0.55, 0.95) if ground else rng.uniform(0.05, 0.9)) * height,
        ),
        angle=float(rng.normal(0, 0.2)),
        mirrored=bool(rng.random() < 0.5),
        squeeze=1.0 if ground else float(rng.uniform(0.6, 1.0)),
        distance=distance,
    )


def _rough_box(one: Swimmer) -> npt.NDArray[np.float64]:
    x, y = one.centre
    tall = 0.42 if one.label == "Octopus vulgaris" else 0.25
    across, down = one.length_px * 0.5 * one.squeeze, one.length_px * tall
    return np.array([x - across, y - down, x + across, y + down])


def _overlap(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / float(min(np.prod(one[2:] - one[:2]), np.prod(other[2:] - other[:2])))


def paint(
    scene: npt.NDArray[np.float32],
    animals: Sequence[Swimmer],
    visibility: tuple[float, float],
    least_visible: float = 0.6,
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Draw animals into a scene, in place.

    Parameters
    ----------
    scene
        float32 ``(height, width, 3)``.
    animals
        The farthest first.
    visibility
        As in `tidelab.training.synthetic_sea.Water`.
    least_visible
        An animal of which a smaller share of its area would be seen, or behind which another would be seen less than this, is not
        drawn, so nothing in a picture lacks its box.

    Returns
    -------
    list
        For each animal that was drawn and is seen, its place in `animals` and the box of its visible pixels, int64 ``(4,)``.
    """
    height, width = scene.shape[:2]
    owner = np.full((height, width), -1, np.int16)
    whole: dict[int, int] = {}
    visible: dict[int, int] = {}
    for k, animal in enumerate(animals):
        drawn = animal.drawn()
        tall, wide = drawn.cover.shape
        left, top = round(animal.centre[0] - wide / 2), round(animal.centre[1] - tall / 2)
        x0, y0 = max(left, 0), max(top, 0)
        # An animal that has left the picture covers none of it: a negative end would count from the other side.
        x1, y1 = max(min(left + wide, width), x0), max(min(top + tall, height), y0)
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        cover = drawn.cover[part]
        solid = cover > 0.5
        area, shown = int((drawn.cover > 0.5).sum()), int(solid.sum())
        before = owner[y0:y1, x0:x1]
        hidden = {j: int((solid & (before == j)).sum()) for j in whole}
        if not area or shown < least_visible * area:
            continue
        if any(visible[j] - hidden[j] < least_visible * whole[j] for j in whole):
            continue
        place = scene[y0:y1, x0:x1]
        seen = visibility[0] + (visibility[1] - visibility[0]) * animal.distance
        place += (cover * seen)[..., None] * (drawn.colour[part] - place)
        before[solid] = k
        whole[k], visible[k] = area, shown
        for j, lost in hidden.items():
            visible[j] -= lost
    return [(k, _box(owner == k)) for k in whole if visible[k]]


def _box(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.int64)
