"""Make the sample, the picture and the demonstration model from drawings.

Run ``python -m zooscan.make_demo FOLDER`` in the tensorflow environment with the use case's ``src`` on ``PYTHONPATH``. The model is trained on drawings:
it shows that everything works, it knows nothing of plankton, and its card says so.
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image

from tidelab.models.bundle import ModelBundle
from tidelab.science.splits import TEST, grouped_split
from tidelab.training.datasets import read_images
from tidelab.training.evaluation import evaluate
from tidelab.training.save import save_model
from tidelab.training.settings import TrainingSettings
from tidelab.training.train import train_model
from zooscan import drawings

SLUG: Final = "zooscan"
IMAGES, SEED = 1300, 20262
CREATED: Final = "2026-11-21T00:00:00+00:00"
"""Fixed, so that the card says nothing about when the script ran."""


def make_model(folder: Path, images: int = IMAGES, settings: TrainingSettings | None = None) -> ModelBundle:
    """Train the demonstration model on drawings and write its bundle."""
    chosen = settings or TrainingSettings(epochs=25, batch_size=32, seed=1, width=16)
    with TemporaryDirectory() as scratch:
        drawings.labelled(Path(scratch), images, SEED)
        data = read_images(scratch)
    samples = np.unique(data.sample_ids, return_inverse=True)[1]
    parts = grouped_split(data.truth, samples, seed=chosen.seed)
    model = train_model("network", data, parts, chosen)
    evaluation = evaluate(model.classifier, data, np.flatnonzero(parts == TEST), "Demo model")
    return save_model(
        model, evaluation, data, parts, folder,
        use_case=SLUG, name=SLUG, demo=True, created=CREATED, licence="CC0-1.0",
        title="Demonstration model, trained on drawings",
        data_summary=f"{images} drawn vignettes (zooscan.drawings, seed {SEED}), no real plankton",
        method="drawings of held-out drawn samples; says nothing about real plankton",
    )  # fmt: skip


def make_sample(folder: Path) -> None:
    """Write sample and picture below the use case's folder."""
    shutil.rmtree(folder / "sample", ignore_errors=True)
    (folder / "sample").mkdir(parents=True)
    drawings.main([str(folder / "sample")])
    sheet = Image.new("L", (480, 240), 255)
    for number in range(8):
        random = np.random.default_rng([3, number])
        animal = (
            drawings.draw_touching(random, 60, 2) if number % 3 == 1 else drawings.draw_animal(random, 80)
        )
        crop, mask = drawings.crop_and_mask(animal)
        one = Image.fromarray(np.where(mask, crop, 255).astype(np.uint8))
        one.thumbnail((110, 110))
        sheet.paste(one, (5 + number % 4 * 120, 5 + number // 4 * 120))
    sheet.save(folder / "picture.png", optimize=True)


def main(arguments: list[str] | None = None) -> None:
    """Make everything from the command line."""
    parser = argparse.ArgumentParser(description="Make sample, picture and demonstration model.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args(arguments)
    make_sample(options.folder)
    bundle = make_model(options.folder / "model" / "demo", options.images)
    print(
        f"{bundle.folder}: macro F1 {bundle.card.quality.macro_f1} on {bundle.card.quality.n_test} drawings, {len(bundle.onnx)} bytes"
    )


if __name__ == "__main__":
    main()
