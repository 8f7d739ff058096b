"""The steps of a detector's training from drawings to a bundle that an analysis uses, without MLflow and with little learned."""

import hashlib
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.torch.conftest import TINY
from tidelab.models import ModelBundle, ResolvedModel
from tidelab.models.detector import ObjectDetector
from tidelab.models.training_images import TrainingImages
from tidelab.reports.views import detector_retraining as views
from tidelab.training import detector_steps as steps
from tidelab.training.datasets import LabelledImages
from tidelab.training.synthetic_objects import LABELS, generate
from tidelab.training.yolo_classify import train_classifier


class Kept:
    """Stands for a run of MLflow."""

    def __init__(self):
        self.metrics, self.figures, self.tables, self.tags = {}, {}, {}, {}

    def log_metrics(self, metrics, step=0):
        for name, value in metrics.items():
            self.metrics.setdefault(name, []).append((step, value))

    def log_figure(self, name, png):
        self.figures[name] = png

    def log_table(self, name, table):
        self.tables[name] = table

    def set_tags(self, tags):
        self.tags |= tags


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coco")
    generate(24, 5, folder, size=(128, 96))
    return steps.open_dataset(str(folder / "truth.json"), str(folder), "coco")


def test_from_annotations_to_a_bundle_that_an_analysis_uses(dataset, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dataset.labels == LABELS
    assert len(dataset) == 24
    division = steps.split(dataset, seed=1)
    assert {len(division.rows(part)) for part in ("train", "validation", "test")} <= set(range(3, 17))
    seen = []
    model = steps.train(dataset, division, replace(TINY, epochs=2), seen.append)
    assert len(seen) == 2
    used = {dataset.pictures[k].digest for part in ("train", "validation") for k in division.rows(part)}
    assert model.learned_from == TrainingImages(frozenset(used))
    model, chosen = steps.choose_thresholds(model, dataset, division)
    assert set(model.card.detection.thresholds) == set(LABELS)
    assert "greatest F1 at IoU 0.5" in model.card.detection.thresholds_method
    test = steps.evaluate(model, dataset, division)
    assert (len(test), test.left_out, test.look.number) == (len(division.rows("test")), 0, 1)
    looked = (tmp_path / "tidelab" / "test_looks.jsonl").read_text().splitlines()
    assert json.loads(looked[0])["experiment"] == model.experiment

    champion = ModelBundle.load(_saved(model, test, dataset, division, tmp_path / "champion").folder)
    monkeypatch.setattr(
        steps, "resolve_model", lambda *_: ResolvedModel(bundle=champion, source="demo", name="d", version="")
    )
    monkeypatch.setattr(steps, "_use_case", lambda slug: None)
    theirs, found = steps.evaluate_champion("object-detector", dataset, division)
    compared, decision = steps.compare_with_champion(test, theirs, found)
    assert compared.difference.value == 0
    assert not decision.recommended
    assert any("Not shown to be better" in one for one in decision.reasons)

    run = Kept()
    steps.record(run, model, test, compared, decision)
    assert [step for step, _ in run.metrics["validation/map50"]] == [1, 2]
    assert {"precision_recall", "curves", "comparison"} <= set(run.figures)
    assert run.tags["tidelab.start"] == "It started from scratch."
    assert (
        run.tags["tidelab.end"] == f"Epoch {model.kept} of 2, the best on the validation pictures, is kept."
    )
    assert run.tables["confusion"].iloc[:-1, 1:].to_numpy().sum() == sum(
        len(one.truth) for one in test.images.pictures
    )
    assert isinstance(run.tables["per_class"], pd.DataFrame)
    shown = [
        views.images(dataset), views.split(division, dataset), views.training(model), views.thresholds(model, chosen),
        views.quality(test, theirs), views.confusion(test), views.examples(test), views.decision(decision, compared),
        views.next_steps(steps.advice(model, dataset, division, test)),
    ]  # fmt: skip
    assert all(one is not None for one in shown)


def _saved(model, test, dataset, division, folder):
    from tidelab.training.detector_saving import save_detector

    bundle = save_detector(
        model,
        test,
        dataset,
        division.parts,
        folder,
        use_case="object-detector",
        name="own",
        demo=dataset.generated,
    )
    assert {"model.onnx", "reference.npz", "training_images.txt"} == set(bundle.card.files)
    assert bundle.card.data_digest == steps.digest(dataset, division)
    assert bundle.card.quality.n_test == len(test)
    ObjectDetector(bundle)
    return bundle


def test_a_classifier_is_trained_and_says_what_its_network_says(tmp_path: Path):
    rng = np.random.default_rng(2)
    colours = np.array([[200, 40, 40], [40, 60, 200]])
    truth = np.arange(40) % 2
    pixels = tuple(
        np.clip(colours[k] + rng.normal(0, 25, (40, 56, 3)), 0, 255).astype(np.uint8) for k in truth
    )
    images = LabelledImages(
        names=tuple(f"{k:02d}.png" for k in range(40)), pixels=pixels, truth=truth.astype(np.int64), labels=("red", "blue"),
        sample_ids=("",) * 40, digests=tuple(f"{k:064x}" for k in range(40)),
    )  # fmt: skip
    parts = np.array(["train"] * 24 + ["validation"] * 8 + ["test"] * 8)
    epochs = []
    settings = replace(TINY, epochs=3, image_px=64)
    model = train_classifier(images, parts, settings, epochs.append)
    assert (model.kind, model.card.labels, len(epochs)) == ("yolo", ("red", "blue"), 3)
    assert epochs[-1].validation_accuracy is not None
    assert epochs[-1].accuracy is None
    assert (model.card.input.crop, model.card.input.size_px) == ("shorter-side", 64)
    assert model.parity <= 1e-4
    from tidelab.training.evaluation import evaluate

    test = evaluate(model.classifier, images, np.flatnonzero(parts == "test"), "own", model.learned_from)
    assert len(test.truth) == 8
    with pytest.raises(ValueError, match="no training image of blue"):
        train_classifier(images, np.where(truth == 1, "test", parts), settings)


def test_pictures_that_do_not_fit_their_annotations_are_left_out_and_named(tmp_path: Path):
    generate(6, 5, tmp_path, size=(128, 96))
    coco = json.loads((tmp_path / "truth.json").read_text())
    names = [one["file_name"] for one in coco["images"]]
    (tmp_path / names[0]).unlink()
    (tmp_path / names[1]).write_bytes(b"no picture")
    Image.new("RGB", (64, 48)).save(tmp_path / names[2])
    found = steps.open_dataset(str(tmp_path / "truth.json"), str(tmp_path), "coco")
    assert [one.name for one in found.pictures] == sorted(names[3:])
    words = "\n".join(found.notes)
    assert "not found" in words
    assert "unreadable" in words
    assert "of another size" in words


def test_the_stop_button_keeps_what_was_learned_and_the_steps_go_on(dataset):
    division = steps.split(dataset, seed=1)
    seen = []

    def press(epoch):
        seen.append(epoch)
        if epoch.number == 2:
            os.kill(os.getpid(), signal.SIGINT)

    settings = replace(TINY, epochs=40)
    model = steps.train(dataset, division, settings, press)
    assert len(seen) == len(model.history) == 2
    assert model.end_words.startswith("It was ended in epoch 3 of 40; epoch ")
    model, _ = steps.choose_thresholds(model, dataset, division)
    assert len(steps.advice(model, dataset, division, steps.evaluate(model, dataset, division))) >= 1
    whole = hashlib.sha256(f"{settings!r} {steps.digest(dataset, division)}".encode()).hexdigest()
    assert model.experiment != whole, "a look of its own at the test pictures"


@pytest.mark.prove
def test_from_scratch_on_drawings_in_minutes_on_a_cpu(tmp_path: Path):
    """About five minutes on two idle cores."""
    from tidelab.training.make_detector_demo import make_model

    bundle = make_model(tmp_path / "demo")
    assert bundle.card.quality.map50 >= 0.7
    assert bundle.card.demo
    assert len(bundle.onnx) < 4e6
    assert bundle.card.quality.n_samples >= 10, "days that a drift verdict can be judged by"
