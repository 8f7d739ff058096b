"""The generated images are read as a retraining reads them."""

from pathlib import Path

import numpy as np
from image_classifier.synthetic import labelled

from tidelab.training.datasets import read_images


def test_drawings_become_a_training_set(tmp_path: Path) -> None:
    labelled(tmp_path, 30, 5)
    data = read_images(str(tmp_path))
    assert tuple(data.labels) == ("Disc", "Rod", "Star")
    assert np.bincount(data.truth).tolist() == [10, 10, 10]
    assert len(set(data.sample_ids)) == 10
