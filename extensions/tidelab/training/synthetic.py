"""Generate plankton-like FlowCam crops with known truth.

The project ships no outside images: its sample, its demonstration model and its benchmarks are made here. Image ``k`` of seed ``s``
depends on ``s`` and ``k`` alone, so a larger set begins with the smaller one and any part can be made again.

Run ``python -m tidelab.training.synthetic OUT --n 600 --seed 1 --layout classes`` to make a set by hand.
"""

import argparse
import csv
import io
from collections.abc import Iterable, Iterator
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

_TINTS = ((1.0, 1.0, 1.0), (1.0, 0.97, 0.86), (0.92, 1.0, 0.95))


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


def station_optics(instrument: int, station: int) -> Optics:
    """Return the conditions of one station: those of its instrument, changed a little as they change from day to day.

    Instrument 1 is the one of the demonstration model; pictures of another one show what a drift check is for.
    """
    if instrument == 1:
        base = Optics(background=165.0, focus_blur=0.75, noise=2.0)
    else:
        rng = np.random.default_rng([instrument, 1])
        base = Optics(
            background=float(rng.choice([105.0, 225.0]) + rng.normal(0, 8)),
            focus_blur=float(rng.uniform(0.9, 1.8)),
            noise=float(rng.uniform(2.0, 5.0)),
            tint=_TINTS[int(rng.integers(len(_TINTS)))],
        )
    day = np.random.default_rng([instrument, 2, station])
    return Optics(
        background=base.background + float(day.normal(0, 4)),
        focus_blur=base.focus_blur * float(day.lognormal(0, 0.08)),
        noise=base.noise * float(day.lognormal(0, 0.1)),
        tint=base.tint,
    )


def make_image(
    index: int, seed: int, stations: int = 3, label: str | None = None, instrument: int = 1
) -> SyntheticImage:
    """Draw image ``index`` of the set ``seed``.

    Parameters
    ----------
    index, seed
        Together they decide everything.
    stations
        Number of samples the set is spread over.
    label
        Class to draw; by default the classes take turns.
    instrument
        See `station_optics`.
    """
    chosen = label or LABELS[index % len(LABELS)]
    if chosen not in SHAPES:
        raise ValueError(f"label {chosen!r} cannot be drawn; expected one of {', '.join(LABELS)}")
    rng = np.random.default_rng([seed, 2, index])
    station = int(rng.integers(stations))
    canvas = SHAPES[chosen](rng)
    if rng.random() < 0.35:
        debris(canvas, rng)
    number = seed % 100 * 100 + station + 1  # sets of different seeds come from different days
    pixels = photograph(canvas, station_optics(instrument, number), rng, margin=int(rng.integers(3, 9)))
    return SyntheticImage(index, chosen, f"station-{number:04d}", pixels)


def make_images(
    n: int, seed: int, stations: int = 3, start: int = 0, instrument: int = 1
) -> Iterator[SyntheticImage]:
    """Yield images ``start`` to ``start + n - 1`` of the set ``seed``."""
    for index in range(start, start + n):
        yield make_image(index, seed, stations, instrument=instrument)


def encode(pixels: npt.NDArray[np.uint8], quality: int = 88) -> bytes:
    """Return JPEG bytes; a picture without colour becomes a grey JPEG, as the instrument's black-and-white camera writes it."""
    grey = bool((pixels == pixels[:, :, :1]).all())
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def generate(
    n: int,
    seed: int,
    out: Path,
    *,
    layout: Layout = "classes",
    stations: int = 3,
    quality: int = 88,
    instrument: int = 1,
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
    instrument
        See `station_optics`.

    Returns
    -------
    Path
        ``truth.csv`` in ``out``, with the columns ``image, sample_id, label, seed, index``. For ``classes`` it doubles as the
        table that names each image's sample. For ``stations``, ``samples.csv`` beside it says where, when and how much of a sea
        that does not exist was looked at.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for picture in make_images(n, seed, stations, instrument=instrument):
        if layout == "classes":
            name = f"{picture.label}/{picture.station}_{picture.index:05d}.jpg"
        else:
            name = f"{picture.station}/crop_{picture.index:05d}.jpg"
        path = out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(picture.pixels, quality))
        rows.append((name, picture.station, picture.label, seed, picture.index))
    if layout == "stations":
        write_stations(out / "samples.csv", {row[1] for row in rows})
    truth = out / "truth.csv"
    with truth.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image", "sample_id", "label", "seed", "index"))
        writer.writerows(sorted(rows))
    return truth


def write_stations(path: Path, stations: Iterable[str]) -> None:
    """Write ``samples.csv`` of generated stations: places, times and volumes are made up, and the names of the stations say so."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            (
                "sample_id",
                "time",
                "station",
                "latitude",
                "longitude",
                "volume_imaged_ml",
                "dilution_factor",
                "um_per_px",
            )
        )
        for place, station in enumerate(sorted(stations)):
            time = f"2024-05-{1 + place % 28:02d}T08:30:00Z"
            where = (f"{51.5 + 0.05 * place:.2f}", f"{3.0 + 0.1 * place:.2f}")
            # The second of three samples was concentrated to half its volume, so that a factor that is not 1 is seen.
            writer.writerow(
                (
                    station,
                    time,
                    f"generated {place + 1}",
                    *where,
                    "0.25",
                    "0.5" if place % 3 == 1 else "1",
                    "0.55",
                )
            )


def montage(columns: int = 4, rows: int = 4, cell: int = 140, seed: int = 7) -> Image.Image:
    """Return a picture of generated crops in a grid of `cell` px, for a use case's card."""
    sheet = Image.new("L", (columns * cell, rows * cell), 236)
    for place in range(columns * rows):
        column, row = place % columns, place // columns
        picture = make_image(row, seed, label=LABELS[(column + 4 * row) % len(LABELS)])
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
    parser.add_argument(
        "--instrument", type=int, default=1, help="1 is the demonstration model's; others look different"
    )
    parser.add_argument("--layout", choices=("classes", "stations"), default="classes")
    options = parser.parse_args(arguments)
    truth = generate(
        options.n, options.seed, options.out,
        layout=options.layout, stations=options.stations, instrument=options.instrument,
    )  # fmt: skip
    print(f"{options.n} images below {options.out}; truth in {truth}")


if __name__ == "__main__":
    main()
