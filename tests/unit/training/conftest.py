"""Generated images in class folders, made once."""

from pathlib import Path

import pytest

from tidelab.training.datasets import LabelledImages, read_images
from tidelab.training.synthetic import generate


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 120 generated images of 12 stations, one folder per class."""
    folder = tmp_path_factory.mktemp("classes")
    generate(120, 3, folder, stations=12)
    return folder


@pytest.fixture(scope="session")
def images(class_folders: Path) -> LabelledImages:
    """Return them read."""
    return read_images(class_folders)
