"""How the animals of generated underwater pictures are drawn: three classes, each from its own side view.

They carry what tells the species apart at a glance (two dark bands of *Diplodus vulgaris*, the dark body and forked tail of *Chromis
chromis*, the mantle and arms of *Octopus vulgaris*) and nothing more: drawings with known truth to try the software with. A model
trained on them knows nothing of real animals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Points = npt.NDArray[np.float64]
Rng = np.random.Generator
Colour = tuple[int, int, int]

_SUPERSAMPLE: Final = 3
"""Shapes are drawn this many times larger and averaged, for smooth edges."""


@dataclass(frozen=True)
class Part:
    """A filled outline: points ``(n, 2)`` in body lengths, x towards the head, y downwards, and its colour."""

    points: Points
    colour: Colour


Animal = list[Part]


@dataclass(frozen=True)
class Stamp:
    """A drawn animal.

    Parameters
    ----------
    colour
        float32 ``(height, width, 3)``, 0 to 255.
    cover
        float32 ``(height, width)``: how much of each pixel the animal covers, 0 to 1.
    """

    colour: npt.NDArray[np.float32]
    cover: npt.NDArray[np.float32]


def _ellipse(x: float, y: float, a: float, b: float, n: int = 48) -> Points:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def _tint(rng: Rng, colour: Colour, spread: float = 12) -> Colour:
    shift = rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    red, green, blue = np.clip(np.asarray(colour) + shift, 0, 255).astype(int).tolist()
    return red, green, blue


def _fish_body(height: float, nose: float) -> Points:
    """Return the outline of a fish's body, ``(80, 2)``: pointed at both ends, highest a third behind the head."""
    t = np.linspace(0, 1, 40)
    half = height / 2 * (np.sin(np.pi * t**0.8) ** nose) + 0.02
    x = 0.5 - 0.85 * t
    return np.vstack([np.stack([x, -half], 1), np.stack([x, half * 0.95], 1)[::-1]])


def _band(body: Points, x: float, width: float) -> Points:
    """Return the part of a body between ``x - width / 2`` and ``x + width / 2``: a vertical stripe that ends where the fish does."""
    upper, lower = body[: len(body) // 2], body[len(body) // 2 :][::-1]
    across = np.linspace(x - width / 2, x + width / 2, 6)
    top = np.interp(across, upper[::-1, 0], upper[::-1, 1])
    bottom = np.interp(across, lower[::-1, 0], lower[::-1, 1])
    return np.vstack([np.stack([across, top], 1), np.stack([across, bottom], 1)[::-1]])


def _tail(spread: float, fork: float) -> Points:
    return np.array([[-0.3, -0.03], [-0.5, -spread], [-0.5 + fork, 0.0], [-0.5, spread], [-0.3, 0.03]])


def _eye(rng: Rng, y: float, radius: float) -> Animal:
    x = 0.37 + rng.normal(0, 0.01)
    return [
        Part(_ellipse(x, y, radius, radius, 16), (225, 215, 170)),
        Part(_ellipse(x, y, radius * 0.55, radius * 0.55, 12), (15, 15, 20)),
    ]


def chromis(rng: Rng) -> Animal:
    """Draw a damselfish: small, dark, oval, with a deeply forked tail."""
    body = _fish_body(rng.uniform(0.34, 0.42), 0.8)
    dark = _tint(rng, (52, 40, 34), 8)
    fin = _tint(rng, (28, 24, 24), 5)
    return [
        Part(_tail(rng.uniform(0.17, 0.22), rng.uniform(0.11, 0.15)), fin),
        Part(np.array([[0.18, -0.12], [-0.02, -0.3], [-0.26, -0.24], [-0.2, -0.06]]), fin),
        Part(np.array([[-0.02, 0.12], [-0.12, 0.27], [-0.24, 0.22], [-0.2, 0.05]]), fin),
        Part(body, dark),
        Part(body * [0.8, 0.45] + [0.0, 0.02], _tint(rng, (86, 66, 48), 8)),
        *_eye(rng, -0.04, 0.035),
    ]


def diplodus(rng: Rng) -> Animal:
    """Draw a two-banded sea bream: high silver body, one black band behind the head, one before the tail."""
    body = _fish_body(rng.uniform(0.46, 0.54), 0.7)
    silver = _tint(rng, (178, 184, 178), 10)
    black = _tint(rng, (26, 26, 30), 6)
    fin = _tint(rng, (120, 126, 124), 8)
    return [
        Part(_tail(rng.uniform(0.15, 0.19), rng.uniform(0.05, 0.08)), fin),
        Part(np.array([[0.2, -0.2], [0.05, -0.32], [-0.2, -0.22], [-0.22, -0.08]]), fin),
        Part(np.array([[0.0, 0.2], [-0.1, 0.28], [-0.24, 0.17], [-0.22, 0.06]]), fin),
        Part(body, silver),
        Part(body * [0.85, 0.4] + [0.0, 0.06], _tint(rng, (210, 214, 206), 8)),
        Part(_band(body, rng.uniform(0.19, 0.23), 0.09), black),
        Part(_band(body, rng.uniform(-0.27, -0.23), 0.08), black),
        *_eye(rng, -0.05, 0.035),
    ]


def octopus(rng: Rng) -> Animal:
    """Draw an octopus: a mantle, a head with raised eyes, eight arms that curl away over the ground."""
    skin = _tint(rng, (148, 92, 62), 14)
    shade = _tint(rng, (112, 66, 46), 10)
    parts: Animal = []
    for k in range(8):
        heading = np.pi * (0.08 + 0.84 * k / 7) + rng.normal(0, 0.12)
        parts.append(
            Part(_arm(heading, rng.uniform(0.32, 0.5), rng.normal(0, 1.6)), skin if k % 2 else shade)
        )
    parts.append(Part(_ellipse(0.0, -0.22, rng.uniform(0.15, 0.2), rng.uniform(0.2, 0.25)), skin))
    parts.append(Part(_ellipse(0.0, -0.02, 0.13, 0.1), skin))
    for _ in range(7):
        x, y = rng.normal(0, 0.06), rng.normal(-0.22, 0.08)
        parts.append(Part(_ellipse(x, y, 0.02, 0.02, 10), _tint(rng, (190, 140, 100), 10)))
    for side in (-1, 1):
        parts.append(Part(_ellipse(side * 0.08, -0.06, 0.035, 0.03, 14), (225, 200, 150)))
        parts.append(Part(_ellipse(side * 0.08, -0.06, 0.025, 0.008, 10), (15, 12, 12)))
    return parts


def _arm(heading: float, length: float, curl: float) -> Points:
    along = np.linspace(0, 1, 16)
    turn = heading + curl * along**1.5
    steps = np.stack([np.cos(turn), np.sin(turn)], 1) * length / 15
    line = np.cumsum(steps, axis=0) - steps[0]
    normal = np.stack([-np.sin(turn), np.cos(turn)], 1) * (0.045 * (1 - 0.85 * along))[:, None]
    return np.vstack([line + normal, (line - normal)[::-1]])


ANIMALS: Final[dict[str, Callable[[Rng], Animal]]] = {
    "Chromis chromis": chromis,
    "Diplodus vulgaris": diplodus,
    "Octopus vulgaris": octopus,
}
"""Class name -> its drawing, alphabetical: the label order of the generated sets."""

LENGTHS: Final = {
    "Chromis chromis": (0.07, 0.15),
    "Diplodus vulgaris": (0.10, 0.24),
    "Octopus vulgaris": (0.12, 0.26),
}
"""Class name -> least and greatest length, as a share of the picture's width."""


def stamp(
    parts: Sequence[Part],
    length_px: float,
    *,
    angle: float = 0.0,
    mirrored: bool = False,
    squeeze: float = 1.0,
) -> Stamp:
    """Draw an animal at its size in the picture.

    Parameters
    ----------
    parts
        From one of `ANIMALS`, first part at the back.
    length_px
        Body length, pixels.
    angle
        It is turned clockwise by this angle, radians.
    mirrored
        Looks to the left instead of the right.
    squeeze
        Apparent length over true length: 1 is seen from the side, less is seen obliquely.
    """
    sign = -1.0 if mirrored else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]]) * length_px * _SUPERSAMPLE
    placed = [(part.points * [sign * squeeze, 1.0]) @ turn for part in parts]
    low = np.floor(np.min([points.min(axis=0) for points in placed], axis=0)) - _SUPERSAMPLE
    high = np.ceil(np.max([points.max(axis=0) for points in placed], axis=0)) + _SUPERSAMPLE
    width, height = (int(-(-side // _SUPERSAMPLE)) * _SUPERSAMPLE for side in high - low)
    picture, mask = Image.new("RGB", (width, height)), Image.new("L", (width, height))
    paint, cover = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    for part, points in zip(parts, placed, strict=True):
        outline = [(float(x), float(y)) for x, y in points - low]
        paint.polygon(outline, fill=part.colour)
        cover.polygon(outline, fill=255)
    colour = np.asarray(picture.reduce(_SUPERSAMPLE), np.float32)
    share = np.asarray(mask.reduce(_SUPERSAMPLE), np.float32) / 255
    # Averaging mixed the edge with the black around it; undo that, or every animal would wear a dark rim.
    return Stamp(np.clip(colour / np.maximum(share, 1e-3)[..., None], 0, 255), share)
