"""Figures and views of a training: they draw, and names from outside stay names."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from tests.unit.training.test_evaluation import made_up
from tidelab.reports.views import retraining as views
from tidelab.science.metrics import macro_f1
from tidelab.training import plots
from tidelab.training.comparing import compare
from tidelab.training.cross_validation import CrossValidation, Fold
from tidelab.training.datasets import Rejected
from tidelab.training.live import LiveCurves, sentence
from tidelab.training.looks import Look
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


def crossed(images):
    """Return a made-up cross-validation: the forest right on all, the network wrong on one image in ten."""
    rng, folds = np.random.default_rng(0), []
    for kind in ("forest", "network"):
        for number in range(25):
            rows = np.arange(number % 5, len(images), 5)
            wrong = (rng.random(len(rows)) < 0.1) & (kind == "network")
            named = np.where(wrong, (images.truth[rows] + 1) % 6, images.truth[rows])
            folds.append(Fold(kind, number, rows, named, macro_f1(images.truth[rows], named, 6), 1.0))
    return CrossValidation(images, tuple(folds))


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
    compared = compare(good, poor)
    shares = dict.fromkeys(hostile.labels, 1.0)
    shown = [
        views.decision(compared.decision(HOSTILE), compared), views.cross_validation(crossed(hostile), HOSTILE),
        views.cross_validation(None, HOSTILE), views.quality(good, shares=shares), views.images(hostile), views.split(split, hostile), views.leakage(split, hostile), views.quality(good, poor),
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


def test_too_few_images_give_no_figure(images):
    few = made_up(images.subset([k for k in range(120) if images.truth[k] or k < 3]), 0.9)
    shown = views.quality(few)
    assert "n/a (3 images)" in str(shown.html)
    assert "Actinoptychus: n/a (3 images)" in shown.text
    assert "n/a (5 images)" in views.reliability(few.subset(range(5))).text
    assert "n/a (5 images)" in views.quality(few.subset(range(5))).text


def test_scores_by_sample_and_the_look_are_shown(images):
    found = dataclasses.replace(
        made_up(images, 0.9), look=Look(3, "sha256:0", "2026-11-01T00:00:00+00:00"), left_out=4
    )
    text = views.quality(found, shares={"Tripos": 0.1, "Ciliophora": 0.8, "Copepoda": 0.1}).text
    assert "by sample: mean accuracy" in text
    assert "This is look number 3 at these test images; the first was on 2026-11-01." in text
    assert "4 test images left out" in text
    html = str(views.quality(found, shares={"Tripos": 0.1, "Ciliophora": 0.8, "Copepoda": 0.1}).html)
    assert "Precision at the sample&#39;s shares" in html
    assert "10.0 % of that sample have classes without 10 test images" in html
    unknown = dataclasses.replace(found, images=dataclasses.replace(images, sample_ids=("",) * 120))
    assert "do not say which water sample" in views.quality(unknown).text


def test_a_decision_is_shown_class_by_class(images):
    found = compare(made_up(images, 0.5, "New"), made_up(images, 0.9, "Old", seed=1), look=2)
    text = views.decision(found.decision(), found).text
    assert text.startswith("Not recommended as champion.")
    assert "Tripos: not testable" in text
    assert "This was look number 2" in text


def test_cross_validation_shows_the_paired_difference(images):
    text = views.cross_validation(crossed(images), "120 images are few.").text
    assert "Forest: macro F1 1.00 (1.00 to 1.00)" in text
    assert "Forest minus Network: +0.1" in text
    assert "Not cross-validated. Enough." in views.cross_validation(None, "Enough.").text


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
