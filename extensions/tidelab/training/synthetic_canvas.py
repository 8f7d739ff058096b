"""Draw a particle in transmitted light: shapes absorb, the optics blur, the camera adds noise.

Light that crosses a particle is weakened by ``exp(-absorbance)`` (Beer-Lambert), so overlapping parts darken one another as they
do under a microscope, and a translucent wall stays translucent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Points = npt.NDArray[np.float64]
Array = npt.NDArray[np.float32]

SUPERSAMPLE = 2
"""Shapes are drawn this many times larger, for smooth edges."""


class Canvas:
    """A square field of absorbance around the particle's centre.

    Parameters
    ----------
    radius
        Half the side of the field, pixels of the final image. Coordinates run from ``-radius`` to ``radius``.
    angle
        The whole particle is turned by this angle, radians.
    """

    def __init__(self, radius: float, angle: float = 0.0) -> None:
        self.radius = float(radius)
        self.side = int(np.ceil(2 * radius)) * SUPERSAMPLE
        self.absorbance: Array = np.zeros((self.side, self.side), np.float32)
        cos, sin = np.cos(angle), np.sin(angle)
        self._turn = np.array([[cos, sin], [-sin, cos]])

    def _pixels(self, points: Sequence[Sequence[float]] | Points) -> list[tuple[float, float]]:
        placed = (np.asarray(points, float) @ self._turn + self.radius) * SUPERSAMPLE
        return [(float(x), float(y)) for x, y in placed]

    def _blank(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        image = Image.new("L", (self.side, self.side), 0)
        return image, ImageDraw.Draw(image)

    def mask(self, points: Sequence[Sequence[float]] | Points) -> Array:
        """Return 1 inside the closed polygon ``points`` and 0 outside, shape ``(side, side)``."""
        image, draw = self._blank()
        draw.polygon(self._pixels(points), fill=255)
        return np.asarray(image, np.float32) / 255

    def fill(self, points: Sequence[Sequence[float]] | Points, absorbance: float) -> None:
        """Add a uniformly absorbing polygon."""
        self.absorbance += absorbance * self.mask(points)

    def line(self, points: Sequence[Sequence[float]] | Points, width: float, absorbance: float) -> None:
        """Add a stroke of constant width (pixels of the final image) through ``points``."""
        image, draw = self._blank()
        draw.line(self._pixels(points), fill=255, width=max(1, round(width * SUPERSAMPLE)), joint="curve")
        self.absorbance += absorbance * np.asarray(image, np.float32) / 255

    def taper(self, points: Points, start: float, end: float, absorbance: float) -> None:
        """Add a horn: a stroke whose width goes from ``start`` to ``end`` along ``points``."""
        direction = np.gradient(points, axis=0)
        normal = direction[:, ::-1] * [1, -1] / (np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9)
        half = np.linspace(start, end, len(points))[:, None] / 2
        self.fill(np.vstack([points + normal * half, (points - normal * half)[::-1]]), absorbance)

    def dots(self, centres: Points, radii: npt.NDArray[np.float64], absorbance: float) -> None:
        """Add discs at ``centres``, shape ``(n, 2)``; overlapping discs do not darken one another."""
        image, draw = self._blank()
        for (x, y), radius in zip(self._pixels(centres), radii * SUPERSAMPLE, strict=True):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        self.absorbance += absorbance * np.asarray(image, np.float32) / 255

    def cut(self, points: Sequence[Sequence[float]] | Points) -> None:
        """Remove everything inside the polygon: a broken piece."""
        self.absorbance *= 1 - self.mask(points)

    def texture(self, rng: np.random.Generator, grain: float, strength: float) -> None:
        """Modulate the absorbance by smooth noise of relative ``strength`` and size ``grain`` pixels."""
        noise = ndimage.gaussian_filter(
            rng.standard_normal(self.absorbance.shape, dtype=np.float32), grain * SUPERSAMPLE, truncate=3
        )
        self.absorbance *= np.clip(1 + strength * noise / (noise.std() + 1e-9), 0.1, 2.5)

    def smooth(self, sigma: float) -> None:
        """Soften all edges drawn so far by ``sigma`` pixels."""
        self.absorbance = ndimage.gaussian_filter(self.absorbance, sigma * SUPERSAMPLE, truncate=3)


def circle(
    radius_x: float, radius_y: float | None = None, wobble: float = 0.0, phase: float = 0.0, n: int = 72
) -> Points:
    """Return an ellipse as ``(n, 2)`` points; ``wobble`` makes the outline irregular (fraction of the radius)."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    factor = 1 + wobble * (
        np.sin(3 * angle + phase) + 0.6 * np.sin(5 * angle + 2.3 * phase) + 0.4 * np.sin(8 * angle - phase)
    )
    return np.stack(
        [radius_x * factor * np.cos(angle), (radius_y or radius_x) * factor * np.sin(angle)], axis=1
    )


def arc(start: Sequence[float] | Points, heading: float, length: float, bend: float, n: int = 24) -> Points:
    """Return a curve of ``(n, 2)`` points from ``start``, leaving at ``heading`` and turning by ``bend`` radians in all."""
    heading_at = heading + bend * np.linspace(0, 1, n) ** 1.3
    steps = np.stack([np.cos(heading_at), np.sin(heading_at)], axis=1) * (length / (n - 1))
    points: Points = np.asarray(start, float) + np.vstack([[0, 0], np.cumsum(steps[:-1], axis=0)])
    return points


@dataclass(frozen=True)
class Optics:
    """Conditions of one sample: what differs between two instruments or two days.

    Parameters
    ----------
    background
        Grey level of clear water, 0 to 255.
    focus_blur
        Standard deviation of the blur in focus, pixels.
    noise
        Standard deviation of the camera's noise, grey levels.
    tint
        Factor per RGB channel; ``(1, 1, 1)`` is a grey camera.
    """

    background: float = 165.0
    focus_blur: float = 0.8
    noise: float = 2.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def photograph(
    canvas: Canvas, optics: Optics, rng: np.random.Generator, margin: int
) -> npt.NDArray[np.uint8]:
    """Return the crop of the particle as the instrument saves it: uint8 ``(height, width, 3)`` RGB."""
    absorbance = _crop(canvas.absorbance, margin * SUPERSAMPLE)
    blur = optics.focus_blur * rng.lognormal(0.0, 0.35)
    absorbance = ndimage.gaussian_filter(absorbance, blur * SUPERSAMPLE, truncate=3)
    # A slightly defocused edge carries a bright fringe outside and a dark one inside.
    absorbance += rng.uniform(0.2, 0.5) * (
        absorbance - ndimage.gaussian_filter(absorbance, (blur + 1.2) * SUPERSAMPLE)
    )
    height, width = (length // SUPERSAMPLE for length in absorbance.shape)
    light = np.exp(-absorbance[: height * SUPERSAMPLE, : width * SUPERSAMPLE])
    light = light.reshape(height, SUPERSAMPLE, width, SUPERSAMPLE).mean(axis=(1, 3))
    slope_y, slope_x = rng.normal(0, 0.02, 2)
    shading = 1 + slope_y * np.linspace(-1, 1, height)[:, None] + slope_x * np.linspace(-1, 1, width)[None, :]
    flare = 8.0  # scattered light: even an opaque cell is not black
    grey = flare + (optics.background * rng.uniform(0.94, 1.06) - flare) * light * shading
    grey = grey + rng.normal(0, optics.noise, grey.shape)
    pixels = grey[:, :, None] * np.asarray(optics.tint)
    crop: npt.NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return crop


def _crop(absorbance: Array, margin: int) -> Array:
    """Cut to what absorbs, plus a margin: FlowCam saves the particle's bounding box."""
    rows = np.flatnonzero(absorbance.max(axis=1) > 0.06)
    columns = np.flatnonzero(absorbance.max(axis=0) > 0.06)
    if rows.size == 0 or columns.size == 0:
        return absorbance
    padded = np.pad(absorbance, margin)
    return padded[rows[0] : rows[-1] + 2 * margin + 1, columns[0] : columns[-1] + 2 * margin + 1]
