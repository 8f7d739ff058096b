"""Generate underwater pictures with animals in them, and the exact truth: boxes, classes, counts.

The project ships no outside pictures: samples, demonstration models and benchmarks of detectors are made here. Picture ``k`` of seed
``s`` depends on ``s``, ``k`` and the options alone, so a larger set begins with the smaller one. Boxes are those of the pixels that
are visible: what leaves the frame or lies behind another animal does not count.

Run ``python -m tidelab.training.synthetic_objects OUT --n 48 --seed 5`` to make a set by hand.
"""

import argparse
import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.training.synthetic_scene import LABELS, Size, paint, swimmers
from tidelab.training.synthetic_sea import WATERS, Conditions, background, expose

__all__ = ["LABELS", "SyntheticPicture", "generate", "make_picture", "make_pictures"]

START: Final = datetime(2024, 5, 1, 12, tzinfo=UTC)
Choice = Literal["day", "night", "murky", "mixed", "clock"]

_AT_NIGHT: Final = range(5, 19)
"""With ``clock``, pictures outside these hours (UTC) are taken at night."""


@dataclass(frozen=True, eq=False)
class SyntheticPicture:
    """A generated picture and the truth about it.

    Parameters
    ----------
    index
        Number in its set.
    name
        File name, with camera and time: ``cam1_2024-05-01T12-00-00Z.jpg``.
    time
        When it was taken, UTC. Made up.
    conditions
        ``day``, ``night`` or ``murky``.
    pixels
        uint8 ``(height, width, 3)`` RGB.
    boxes
        int64 ``(m, 4)``: x_min, y_min, x_max, y_max in pixels; the last two are the first column and row outside.
    labels
        Class of each box.
    """

    index: int
    name: str
    time: datetime
    conditions: Conditions
    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.int64]
    labels: tuple[str, ...] = field(default=())


def file_name(camera: str, time: datetime) -> str:
    """Return the name of a camera's picture: ``cam1_2024-05-01T12-00-00Z.jpg``."""
    return f"{camera}_{time:%Y-%m-%dT%H-%M-%SZ}.jpg"


def make_picture(
    index: int,
    seed: int,
    *,
    size: Size = (640, 480),
    conditions: Choice = "day",
    mean_objects: float = 3.0,
    negatives: float = 0.12,
    camera: str = "cam1",
    start: datetime = START,
    every: timedelta = timedelta(minutes=30),
) -> SyntheticPicture:
    """Draw picture `index` of the set `seed`.

    Parameters
    ----------
    index, seed
        With the options, they decide everything.
    size
        Width and height, pixels, from 64 to 4096. Animals grow with the width.
    conditions
        ``day``, ``night``, ``murky``; ``mixed`` draws lots (0.7, 0.15, 0.15); ``clock`` is night from 19 to 5 h UTC.
    mean_objects
        Mean number of animals tried in a picture that is no negative: one, and a Poisson number more.
    negatives
        Share of pictures without animals.
    camera, start, every
        Make the file's name and time.
    """
    if not all(64 <= side <= 4096 for side in size):
        raise ValueError(f"size {size[0]} x {size[1]} px: sides from 64 to 4096 px can be drawn")
    rng = np.random.default_rng([seed, 5, index])
    time = start + index * every
    chosen = _conditions(conditions, time, rng)
    water = WATERS[chosen]
    empty = rng.random() < negatives
    count = 0 if empty else 1 + int(rng.poisson(max(mean_objects - 1, 0)))
    animals = swimmers(rng, size, count)
    scene = background(*size, water, rng)
    kept = paint(scene, animals, water.visibility)
    return SyntheticPicture(
        index=index,
        name=file_name(camera, time),
        time=time,
        conditions=chosen,
        pixels=expose(scene, water, rng),
        boxes=np.array([box for _, box in kept], np.int64).reshape(-1, 4),
        labels=tuple(animals[k].label for k, _ in kept),
    )


def _conditions(choice: Choice, time: datetime, rng: np.random.Generator) -> Conditions:
    lot = rng.random()  # drawn in any case, so that the animals do not depend on the choice
    if choice == "clock":
        return "day" if time.hour in _AT_NIGHT else "night"
    if choice == "mixed":
        return "day" if lot < 0.7 else "night" if lot < 0.85 else "murky"
    return choice


def encode(pixels: npt.NDArray[np.uint8], quality: int = 88) -> bytes:
    """Return JPEG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def make_pictures(n: int, seed: int, **options: Any) -> Iterator[SyntheticPicture]:
    """Yield pictures 0 to ``n - 1`` of the set `seed`; options as in `make_picture`."""
    for index in range(n):
        yield make_picture(index, seed, **options)


def generate(n: int, seed: int, out: Path, *, quality: int = 88, **options: Any) -> Path:
    """Write `n` pictures and their truth to `out`.

    Parameters
    ----------
    n, seed
        As in `make_pictures`.
    out
        Folder, created if it is missing. The pictures lie in it, beside ``truth.json`` (COCO), ``truth.csv`` (one row an animal:
        ``image, label, x_min_px, y_min_px, width_px, height_px``) and ``counts.csv`` (one row a picture, empty ones too).
    quality
        JPEG quality.
    options
        As in `make_picture`.

    Returns
    -------
    Path
        ``truth.json``.
    """
    out.mkdir(parents=True, exist_ok=True)
    coco, objects, counts = empty_coco(seed), [], []
    for picture in make_pictures(n, seed, **options):
        (out / picture.name).write_bytes(encode(picture.pixels, quality))
        add_to_coco(coco, picture.name, picture.pixels.shape, picture.boxes, picture.labels)
        objects += [
            (picture.name, label, *_xywh(box))
            for box, label in zip(picture.boxes, picture.labels, strict=True)
        ]
        tally = [picture.labels.count(label) for label in LABELS]
        counts.append((picture.name, f"{picture.time:%Y-%m-%dT%H:%M:%SZ}", picture.conditions, *tally))
    _write_csv(
        out / "truth.csv", ("image", "label", "x_min_px", "y_min_px", "width_px", "height_px"), objects
    )
    _write_csv(out / "counts.csv", ("image", "time", "conditions", *LABELS), counts)
    truth = out / "truth.json"
    truth.write_text(json.dumps(coco, indent=1) + "\n", encoding="utf-8")
    return truth


def _xywh(box: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (int(value) for value in box)
    return x0, y0, x1 - x0, y1 - y0


def empty_coco(seed: int) -> dict[str, Any]:
    """Return a COCO dictionary without images."""
    return {
        "info": {
            "description": f"Generated pictures, seed {seed}: drawings, not photographs",
            "version": "1",
        },
        "images": [],
        "annotations": [],
        "categories": [{"id": k, "name": label} for k, label in enumerate(LABELS, 1)],
    }


def add_to_coco(
    coco: dict[str, Any],
    name: str,
    shape: tuple[int, ...],
    boxes: npt.NDArray[np.int64],
    labels: Sequence[str],
    tracks: Sequence[int] | None = None,
) -> None:
    """Append one picture and its boxes to a COCO dictionary; `tracks` become ``track_id``."""
    number = len(coco["images"]) + 1
    coco["images"].append({"id": number, "file_name": name, "height": int(shape[0]), "width": int(shape[1])})
    for k, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        x, y, width, height = _xywh(box)
        annotation = {
            "id": len(coco["annotations"]) + 1,
            "image_id": number,
            "category_id": LABELS.index(label) + 1,
            "bbox": [x, y, width, height],
            "area": width * height,
            "iscrowd": 0,
        }
        if tracks is not None:
            annotation["track_id"] = int(tracks[k])
        coco["annotations"].append(annotation)


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _size(text: str) -> Size:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected WIDTHxHEIGHT in pixels, e.g. 640x480")
    return int(width), int(height)


def main(arguments: list[str] | None = None) -> None:
    """Make a set from the command line."""
    parser = argparse.ArgumentParser(description="Generate underwater pictures with animals and known truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=48)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--size", type=_size, default=(640, 480), help="WIDTHxHEIGHT, up to 4096x4096")
    parser.add_argument("--conditions", choices=("day", "night", "murky", "mixed", "clock"), default="day")
    parser.add_argument("--objects", type=float, default=3.0, help="mean animals of a picture that has any")
    parser.add_argument("--negatives", type=float, default=0.12, help="share of pictures without animals")
    parser.add_argument("--camera", default="cam1")
    parser.add_argument("--every-minutes", type=float, default=30)
    options = parser.parse_args(arguments)
    truth = generate(
        options.n, options.seed, options.out,
        size=options.size, conditions=options.conditions, mean_objects=options.objects,
        negatives=options.negatives, camera=options.camera, every=timedelta(minutes=options.every_minutes),
    )  # fmt: skip
    print(f"{options.n} pictures in {options.out}; truth in {truth}")


if __name__ == "__main__":
    main()
