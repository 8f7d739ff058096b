"""Figures and views of a training: they draw, and names from outside stay names."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.training.test_evaluation import made_up
from tidelab.reports.views import retraining as views
from tidelab.training import plots
from tidelab.training.datasets import Rejected
from tidelab.training.evaluation import compare
from tidelab.training.live import LiveCurves, sentence
from tidelab.training.progress import Epoch
from tidelab.training.splitting import split_images

HOSTILE = "<img src=x onerror=alert(1)>$\\alpha$"
HISTORY = [Epoch(k, 3, 1 / k, 0.3 * k, 1.2 / k, 0.25 * k, 2.0 * k) for k in (1, 2, 3)]


@pytest.fixture
def hostile(images):
    """Return the images with a class and a file that carry HTML and a formula in their names."""
    labels = (HOSTILE, *images.labels[1:])
    names = (f"{HOSTILE}/{HOSTILE}.jpg", *images.names[1:])
    return dataclasses.replace(images, labels=labels, names=names, rejected=(Rejected(HOSTILE, "because"),))


def drawn(png):
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    assert picture.std() > 5, "something is drawn"
    return picture


def test_every_figure_draws_with_hostile_names(hostile):
    good, poor = made_up(hostile, 0.9, HOSTILE), made_up(hostile, 0.6, "Poor", seed=1)
    for png in (
        plots.curves(HISTORY),
        plots.confusion(good),
        plots.reliability(good),
        plots.comparison(compare(good, poor)),
    ):
        drawn(png)


def test_curves_without_validation_images_and_with_one_epoch():
    drawn(plots.curves([dataclasses.replace(HISTORY[0], validation_loss=None, validation_accuracy=None)]))


def test_many_classes_still_fit(images):
    many = dataclasses.replace(images, labels=tuple(f"class {k}" for k in range(95)))
    found = dataclasses.replace(
        made_up(images, 0.9), images=many, labels=many.labels, probabilities=np.zeros((120, 95), np.float32)
    )
    assert drawn(plots.confusion(found)).shape[0] < 9000


def test_views_escape_what_comes_from_outside(hostile):
    split = split_images(hostile, seed=1)
    good, poor = made_up(hostile, 0.9, HOSTILE), made_up(hostile, 0.6, "Poor", seed=1)
    shown = [
        views.images(hostile), views.split(split, hostile), views.leakage(split, hostile), views.quality(good, poor),
        views.confusion(good), views.reliability(good), views.comparison(compare(good, poor)),
        views.promotion({"id": HOSTILE, "status": HOSTILE}), views.promotion(None, HOSTILE),
    ]  # fmt: skip
    for one in shown:
        assert "<img src=x" not in str(one.html)
        assert one.text


def test_views_say_what_must_be_said(images):
    generated = dataclasses.replace(images, generated=True)
    assert "knows nothing of plankton" in str(views.images(generated).html)
    left_out = dataclasses.replace(images, rejected=(Rejected("a.jpg", "It is damaged."),))
    assert "It is damaged." in str(views.images(left_out).html)
    assert "Not asked for" in views.promotion(None).text
    few = made_up(images.subset(range(30)), 0.9)
    assert "30 test images are few" in views.quality(few).text


def test_progress_in_a_terminal_is_a_line_now_and_then(capsys):
    curves = LiveCurves(every_s=60)
    for epoch in HISTORY:
        curves(epoch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 3", "epoch 3 of 3"], (
        "the first and the last"
    )
    assert curves.history == HISTORY
    assert "75% of the validation images" in sentence(HISTORY[-1])
