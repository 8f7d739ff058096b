"""Write a FlowCam run folder as the instrument does, from generated particles with known truth.

Collages, binary twins, a calibration image, the list of particles (format 017) and the run summary have the form that
`tidelab.formats.flowcam` describes. The number of particles of each class is drawn from a Poisson law with a known concentration, so an
analysis can be asked whether its intervals contain the truth.

Run ``python -m tidelab.training.synthetic_flowcam OUT --seed 5 --volume-ml 0.5`` to make one by hand.
"""

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.training.synthetic import LABELS, make_image

Pixels = npt.NDArray[np.uint8]

COLLAGE_SIDE_PX: Final = 1024
_GAP_PX: Final = 2
_FIELDS: Final = (
    ("id", "int32"), ("image_x", "int32"), ("image_y", "int32"), ("image_w", "int32"), ("image_h", "int32"), ("src_x", "int32"),
    ("src_y", "int32"), ("src_image", "int32"), ("cal_image", "int32"), ("cal_const", "double"), ("timestamp", "timestamp"),
    ("collage_file", "string"),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where one particle lies: number of the collage from 1, and its upper left corner, pixels."""

    collage: int
    x: int
    y: int


def place(sizes: Sequence[tuple[int, int]], side_px: int = COLLAGE_SIDE_PX) -> list[Place]:
    """Return where particles of these sizes (width, height) lie when they are set in rows, as the instrument sets them."""
    places = []
    collage, x, y, row = 1, 0, 0, 0
    for width, height in sizes:
        if x and x + width > side_px:
            x, y, row = 0, y + row + _GAP_PX, 0
        if y and y + height > side_px:
            collage, x, y, row = collage + 1, 0, 0, 0
        places.append(Place(collage, x, y))
        x, row = x + width + _GAP_PX, max(row, height)
    return places


def write_run(
    out: Path,
    name: str,
    particles: Sequence[Pixels],
    *,
    volume_imaged_ml: float | None = 0.5,
    um_per_px: float = 0.5,
    side_px: int = COLLAGE_SIDE_PX,
) -> Path:
    """Write one run.

    Parameters
    ----------
    out
        Folder in which the folder of the run is made.
    name
        Of the run.
    particles
        uint8 ``(height, width, 3)`` RGB each; the first is particle 1.
    volume_imaged_ml
        ``Fluid Volume Imaged`` of the summary; None writes no summary.
    um_per_px
        Calibration factor.
    side_px
        Width and height of a collage; a larger particle makes its collage larger.

    Returns
    -------
    Path
        The folder of the run.
    """
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    places = place([(one.shape[1], one.shape[0]) for one in particles], side_px)
    for number in sorted({one.collage for one in places}):
        mine = [(one, pixels) for one, pixels in zip(places, particles, strict=True) if one.collage == number]
        width = max(one.x + pixels.shape[1] for one, pixels in mine)
        height = max(one.y + pixels.shape[0] for one, pixels in mine)
        collage = np.full((height, width, 3), 255, np.uint8)
        binary = np.zeros((height, width), np.uint8)
        for one, pixels in mine:
            rectangle = np.s_[one.y : one.y + pixels.shape[0], one.x : one.x + pixels.shape[1]]
            collage[rectangle] = pixels
            binary[rectangle] = 255
        Image.fromarray(collage).save(folder / _collage_name(name, number), "TIFF")
        Image.fromarray(binary).save(folder / f"{name}_{number:06d}_bin.tif", "TIFF")
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(folder / "cal_image_000001.tif", "TIFF")
    rows = [
        (
            *(number, one.x, one.y, pixels.shape[1], pixels.shape[0], 100, 100, number, 1),
            *(f"{um_per_px:.4f}", "2024-05-03T10:23:07.847", _collage_name(name, one.collage)),
        )
        for number, (one, pixels) in enumerate(zip(places, particles, strict=True), start=1)
    ]
    header = ["017", f"num-fields|{len(_FIELDS)}", *(f"{field}|{kind}" for field, kind in _FIELDS)]
    lines = [*header, *("|".join(map(str, row)) for row in rows)]
    (folder / f"{name}.lst").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    if volume_imaged_ml is not None:
        text = _summary(len(particles), volume_imaged_ml, um_per_px)
        (folder / f"{name}_run_summary.txt").write_text(text, encoding="utf-8")
    return folder


def generate_run(
    out: Path,
    per_ml: Mapping[str, float],
    *,
    volume_imaged_ml: float = 0.5,
    um_per_px: float = 0.5,
    seed: int = 5,
) -> Path:
    """Write one run of generated plankton at known concentrations, and the truth beside its folder.

    Parameters
    ----------
    out
        Folder in which the folder of the run and ``truth.csv`` (particle, label) and ``truth_per_ml.csv`` (label, cells per mL of the
        fluid) are made.
    per_ml
        Label -> true concentration in the fluid that is imaged.
    volume_imaged_ml, um_per_px, seed
        Of the run.

    Returns
    -------
    Path
        The folder of the run.
    """
    rng = np.random.default_rng([seed, 17])
    counts = {label: int(rng.poisson(value * volume_imaged_ml)) for label, value in per_ml.items()}
    labels = [label for label, count in counts.items() for _ in range(count)]
    rng.shuffle(labels)
    pictures = [
        make_image(number, seed, stations=1, label=label).pixels for number, label in enumerate(labels)
    ]
    name = f"run-{seed:04d}"
    folder = write_run(out, name, pictures, volume_imaged_ml=volume_imaged_ml, um_per_px=um_per_px)
    truth = [(f"{name}/{number}", label) for number, label in enumerate(labels, start=1)]
    _write_csv(out / "truth.csv", ("image", "label"), truth)
    _write_csv(out / "truth_per_ml.csv", ("label", "per_ml"), list(per_ml.items()))
    return folder


def _collage_name(name: str, number: int) -> str:
    return f"{name}_{number:06d}.tif"


def _summary(count: int, volume_imaged_ml: float, um_per_px: float) -> str:
    return f"""Run:
\tMode:  AutoImage
\tFlow Rate:  0.900 ml/min
\tStop Reason:  Sample Volume Processed
\tFluid Volume Imaged: {volume_imaged_ml:.4f} ml
\tParticle Count: {count}

Date/Time:
\tStart:  2024-05-03 10:23:07
\tEnd:  2024-05-03 10:25:37

Environment:
\tSoftware: generated by Tidelab
\tMagnification: 10X
\tCalibration Factor: {um_per_px:.4f}
\tSerialNo:  NA
"""


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> None:
    """Make a run from the command line."""
    parser = argparse.ArgumentParser(description="Generate a FlowCam run folder with known truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--per-ml", type=float, default=60.0, help="true concentration of each class in the fluid"
    )
    parser.add_argument("--volume-ml", type=float, default=0.5)
    parser.add_argument("--um-per-px", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    folder = generate_run(
        options.out, dict.fromkeys(LABELS, options.per_ml),
        volume_imaged_ml=options.volume_ml, um_per_px=options.um_per_px, seed=options.seed,
    )  # fmt: skip
    print(f"A FlowCam run in {folder}; the truth beside it")


if __name__ == "__main__":
    main()
