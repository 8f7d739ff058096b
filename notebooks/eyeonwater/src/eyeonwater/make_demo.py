"""Make the sample, the picture and the demonstration model: ``python -m eyeonwater.make_demo`` in the tensorflow environment.

The model is a forest of drawn photos, so that everything can be tried without a download, and it says so on every face.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image

from eyeonwater import synthetic
from tidelab.models.bundle import ModelBundle
from tidelab.science.splits import TEST, grouped_split
from tidelab.training.datasets import read_images
from tidelab.training.evaluation import evaluate
from tidelab.training.save import save_model
from tidelab.training.settings import TrainingSettings
from tidelab.training.train import train_model

SLUG: Final = "eyeonwater"
SAMPLE_PHOTOS, SAMPLE_SEED = 24, 7
PHOTOS, SEED = 720, 21
CREATED: Final = "2026-11-21T00:00:00+00:00"
"""Fixed, so that the card says nothing about when this ran."""


def make_picture(path: Path) -> None:
    """Write the picture of the card: eight waters from blue to brown."""
    width, height = synthetic.SIZE
    sheet = Image.new("RGB", (4 * width // 2, 2 * height // 2))
    for index, colour in enumerate((2, 4, 6, 9, 12, 15, 18, 20)):
        pixels = synthetic.water(np.random.default_rng(colour), colour)
        small = Image.fromarray(pixels).resize((width // 2, height // 2))
        sheet.paste(small, (index % 4 * width // 2, index // 4 * height // 2))
    sheet.save(path, quality=88)


def make_model(folder: Path, photos: int = PHOTOS) -> ModelBundle:
    """Train a small forest on generated photos and write its bundle into a folder."""
    settings = TrainingSettings(trees=40, seed=1)
    with TemporaryDirectory() as scratch:
        synthetic.labelled(Path(scratch), photos, SEED)
        data = read_images(scratch)
        places = np.unique(data.sample_ids, return_inverse=True)[1]
        parts = grouped_split(data.truth, places, seed=settings.seed)
        model = train_model("forest", data, parts, settings)
        evaluation = evaluate(model.classifier, data, np.flatnonzero(parts == TEST), "Demo model")
        return save_model(
            model, evaluation, data, parts, folder,
            use_case=SLUG, name=SLUG, demo=True, created=CREATED, licence="CC0-1.0",
            title="Demonstration model, trained on generated photos",
            data_summary=f"{photos} generated photos (eyeonwater.synthetic, seed {SEED})",
            method="generated photos that were held out; says nothing about real ones",
        )  # fmt: skip


def main() -> None:
    """Make everything."""
    folder = Path(__file__).resolve().parents[2]
    synthetic.write(folder / "sample", SAMPLE_PHOTOS, SAMPLE_SEED)
    make_picture(folder / "picture.jpg")
    bundle = make_model(folder / "model" / "demo")
    print(
        f"{bundle.folder}: macro F1 {bundle.card.quality.macro_f1} on {bundle.card.quality.n_test} generated photos"
    )


if __name__ == "__main__":
    main()
