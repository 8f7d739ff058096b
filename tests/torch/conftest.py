"""Small generated pictures and a training of two epochs that the tests of this folder share."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tidelab.training.detection_images import BoxedPicture, DetectionImages
from tidelab.training.synthetic_objects import LABELS, encode, make_pictures
from tidelab.training.yolo_folder import write_yolo_folder
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_train import train_network

# `make prove` collects every test with the development environment, which has no torch.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]

TINY = YoloSettings(
    architecture="yolov8n", width=0.0625, epochs=2, image_px=96, batch_size=8, optimizer="AdamW", learning_rate=0.002,
    mosaic=0.0, seed=3, device="cpu", workers=0,
)  # fmt: skip


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> DetectionImages:
    """Return 24 generated pictures of 128 x 96 px."""
    folder: Path = tmp_path_factory.mktemp("pictures")
    pictures = []
    for one in make_pictures(24, 5, size=(128, 96)):
        content = encode(one.pixels)
        (folder / one.name).write_bytes(content)
        pictures.append(
            BoxedPicture(
                name=one.name, file=folder / one.name, digest=hashlib.sha256(content).hexdigest(), width=128, height=96,
                boxes=one.boxes.astype(np.float32), truth=np.array([LABELS.index(label) for label in one.labels], np.int64),
            )
        )  # fmt: skip
    return DetectionImages(LABELS, tuple(pictures), generated=True)


@pytest.fixture(scope="session")
def parts() -> np.ndarray:
    """Return 16 training, 4 validation and 4 test pictures."""
    return np.array(["train"] * 16 + ["validation"] * 4 + ["test"] * 4)


@pytest.fixture(scope="session")
def data(images: DetectionImages, parts: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return them as a YOLO folder."""
    return write_yolo_folder(images, parts, tmp_path_factory.mktemp("yolo"))


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return a training of two epochs and the epochs that were reported while it ran."""
    seen = []
    result = train_network("detect", data, TINY, tmp_path_factory.mktemp("training"), seen.append)
    return result, seen
