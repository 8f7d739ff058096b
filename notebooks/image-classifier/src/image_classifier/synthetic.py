"""Generated images to try the retraining with: drawn discs, rods and stars of several samples."""

import csv
from pathlib import Path
from typing import Final

from tidelab.training.make_template import SHAPES, make_shape

SAMPLES: Final = 24
"""Samples the drawings are dealt out to."""


def labelled(folder: Path, count: int, seed: int) -> None:
    """Write drawings in one folder per class and ``samples.csv``, as a retraining reads them.

    Parameters
    ----------
    folder
        Where they go.
    count
        How many, of all classes in turn.
    seed
        Drawing `i` depends on it and on `i` alone.
    """
    rows = [("image", "sample_id")]
    for index in range(count):
        image, label = make_shape(index, seed)
        (folder / label).mkdir(parents=True, exist_ok=True)
        name = f"{label}/{index:04d}.png"
        image.save(folder / name)
        rows.append((name, f"sample-{index // len(SHAPES) % SAMPLES:02d}"))
    with (folder / "samples.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
