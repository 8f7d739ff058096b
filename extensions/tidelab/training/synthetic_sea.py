"""The water of generated underwater pictures: background, what floats in it, and what water and camera do to a picture."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Array = npt.NDArray[np.float32]
Rng = np.random.Generator
Conditions = Literal["day", "night", "murky"]


@dataclass(frozen=True)
class Water:
    """How far and in which colour one sees.

    Parameters
    ----------
    near, far
        RGB of the water at the top and at the bottom of the picture, 0 to 255.
    visibility
        Share of an animal's own contrast that arrives from the nearest distance, and from the farthest.
    snow
        Floating particles per million pixels.
    blur_share
        Standard deviation of the blur, as a share of the picture's width.
    noise
        Standard deviation of the camera's noise, grey values.
    lamp
        Whether the scene is lit by a lamp beside the camera alone.
    """

    near: tuple[float, float, float]
    far: tuple[float, float, float]
    visibility: tuple[float, float]
    snow: float
    blur_share: float
    noise: float
    lamp: bool = False


WATERS: Final[dict[Conditions, Water]] = {
    "day": Water((70, 150, 170), (30, 88, 112), (0.95, 0.55), 120, 0.0006, 4),
    "night": Water((34, 50, 56), (12, 20, 26), (0.95, 0.5), 500, 0.0008, 7, lamp=True),
    "murky": Water((96, 128, 96), (62, 92, 70), (0.6, 0.3), 900, 0.0028, 5),
}


def background(width: int, height: int, water: Water, rng: Rng) -> Array:
    """Return an empty scene, float32 ``(height, width, 3)``: water, ground, rocks, weeds, light that moves on them."""
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    near = np.asarray(water.near, np.float32) + rng.normal(0, 8, 3).astype(np.float32)
    scene = near * (1 - down) + np.asarray(water.far, np.float32) * down
    scene = np.broadcast_to(scene, (height, width, 3)).copy()
    scene += 10 * clouds(width, height, 0.25, rng)[..., None]
    horizon = height * rng.uniform(0.55, 0.85) + height * 0.05 * clouds(width, 1, 0.3, rng)
    ground = np.clip((np.arange(height)[:, None] - horizon) / max(2.0, 0.01 * height), 0, 1)[..., None]
    texture = 14 * clouds(width, height, 0.03, rng) + 10 * clouds(width, height, 0.008, rng)
    sand = np.array([150, 142, 112], np.float32) * rng.uniform(0.6, 1.0) + texture[..., None]
    seen = water.visibility[1] * 0.8
    scene += ground.astype(np.float32) * seen * (sand - scene)
    for _ in range(int(rng.integers(1, 5))):
        _blend(scene, *_rock(width, height, horizon, rng), seen)
    for _ in range(int(rng.integers(2, 9))):
        _blend(scene, *_weed(width, height, horizon, rng), seen)
    return scene.astype(np.float32)


def clouds(width: int, height: int, grain: float, rng: Rng) -> Array:
    """Return smooth noise of about unit spread, float32 ``(height, width)``; `grain` is its size as a share of the width."""
    across = max(2, round(1 / grain))
    coarse = rng.standard_normal((max(2, round(across * height / width)), across)).astype(np.float32)
    smooth = Image.fromarray(coarse, "F").resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32)


def _rock(width: int, height: int, horizon: Array, rng: Rng) -> tuple[Array, Array]:
    x, size = rng.uniform(0, width), width * rng.uniform(0.04, 0.14)
    y = float(horizon[0, min(int(x), width - 1)]) + rng.uniform(0, 0.15) * height
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radius = size * rng.uniform(0.7, 1.1, 14)
    points = np.stack([x + radius * np.cos(angle), y + 0.6 * radius * np.sin(angle)], 1)
    mask = _polygon(width, height, points)
    grey = rng.uniform(45, 110) + 16 * clouds(width, height, 0.02, rng)
    return grey[..., None] * np.array([1.0, 0.95, 0.82], np.float32), mask


def _weed(width: int, height: int, horizon: Array, rng: Rng) -> tuple[Array, Array]:
    x, tall = rng.uniform(0, width), height * rng.uniform(0.08, 0.3)
    y = float(horizon[0, min(int(x), width - 1)]) + rng.uniform(0.0, 0.2) * height
    along = np.linspace(0, 1, 12)
    sway = x + width * 0.02 * rng.normal() * along**2 + width * 0.006 * np.sin(6 * along + rng.uniform(0, 6))
    half = width * rng.uniform(0.003, 0.009) * (1 - 0.8 * along)
    left = np.stack([sway - half, y - tall * along], 1)
    right = np.stack([sway + half, y - tall * along], 1)[::-1]
    green = np.array([60, 90, 45], np.float32) * rng.uniform(0.6, 1.3)
    return np.broadcast_to(green, (height, width, 3)), _polygon(width, height, np.vstack([left, right]))


def _polygon(width: int, height: int, points: npt.NDArray[np.float64]) -> Array:
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in points], fill=255)
    return np.asarray(image, np.float32) / 255


def _blend(scene: Array, colour: Array, cover: Array, seen: float) -> None:
    scene += (cover * seen)[..., None] * (colour - scene)


def expose(scene: Array, water: Water, rng: Rng) -> npt.NDArray[np.uint8]:
    """Return the picture a camera takes of a scene, uint8 ``(height, width, 3)``: snow, blur, lamp, shading, noise."""
    height, width = scene.shape[:2]
    picture = _snow(scene, water, rng)
    sigma = water.blur_share * width * rng.uniform(0.7, 1.3)
    if sigma > 0.3:
        picture = ndimage.gaussian_filter(picture, (sigma, sigma, 0), truncate=2.5)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    away = x**2 + y**2
    light = np.exp(-0.9 * away) * 1.5 + 0.25 if water.lamp else 1.06 - 0.12 * away
    picture = picture * light[..., None].astype(np.float32)
    noise = rng.standard_normal((height, width, 1), dtype=np.float32) * water.noise
    exposed: npt.NDArray[np.uint8] = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
    return exposed


def _snow(scene: Array, water: Water, rng: Rng) -> Array:
    height, width = scene.shape[:2]
    count = int(rng.poisson(water.snow * 0.3072))  # as many in a large picture as in one of 640 x 480
    specks = Image.new("L", (width, height))
    draw = ImageDraw.Draw(specks)
    for x, y, size, light in zip(
        rng.uniform(0, width, count), rng.uniform(0, height, count),
        width * rng.uniform(0.0005, 0.0025, count), rng.integers(40, 160, count), strict=True,
    ):  # fmt: skip
        draw.ellipse((x - size, y - size, x + size, y + size), fill=int(light))
    share = np.asarray(specks, np.float32)[..., None] / 255
    return scene + share * (220 - scene)
