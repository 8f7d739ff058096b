"""Generate plankton-like FlowCam crops with known truth.

The project ships no outside images: its sample, its demonstration model and its benchmarks are made here. Image ``k`` of seed ``s``
depends on ``s`` and ``k`` alone, so a larger set begins with the smaller one and any part can be made again.

Run ``python -m tidelab.training.synthetic OUT --n 600 --seed 1 --layout classes`` to make a set by hand.
"""

import argparse
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.training.synthetic_canvas import Optics, photograph
from tidelab.training.synthetic_shapes import SHAPES, debris

LABELS: tuple[str, ...] = tuple(SHAPES)
"""Classes that can be drawn, alphabetical."""

SAMPLE_IMAGES, SAMPLE_SEED, SAMPLE_STATIONS = 48, 11, 3
"""The committed sample of ``notebooks/flowcam-plankton`` is ``generate(48, seed=11, layout="stations")``."""

Layout = Literal["classes", "stations"]

_TINTS = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.98, 0.91))


@dataclass(frozen=True)
class SyntheticImage:
    """One generated crop and the truth about it.

    Parameters
    ----------
    index
        Number of the image in its set.
    label
        Class that was drawn.
    station
        Sample it belongs to; images of one station share background, focus, noise and tint.
    pixels
        uint8 ``(height, width, 3)`` RGB.
    """

    index: int
    label: str
    station: str
    pixels: npt.NDArray[np.uint8]


def station_optics(seed: int, station: int) -> Optics:
    """Return the conditions of one station: background, focus, noise and tint as an instrument's day would set them."""
    rng = np.random.default_rng([seed, 1, station])
    return Optics(
        background=float(rng.uniform(125, 200)),
        focus_blur=float(rng.uniform(0.5, 1.1)),
        noise=float(rng.uniform(1.0, 3.0)),
        tint=_TINTS[int(rng.integers(len(_TINTS)))],
    )


def make_image(index: int, seed: int, stations: int = 3, label: str | None = None) -> SyntheticImage:
    """Draw image ``index`` of the set ``seed``.

    Parameters
    ----------
    index, seed
        Together they decide everything.
    stations
        Number of samples the set is spread over.
    label
        Class to draw; by default the classes take turns.
    """
    chosen = label or LABELS[index % len(LABELS)]
    if chosen not in SHAPES:
        raise ValueError(f"label {chosen!r} cannot be drawn; expected one of {', '.join(LABELS)}")
    rng = np.random.default_rng([seed, 2, index])
    station = int(rng.integers(stations))
    canvas = SHAPES[chosen](rng)
    if rng.random() < 0.35:
        debris(canvas, rng)
    optics = station_optics(seed, station)
    pixels = photograph(canvas, optics, rng, margin=int(rng.integers(3, 9)))
    return SyntheticImage(index, chosen, f"station-{station + 1:02d}", pixels)


def make_images(n: int, seed: int, stations: int = 3, start: int = 0) -> Iterator[SyntheticImage]:
    """Yield images ``start`` to ``start + n - 1`` of the set ``seed``."""
    for index in range(start, start + n):
        yield make_image(index, seed, stations)


def encode(pixels: npt.NDArray[np.uint8], quality: int = 90) -> bytes:
    """Return JPEG bytes; a picture without colour becomes a grey JPEG, as the instrument's black-and-white camera writes it."""
    grey = bool((pixels == pixels[:, :, :1]).all())
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def generate(
    n: int, seed: int, out: Path, *, layout: Layout = "classes", stations: int = 3, quality: int = 90
) -> Path:
    """Write ``n`` generated crops and their truth below ``out``.

    Parameters
    ----------
    n, seed, stations
        As in `make_images`.
    out
        Folder to write into; created if it is missing.
    layout
        ``classes``: one folder per class (what training reads). ``stations``: one folder per sample with file names that give
        nothing away (what an analysis reads).
    quality
        JPEG quality.

    Returns
    -------
    Path
        ``truth.csv`` in ``out``, with the columns ``image, sample_id, label, seed, index``. For ``classes`` it doubles as the
        table that names each image's sample.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for picture in make_images(n, seed, stations):
        if layout == "classes":
            name = f"{picture.label}/{picture.station}_{picture.index:05d}.jpg"
        else:
            name = f"{picture.station}/crop_{picture.index:05d}.jpg"
        path = out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture.pixels, quality))
        rows.append((name, picture.station, picture.label, seed, picture.index))
    truth = out / "truth.csv"
    with truth.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image", "sample_id", "label", "seed", "index"))
        writer.writerows(sorted(rows))
    return truth


def montage(width: int = 640, height: int = 360, seed: int = 7, columns: int = 6) -> Image.Image:
    """Return a picture of generated crops in a grid, for a use case's card."""
    sheet = Image.new("L", (width, height), 236)
    cell = width // columns
    for place in range(columns * (height // cell + 1)):
        column, row = place % columns, place // columns
        picture = make_image(row, seed, label=LABELS[(column + 2 * row) % len(LABELS)])
        crop = Image.fromarray(picture.pixels).convert("L")
        scale = (cell - 8) / max(crop.size)
        crop = crop.resize(
            (max(1, round(crop.width * scale)), max(1, round(crop.height * scale))), Image.Resampling.LANCZOS
        )
        left, top = column * cell + (cell - crop.width) // 2, row * cell + (cell - crop.height) // 2
        sheet.paste(crop, (left, top))
    return sheet


def main(arguments: list[str] | None = None) -> None:
    """Make a set from the command line."""
    parser = argparse.ArgumentParser(description="Generate plankton-like FlowCam crops with known truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stations", type=int, default=3)
    parser.add_argument("--layout", choices=("classes", "stations"), default="classes")
    options = parser.parse_args(arguments)
    truth = generate(options.n, options.seed, options.out, layout=options.layout, stations=options.stations)
    print(f"{options.n} images below {options.out}; truth in {truth}")


if __name__ == "__main__":
    main()
