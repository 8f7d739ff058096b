"""Drawn animals: labelled vignettes to try a training with, and a small ZooProcess project whose content is known.

Nothing here looks like a real animal closely enough to be taken for one. Everything follows from the seed.

``python -m zooscan.drawings OUT`` writes the sample project.
"""

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image
from scipy import ndimage
from skimage.draw import disk, ellipse
from skimage.draw import line as pixels_of_line

from zooscan.multiples import prepared
from zooscan.objects import Grey, Mask
from zooscan.settings import ProcessSettings
from zooscan.vignette import vignette_of

DPI: Final = 2400
EMPTY: Final = 53_400
FRAME: Final = 30_000
_SEEN: Final = 0.05
"""Darkness from which a pixel is at or below the threshold of 243."""

_STEP: Final = 128
"""Grey levels of the sample are multiples of this: scans without noise pack a hundred times better, and the sample stays small."""


@dataclass(frozen=True)
class Animal:
    """A drawn animal.

    Parameters
    ----------
    darkness
        float32, 0 where there is nothing, up to 1.
    """

    darkness: npt.NDArray[np.float32]


def draw_animal(random: np.random.Generator, length_px: float) -> Animal:
    """Return an animal of about this length: a body, at times a tail, antennae or an eye that is a hole in it."""
    side = int(length_px * 2.2) + 8
    dark = np.zeros((side, side), np.float32)
    middle = side / 2
    slim = random.uniform(0.28, 0.75)
    body = ellipse(middle, middle, length_px / 2 * slim, length_px / 2, shape=dark.shape)
    dark[body] = random.uniform(0.45, 0.75)
    kind = random.integers(0, 4)
    if kind == 1:  # a tail
        tail = ellipse(middle, middle + length_px * 0.6, length_px * 0.09, length_px * 0.35, shape=dark.shape)
        dark[tail] = np.maximum(dark[tail], 0.5)
    elif kind == 2:  # antennae
        for sign in (-1, 1):
            ends = (int(middle + sign * length_px * 0.45), int(middle - length_px * 0.15))
            rows, columns = pixels_of_line(int(middle), int(middle - length_px * 0.4), *ends)
            dark[rows.clip(0, side - 1), columns.clip(0, side - 1)] = 0.6
        dark = np.maximum(dark, ndimage.maximum_filter(np.where(dark == np.float32(0.6), dark, 0), 5))
    elif kind == 3:  # a clear organ
        dark[disk((middle, middle - length_px * 0.2), max(2.0, length_px * 0.06), shape=dark.shape)] = 0.02
    turned = ndimage.rotate(dark, random.uniform(0, 360), reshape=False, order=1)
    return Animal(np.clip(ndimage.gaussian_filter(turned, 0.8), 0, 1).astype(np.float32))


def draw_touching(random: np.random.Generator, length_px: float, count: int) -> Animal:
    """Return several animals that touch, one beside the other, all in one connected part."""
    while True:
        found, bodies = _side_by_side(random, length_px, count)
        labels, _ = ndimage.label(found.darkness > _SEEN, np.ones((3, 3)))
        touched = {int(labels[place]) for place in bodies}
        if len(touched) == 1 and 0 not in touched:
            return found


def _side_by_side(
    random: np.random.Generator, length_px: float, count: int
) -> tuple[Animal, list[tuple[int, int]]]:
    total = np.zeros((int(length_px * 5) + 40,) * 2, np.float32)
    place = np.array([total.shape[0] / 2, total.shape[1] / 2 - length_px * 0.5 * (count - 1)])
    angle = random.uniform(-0.6, 0.6)
    bodies = []
    for _ in range(count):
        bodies.append((int(place[0]), int(place[1])))
        one = draw_animal(random, length_px * random.uniform(0.75, 1.0)).darkness
        top, left = int(place[0] - one.shape[0] / 2), int(place[1] - one.shape[1] / 2)
        box = total[max(top, 0) : top + one.shape[0], max(left, 0) : left + one.shape[1]]
        np.maximum(box, one[: box.shape[0], : box.shape[1]], out=box)
        place += length_px * random.uniform(0.55, 0.75) * np.array([math.sin(angle), math.cos(angle)])
        angle += random.uniform(-0.5, 0.5)
    return Animal(total), bodies


def crop_and_mask(animal: Animal) -> tuple[Grey, Mask]:
    """Return the box of the largest connected part, grey (white background) and mask, as a processed scan would give them."""
    grey = np.clip(np.rint(255 * (1 - animal.darkness)), 0, 255).astype(np.uint8)
    labels, count = ndimage.label(grey <= ProcessSettings().upper_threshold, np.ones((3, 3)))
    sizes = ndimage.sum_labels(np.ones_like(labels), labels, np.arange(1, count + 1))
    mask = labels == int(np.argmax(sizes)) + 1
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return grey[box], mask[box]


def labelled(folder: Path, count: int, seed: int) -> None:
    """Write drawn vignettes, prepared for the classifier, into ``multi/`` and ``single/``, and ``samples.csv`` with a drawn sample for each.

    Parameters
    ----------
    folder
        Where to.
    count
        Pictures; a third shows several animals.
    seed
        Of everything.
    """
    settings = ProcessSettings()
    rows = []
    for name in ("multi", "single"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        several = number % 3 == 0
        length = float(random.uniform(34, 130))
        animal = (
            draw_touching(random, length, int(random.integers(2, 5)))
            if several
            else draw_animal(random, length)
        )
        crop, mask = crop_and_mask(animal)
        file = f"{'multi' if several else 'single'}/drawn_{number:05d}.png"
        vignette = vignette_of(crop, mask, settings)
        Image.fromarray(prepared(np.repeat(vignette[..., None], 3, axis=2))).save(folder / file)
        rows.append((file, f"drawn-{number % 65:02d}"))
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("image", "sample_id"), *rows])


@dataclass(frozen=True)
class PlannedScan:
    """A scan of the sample project: how many animals lie on it, alone and touching."""

    stem: str
    sample: str
    fraction: str
    sub_part: int
    singles: int
    pairs: int


SAMPLE: Final = (
    PlannedScan("drawn_st1_d1", "drawn_st1", "d1", 1, 16, 4),
    PlannedScan("drawn_st1_d2", "drawn_st1", "d2", 4, 18, 5),
    PlannedScan("drawn_st2_tot", "drawn_st2", "tot", 2, 17, 4),
)
VOLUMES_M3: Final = {"drawn_st1": 50.0, "drawn_st2": 80.0}
WIDTH, HEIGHT = 1500, 1100


def write_project(root: Path, seed: int = 7, scans: tuple[PlannedScan, ...] = SAMPLE) -> None:
    """Write a ZooProcess project of drawn scans, and ``truth.csv`` beside it: animals alone and touching of each scan."""
    for name in ("Zooscan_scan/_raw", "Zooscan_back", "Zooscan_config", "Zooscan_meta"):
        (root / name).mkdir(parents=True, exist_ok=True)
    _write_config(root / "Zooscan_config")
    for number in (1, 2):
        blank = np.full((HEIGHT // 2, WIDTH // 2), EMPTY, np.uint16)
        _write_tiff(root / f"Zooscan_back/20260105_0900_back_large_raw_{number}.tif", blank, DPI // 2)
    for number, one in enumerate(scans):
        _write_tiff(root / f"Zooscan_scan/_raw/{one.stem}_raw_1.tif", _scan(one, [seed, number]), DPI)
        base = root / "Zooscan_scan/_raw"
        log = f"PID\n[Image]\nScanning_date= 20260105_1{number}30\nScanning_area= large\n[Info]\nHardware= drawn\nResolution= {DPI}\n"
        (base / f"{one.stem}_1_log.txt").write_text(log, encoding="utf-8")
    _write_tables(root / "Zooscan_meta", scans)


def _scan(plan: PlannedScan, seed: list[int]) -> npt.NDArray[np.uint16]:
    random = np.random.default_rng(seed)
    dark = np.zeros((HEIGHT, WIDTH), np.float32)
    columns, rows = 6, 4
    cells = random.permutation(columns * rows)
    wanted = [1] * plan.singles + [2] * plan.pairs
    for cell, animals in zip(cells, wanted, strict=False):
        length = float(random.uniform(45, 95))
        one = (
            draw_animal(random, length) if animals == 1 else draw_touching(random, length * 0.8, animals)
        ).darkness
        seen = np.nonzero(one > 0.02)
        cut = one[seen[0].min() : seen[0].max() + 1, seen[1].min() : seen[1].max() + 1]
        top = 90 + cell // columns * 235 + (220 - cut.shape[0]) // 2
        left = 90 + cell % columns * 225 + (215 - cut.shape[1]) // 2
        box = dark[max(top, 60) : top + cut.shape[0], max(left, 60) : left + cut.shape[1]]
        np.maximum(box, cut[: box.shape[0], : box.shape[1]], out=box)
    light = EMPTY * (1 - dark * 0.75)
    light[:40], light[-40:], light[:, :40], light[:, -40:] = FRAME, FRAME, FRAME, FRAME
    stepped: npt.NDArray[np.uint16] = (np.rint(light / _STEP) * _STEP).astype(np.uint16)
    return stepped


def _write_tiff(path: Path, pixels: npt.NDArray[np.uint16], dpi: int) -> None:
    tifffile.imwrite(
        path, pixels, photometric="minisblack", compression="zlib", predictor=True, rowsperstrip=128, resolution=(dpi, dpi),
        resolutionunit="INCH", metadata=None,
    )  # fmt: skip


def _write_config(folder: Path) -> None:
    lut = ("0", "65536", "1", "before", "yes", "1.8", "1.15", "3000", "0.07", "no", "1", str(DPI))
    (folder / "lut.txt").write_text("\n".join(lut) + "\n", encoding="ascii")
    values = {
        "background_process": "last", "resolution": DPI, "greytaux": 0.9, "method": "neutral", "upper": 243, "minsizeesd_mm": 0.3,
        "maxsizeesd_mm": 100, "longline_mm": 1.0, "frame": "both",
    }  # fmt: skip
    text = "".join(f"{name}= {value}\n" for name, value in values.items())
    (folder / "process_install_both_config.txt").write_text(text, encoding="ascii")


def _write_tables(folder: Path, scans: tuple[PlannedScan, ...]) -> None:
    samples = [
        "sampleid;ship;scientificprog;stationid;date;latitude;longitude;depth;nettype;netmesh;zmax;zmin;vol"
    ]
    for number, sample in enumerate(dict.fromkeys(one.sample for one in scans), start=1):
        volume = VOLUMES_M3.get(sample, 99999)
        samples.append(
            f"{sample};drawn;drawn;{number};2026010{number}-0930;43.4100;-7.1850;99999;wp2;200;100;0;{volume:g}"
        )
    rows = ["scanid;sampleid;scanop;fracid;fracmin;fracsup;fracnb;observation;submethod"]
    rows += [
        f"{one.stem}_1;{one.sample};nobody;{one.fraction};200;999999;{one.sub_part};no;motoda"
        for one in scans
    ]
    (folder / "zooscan_sample_header_table.csv").write_text("\n".join(samples) + "\n", encoding="ascii")
    (folder / "zooscan_scan_header_table.csv").write_text("\n".join(rows) + "\n", encoding="ascii")


def main(arguments: list[str] | None = None) -> None:
    """Write the sample of the use case from the command line."""
    parser = argparse.ArgumentParser(description="Write a small ZooProcess project of drawn scans.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    write_project(options.out / "Zooscan_drawn", options.seed)
    with (options.out / "truth.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = [(f"{one.stem}_1", one.singles, one.pairs) for one in SAMPLE]
        csv.writer(stream, lineterminator="\n").writerows(
            [("scan", "animals_alone", "touching_pairs"), *rows]
        )


if __name__ == "__main__":
    main()
