"""Make the sample, the picture and the demonstration model of ``notebooks/_template``: discs, rods and stars.

Run ``python -m tidelab.training.make_template`` in the tensorflow environment. A new use case starts with images that nobody can take
for real ones, and with a model that says so.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tidelab import paths
from tidelab.models.bundle import ModelBundle
from tidelab.science.splits import TEST, grouped_split
from tidelab.training.datasets import read_images
from tidelab.training.evaluation import evaluate
from tidelab.training.save import save_model
from tidelab.training.settings import TrainingSettings
from tidelab.training.train import train_model

SLUG: Final = "{{slug}}"
SIZE_PX: Final = 80
SAMPLE_IMAGES, SAMPLE_SEED = 36, 3
IMAGES, SEED, BATCHES = 720, 4, 60
"""A fifth of the batches is held out: 12 samples for the drift verdict to be judged by."""
CREATED: Final = "2026-11-20T00:00:00+00:00"
"""Fixed, so that the card says nothing about when the script ran."""

Points = list[tuple[float, float]]
Draw = Callable[[ImageDraw.ImageDraw, np.random.Generator, int], None]


def _disc(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: int) -> None:
    radius = rng.uniform(14, 30)
    box = [SIZE_PX / 2 - radius, SIZE_PX / 2 - radius, SIZE_PX / 2 + radius, SIZE_PX / 2 + radius]
    draw.ellipse(box, outline=ink, width=int(rng.integers(3, 7)))


def _rod(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: int) -> None:
    length, width, angle = rng.uniform(22, 34), rng.uniform(4, 9), rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = [
        SIZE_PX / 2 + a * length * along + b * width * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]
    draw.polygon([(float(x), float(y)) for x, y in corners], fill=ink)


def _star(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: int) -> None:
    points, outer, start = int(rng.integers(5, 8)), rng.uniform(24, 34), rng.uniform(0, np.pi)
    angles = start + np.arange(2 * points) * np.pi / points
    radii = np.where(np.arange(2 * points) % 2, outer * 0.4, outer)
    corners: Points = [
        (float(SIZE_PX / 2 + r * np.cos(a)), float(SIZE_PX / 2 + r * np.sin(a)))
        for r, a in zip(radii, angles, strict=True)
    ]
    draw.polygon(corners, fill=ink)


SHAPES: Final[dict[str, Draw]] = {"Disc": _disc, "Rod": _rod, "Star": _star}
"""Class name -> its drawing, in the label order of the demonstration model."""


def make_shape(index: int, seed: int) -> tuple[Image.Image, str]:
    """Return image ``index`` of a seed (grey, 80 x 80 px) and its class."""
    rng = np.random.default_rng([seed, index])
    label = tuple(SHAPES)[index % len(SHAPES)]
    image = Image.new("L", (SIZE_PX, SIZE_PX), int(rng.integers(185, 215)))
    SHAPES[label](ImageDraw.Draw(image), rng, int(rng.integers(30, 90)))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 1.5))))
    noisy = np.asarray(image, dtype=np.float64) + rng.normal(0, 5, (SIZE_PX, SIZE_PX))
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)), label


def make_sample(folder: Path) -> None:
    """Write ``sample/`` (unnamed shapes and ``truth.csv``) and ``picture.jpg`` below a folder."""
    (folder / "sample").mkdir(parents=True, exist_ok=True)
    rows = []
    picture = Image.new("L", (6 * SIZE_PX, 3 * SIZE_PX), 200)
    for index in range(SAMPLE_IMAGES):
        image, label = make_shape(index, SAMPLE_SEED)
        name = f"sample/shape_{index:03d}.jpg"
        image.save(folder / name, quality=85)
        rows.append((name.removeprefix("sample/"), label))
        if index < 18:
            picture.paste(image, (index % 6 * SIZE_PX, index // 6 * SIZE_PX))
    picture.save(folder / "picture.jpg", quality=85)
    with (folder / "sample" / "truth.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([("image", "label"), *rows])


def make_model(folder: Path, images: int = IMAGES) -> ModelBundle:
    """Train a small forest on generated shapes and write its bundle into a folder."""
    settings = TrainingSettings(trees=30, seed=1)
    rows = [("image", "sample_id")]
    with TemporaryDirectory() as scratch:
        for index in range(images):
            image, label = make_shape(index, SEED)
            (Path(scratch) / label).mkdir(exist_ok=True)
            image.save(Path(scratch) / label / f"{index:04d}.png")
            rows.append((f"{label}/{index:04d}.png", f"batch-{index // len(SHAPES) % BATCHES:02d}"))
        with (Path(scratch) / "samples.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(rows)
        data = read_images(scratch)
        batches = np.unique(data.sample_ids, return_inverse=True)[1]
        parts = grouped_split(data.truth, batches, seed=settings.seed)
        model = train_model("forest", data, parts, settings)
        evaluation = evaluate(model.classifier, data, np.flatnonzero(parts == TEST), "Demo model")
        return save_model(
            model, evaluation, data, parts, folder,
            use_case=SLUG, name=SLUG, demo=True, created=CREATED, licence="CC0-1.0",
            title="Demonstration model, trained on drawn shapes",
            data_summary=f"{images} drawn discs, rods and stars (tidelab.training.make_template, seed {SEED})",
            method="drawn shapes that were held out; says nothing about real images",
        )  # fmt: skip


def main() -> None:
    """Make everything from the command line."""
    folder = paths.checkout() / "notebooks" / "_template"
    make_sample(folder)
    bundle = make_model(folder / "model" / "demo")
    print(
        f"{bundle.folder}: macro F1 {bundle.card.quality.macro_f1} on {bundle.card.quality.n_test} drawn shapes"
    )


if __name__ == "__main__":
    main()
