"""The sample of the template is what its script draws."""

import csv

import numpy as np
from PIL import Image

from tidelab import paths
from tidelab.training.make_template import SAMPLE_IMAGES, SHAPES, make_sample, make_shape

TEMPLATE = paths.checkout() / "notebooks" / "_template"


def test_the_committed_sample_is_what_the_script_draws(tmp_path):
    make_sample(tmp_path)
    assert (tmp_path / "sample/truth.csv").read_bytes() == (TEMPLATE / "sample/truth.csv").read_bytes()
    names = sorted(path.name for path in (TEMPLATE / "sample").glob("*.jpg"))
    assert len(names) == SAMPLE_IMAGES
    for name in [f"sample/{name}" for name in names] + ["picture.jpg"]:
        drawn, committed = (
            np.asarray(Image.open(folder / name), dtype=float) for folder in (tmp_path, TEMPLATE)
        )
        assert np.abs(drawn - committed).mean() < 1, name  # another JPEG library may round another way


def test_classes_are_equally_frequent_and_images_differ():
    with (TEMPLATE / "sample/truth.csv").open(newline="") as stream:
        labels = [row["label"] for row in csv.DictReader(stream)]
    assert {label: labels.count(label) for label in SHAPES} == dict.fromkeys(SHAPES, SAMPLE_IMAGES // 3)
    first, again, other = (np.asarray(make_shape(index, seed)[0]) for index, seed in ((0, 1), (0, 1), (0, 2)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
