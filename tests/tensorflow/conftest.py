"""Generated images, and a small training that every test of this folder shares."""

from pathlib import Path

import pytest

from tidelab.training.datasets import LabelledImages, read_images
from tidelab.training.settings import TrainingSettings
from tidelab.training.splitting import Split, split_images
from tidelab.training.synthetic import generate
from tidelab.training.train import train_model

QUICK = TrainingSettings(epochs=8, batch_size=16, size_px=48, width=16, trees=40, seed=3)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> LabelledImages:
    """Return 240 generated images of 12 stations."""
    folder: Path = tmp_path_factory.mktemp("classes")
    generate(240, 3, folder, stations=12)
    return read_images(folder)


@pytest.fixture(scope="session")
def split(images: LabelledImages) -> Split:
    """Return them split by station."""
    return split_images(images, seed=1)


@pytest.fixture(scope="session")
def trained(images: LabelledImages, split: Split):
    """Return one model of each kind, with the epochs that were reported."""
    models = {}
    for kind in ("forest", "network", "network+features"):
        epochs = []
        models[kind] = (train_model(kind, images, split.parts, QUICK, epochs.append), epochs)
    return models
