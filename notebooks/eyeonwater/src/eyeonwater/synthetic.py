"""Generated photos of water whose colour is known, and of things that are not usable: ``python -m eyeonwater.synthetic OUT``.

Nobody can take them for real ones. What they are good for: to try everything, and to know what should come out.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from eyeonwater.colour import adaptation
from eyeonwater.forel_ule import CHROMATICITY
from eyeonwater.judging import BAD_WATER, GOOD, NOT_WATER

Pixels = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float64]

SIZE: Final = (320, 240)
"""Width and height, pixels."""

COLOURS: Final = tuple(range(1, 22))

PLACES: Final = 60
"""Places the labelled photos come from."""

LABELS: Final = (NOT_WATER, BAD_WATER, GOOD)
"""In the order of the published model."""

_XYZ_TO_SRGB: Final = np.linalg.inv(
    np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
)


def light_of(colour: int, luminance: float) -> Light:
    """Return linear sRGB light ``(3,)`` of a Forel-Ule colour at a luminance (0-1), cut to what sRGB can show."""
    x, y = CHROMATICITY[colour - 1]
    xyz = np.array([x / y, 1.0, (1 - x - y) / y]) * luminance
    return np.asarray(np.clip(_XYZ_TO_SRGB @ np.linalg.inv(adaptation()) @ xyz, 0.0, 1.0))


def encoded(light: Light) -> Pixels:
    """Return sRGB bytes of light."""
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.rint(value * 255), 0, 255), np.uint8)


def water(rng: np.random.Generator, colour: int, luminance: float = 0.12, glint: float = 0.01) -> Pixels:
    """Draw open water: waves change its brightness and not its colour; `glint` is the part of pixels with sun on them."""
    width, height = SIZE
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    waves = np.zeros((height, width))
    for _ in range(6):
        angle, length, phase = rng.uniform(-0.5, 0.5), rng.uniform(8, 60), rng.uniform(0, 2 * np.pi)
        waves += np.sin(2 * np.pi * (rows * np.cos(angle) + columns * np.sin(angle)) / length + phase) / 6
    light = light_of(colour, luminance)[None, None, :] * (1 + 0.45 * waves)[..., None]
    light *= 1 + rng.normal(0, 0.04, light.shape[:2])[..., None]
    # The sky's reflection makes one side a little bluer than the other.
    light *= (
        1
        + np.array([-0.03, 0.0, 0.03])
        * np.sin(2 * np.pi * columns / width * rng.uniform(0.4, 1.5))[..., None]
    )
    # Sun glints come in streaks along the crests.
    crest = waves + rng.normal(0, 0.25, waves.shape)
    light[crest > np.quantile(crest, 1 - glint)] = 1.0
    return encoded(np.clip(light, 0, 1))


def spoilt_water(rng: np.random.Generator, colour: int) -> Pixels:
    """Draw water that cannot be used: in the dark, full of glint, or with the shore across it."""
    kind = int(rng.integers(3))
    if kind == 0:
        return water(rng, colour, luminance=0.004, glint=0.0)
    if kind == 1:
        return water(rng, colour, glint=float(rng.uniform(0.5, 0.7)))
    image = Image.fromarray(water(rng, colour))
    draw = ImageDraw.Draw(image)
    width, height = SIZE
    level = int(height * rng.uniform(0.35, 0.6))
    earth = tuple(int(value) for value in rng.integers((90, 70, 40), (170, 140, 100)))
    draw.polygon(
        [(0, level), (width, level + int(rng.integers(-40, 40))), (width, height), (0, height)], fill=earth
    )
    for _ in range(60):
        x, y = int(rng.integers(width)), int(rng.integers(level, height))
        radius = int(rng.integers(3, 14))
        stone = tuple(int(np.clip(value + rng.integers(-50, 50), 0, 255)) for value in earth)
        draw.ellipse([x - radius, y - radius // 2, x + radius, y + radius // 2], fill=stone)
    return np.asarray(image)


def something_else(rng: np.random.Generator, colour: int) -> Pixels:
    """Draw a room or a street: walls, windows and boxes; `colour` is not used."""
    del colour
    width, height = SIZE
    image = Image.new("RGB", SIZE, tuple(int(value) for value in rng.integers(120, 235, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(10, 24))):
        left, top = int(rng.integers(-30, width)), int(rng.integers(-30, height))
        shape = [left, top, left + int(rng.integers(20, 150)), top + int(rng.integers(20, 150))]
        fill = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.rectangle(shape, fill=fill, outline=(20, 20, 20), width=2)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.2)))))


_DRAW: Final[dict[str, Callable[[np.random.Generator, int], Pixels]]] = {
    GOOD: water,
    BAD_WATER: spoilt_water,
    NOT_WATER: something_else,
}


def photos(count: int, seed: int) -> Iterator[tuple[str, str, int, Pixels]]:
    """Yield name, class, Forel-Ule colour (0: none) and pixels of generated photos; photo `i` depends on seed and `i` alone."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        # Half of them usable, as people send them.
        label = (GOOD, BAD_WATER, GOOD, NOT_WATER)[index % 4]
        colour = COLOURS[int(rng.integers(len(COLOURS)))]
        yield f"photo_{index:03d}.jpg", label, 0 if label == NOT_WATER else colour, _DRAW[label](rng, colour)


def write(folder: Path, count: int, seed: int) -> None:
    """Write photos (JPEG) and ``truth.csv`` (image, label, forel_ule) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[object, ...]] = [("image", "label", "forel_ule")]
    for name, label, colour, pixels in photos(count, seed):
        Image.fromarray(pixels).save(folder / name, quality=90, subsampling=0)
        rows.append((name, label, colour or ""))
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def labelled(folder: Path, count: int, seed: int) -> None:
    """Write photos in one folder per class and ``samples.csv``, as a retraining reads them; four photos are of one place."""
    rows = [("image", "sample_id")]
    for index, (name, label, _, pixels) in enumerate(photos(count, seed)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / label / name, quality=90, subsampling=0)
        rows.append((f"{label}/{name}", f"place-{index // 4 % PLACES:02d}"))
    with (folder / "samples.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def main() -> None:
    """Write photos from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    write(given.out, given.n, given.seed)


if __name__ == "__main__":
    main()
