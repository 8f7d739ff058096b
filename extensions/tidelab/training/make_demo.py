"""Make the sample, the card's picture and the demonstration model of ``flowcam-plankton`` from generated images.

Run ``python -m tidelab.training.make_demo`` in the tensorflow environment. The model is trained on drawings: it shows that everything
works, it knows nothing of plankton, and its card says so.
"""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tidelab import paths
from tidelab.models.bundle import ModelBundle
from tidelab.science.splits import TEST, grouped_split
from tidelab.training.datasets import read_images
from tidelab.training.evaluation import evaluate
from tidelab.training.progress import Epoch, OnEpoch, ignore
from tidelab.training.save import save_model
from tidelab.training.settings import TrainingSettings
from tidelab.training.synthetic import SAMPLE_IMAGES, SAMPLE_SEED, SAMPLE_STATIONS, generate, montage
from tidelab.training.train import train_model

SLUG = "flowcam-plankton"
IMAGES, SEED, STATIONS = 1800, 20261, 65
"""A fifth of the stations is held out: 13, each of about 28 images. A drift verdict needs 10 samples to be judged by."""
CREATED = "2026-11-20T00:00:00+00:00"
"""Fixed, so that the card says nothing about when the script ran."""


def make_sample(folder: Path) -> None:
    """Write the sample and the picture below the use case's folder."""
    shutil.rmtree(folder / "sample", ignore_errors=True)
    generate(
        SAMPLE_IMAGES, SAMPLE_SEED, folder / "sample", layout="stations", stations=SAMPLE_STATIONS, quality=88
    )
    montage().save(folder / "picture.png", optimize=True)


def make_model(
    folder: Path,
    *,
    images: int = IMAGES,
    settings: TrainingSettings | None = None,
    on_epoch: OnEpoch = ignore,
) -> ModelBundle:
    """Train the demonstration model and write its bundle into `folder`.

    Parameters
    ----------
    folder
        Bundle folder.
    images
        Generated images, spread over 65 stations; whole stations are held out.
    settings, on_epoch
        As in `train_model`.
    """
    chosen = settings or TrainingSettings(epochs=30, batch_size=32, seed=1)
    with TemporaryDirectory() as scratch:
        generate(images, SEED, Path(scratch), stations=STATIONS)
        data = read_images(scratch)
    stations = np.unique(data.sample_ids, return_inverse=True)[1]
    parts = grouped_split(data.truth, stations, seed=chosen.seed)
    model = train_model("network", data, parts, chosen, on_epoch)
    evaluation = evaluate(model.classifier, data, np.flatnonzero(parts == TEST), "Demo model")
    return save_model(
        model, evaluation, data, parts, folder,
        use_case=SLUG, name=SLUG, demo=True, created=CREATED, licence="CC0-1.0",
        title="Demonstration model, trained on generated pictures",
        data_summary=f"{images} generated pictures (tidelab.training.synthetic, seed {SEED}), no real plankton",
        method="generated pictures of stations that were held out; says nothing about real plankton",
    )  # fmt: skip


def _report(epoch: Epoch) -> None:
    print(
        f"epoch {epoch.number}/{epoch.total}: loss {epoch.loss:.3f}, validation loss {epoch.validation_loss}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Make everything from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=paths.checkout() / "notebooks" / SLUG)
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args(arguments)
    make_sample(options.folder)
    bundle = make_model(
        options.folder / "model" / "demo",
        images=options.images,
        on_epoch=_report,
    )
    quality = bundle.card.quality
    print(
        f"{bundle.folder}: macro F1 {quality.macro_f1} on {quality.n_test} held-out generated pictures, {len(bundle.onnx)} bytes"
    )


if __name__ == "__main__":
    main()
