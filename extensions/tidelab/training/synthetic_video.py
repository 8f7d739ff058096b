"""Generate a short underwater video with moving animals and the exact truth of each frame.

Run ``python -m tidelab.training.synthetic_video OUT --frames 50 --seed 5`` to make one by hand.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.training.synthetic_objects import START, add_to_coco, empty_coco, file_name
from tidelab.training.synthetic_scene import LABELS, Size, Swimmer, paint, swimmers
from tidelab.training.synthetic_sea import WATERS, Conditions, background, expose

_LENGTHS_PER_SECOND: Final = {"Chromis chromis": 0.8, "Diplodus vulgaris": 0.6, "Octopus vulgaris": 0.08}


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """One frame and the truth about it.

    Parameters
    ----------
    number
        From 0.
    pixels
        uint8 ``(height, width, 3)`` RGB, before the video's compression.
    boxes
        int64 ``(m, 4)``, as in `tidelab.training.synthetic_objects.SyntheticPicture`; every animal with a visible pixel has one.
    labels, tracks
        Class of each box, and the number of the animal, the same throughout the video.
    """

    number: int
    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    tracks: tuple[int, ...]


def make_frames(
    frames: int,
    seed: int,
    *,
    size: Size = (640, 480),
    fps: float = 10.0,
    conditions: Conditions = "day",
    animals: int = 4,
) -> Iterator[SyntheticFrame]:
    """Yield the frames of a video in which animals swim across a still scene, each straight ahead and up and down a little.

    Parameters
    ----------
    frames, seed
        Number of frames; what they show.
    size
        Width and height, even numbers of pixels.
    fps
        Frames a second.
    conditions
        As in `tidelab.training.synthetic_objects.make_picture`.
    animals
        How many are placed at the start; some leave the picture.
    """
    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"size {size[0]} x {size[1]} px: a video needs even sides")
    rng = np.random.default_rng([seed, 6])
    water = WATERS[conditions]
    cast = swimmers(rng, size, animals)
    phases = rng.uniform(0, 2 * np.pi, len(cast))
    scene = background(*size, water, rng)
    for number in range(frames):
        moved = [_moved(one, number / fps, phase) for one, phase in zip(cast, phases, strict=True)]
        picture = scene.copy()
        kept = paint(picture, moved, water.visibility, least_visible=0.0)
        yield SyntheticFrame(
            number=number,
            pixels=expose(picture, water, np.random.default_rng([seed, 7, number])),
            boxes=np.array([box for _, box in kept], np.int64).reshape(-1, 4),
            labels=tuple(cast[k].label for k, _ in kept),
            tracks=tuple(k + 1 for k, _ in kept),
        )


def _moved(one: Swimmer, seconds: float, phase: float) -> Swimmer:
    ahead = (-1 if one.mirrored else 1) * _LENGTHS_PER_SECOND[one.label] * one.length_px * one.squeeze
    bob = 0.08 * one.length_px * np.sin(2 * np.pi * 0.5 * seconds + phase)
    x = one.centre[0] + ahead * np.cos(one.angle) * seconds
    y = one.centre[1] + ahead * np.sin(one.angle) * seconds + bob
    return replace(one, centre=(float(x), float(y)))


def generate_video(
    frames: int,
    seed: int,
    out: Path,
    *,
    size: Size = (640, 480),
    fps: float = 10.0,
    conditions: Conditions = "day",
    animals: int = 4,
    camera: str = "cam1",
    start: datetime = START,
) -> Path:
    """Write a video (H.264 in mp4) and its truth beside it.

    Returns
    -------
    Path
        The video, ``cam1_2024-05-01T12-00-00Z.mp4``. ``.truth.json`` beside it is COCO, one image a frame, with ``track_id``;
        ``.truth.csv`` has one row an animal and frame; ``.counts.csv`` one row a frame.
    """
    import av

    out.mkdir(parents=True, exist_ok=True)
    path = (out / file_name(camera, start)).with_suffix(".mp4")
    coco, rows, counts = empty_coco(seed), [], []
    with av.open(str(path), "w") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": "23", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        for frame in make_frames(frames, seed, size=size, fps=fps, conditions=conditions, animals=animals):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")))
            name = f"{path.stem}_{frame.number:06d}.jpg"
            add_to_coco(coco, name, frame.pixels.shape, frame.boxes, frame.labels, frame.tracks)
            seconds = f"{frame.number / fps:.3f}"
            for box, label, track in zip(frame.boxes.tolist(), frame.labels, frame.tracks, strict=True):
                x0, y0, x1, y1 = box
                rows.append((frame.number, seconds, track, label, x0, y0, x1 - x0, y1 - y0))
            counts.append((frame.number, seconds, *(frame.labels.count(label) for label in LABELS)))
        container.mux(stream.encode(None))
    path.with_suffix(".truth.json").write_text(json.dumps(coco, indent=1) + "\n", encoding="utf-8")
    header = ("frame", "time_s", "track_id", "label", "x_min_px", "y_min_px", "width_px", "height_px")
    _write(path.with_suffix(".truth.csv"), header, rows)
    _write(path.with_suffix(".counts.csv"), ("frame", "time_s", *LABELS), counts)
    return path


def _write(path: Path, header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> None:
    """Make a video from the command line."""
    parser = argparse.ArgumentParser(description="Generate a video of moving animals with known truth.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--conditions", choices=tuple(WATERS), default="day")
    parser.add_argument("--animals", type=int, default=4)
    options = parser.parse_args(arguments)
    path = generate_video(
        options.frames, options.seed, options.out,
        fps=options.fps, conditions=options.conditions, animals=options.animals,
    )  # fmt: skip
    print(f"{options.frames} frames in {path}, with their truth beside it")


if __name__ == "__main__":
    main()
