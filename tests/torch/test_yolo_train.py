"""Training YOLO networks: watched, repeatable, ended when asked, from weights, of every task."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.torch.conftest import TINY
from tidelab.training.stopping import stop_button
from tidelab.training.yolo_folder import write_yolo_folder
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_train import TrainingCancelled, load_network, task_of, train_network


def test_a_training_is_watched_and_leaves_its_best_weights(trained, images, tmp_path: Path):
    result, seen = trained
    assert [one.number for one in seen] == [1, 2], "each epoch once, while it runs"
    assert tuple(seen) == result.history
    last = result.history[-1]
    assert set(last.losses) == {"box_loss", "cls_loss", "dfl_loss"}
    assert set(last.measures) == {"precision", "recall", "map50", "map50_95"}
    assert last.loss > 0
    assert last.validation_loss > 0
    assert "epoch 2 of 2: loss" in last.sentence
    assert result.names == images.labels
    assert result.framework.startswith("ultralytics 8.4.190, torch 2.13.0")
    file = tmp_path / "w.pt"
    file.write_bytes(result.weights)
    again = load_network(file)
    assert task_of(again) == "detect"
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(again(picture)[0], result.network(picture)[0])


def test_equal_seeds_give_equal_models_and_others_do_not(data: Path, trained, tmp_path: Path):
    first = trained[0].network.state_dict()
    same = train_network("detect", data, TINY, tmp_path / "same").network.state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    other = train_network(
        "detect", data, replace(TINY, seed=4, epochs=1), tmp_path / "other"
    ).network.state_dict()
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_ended_by_a_person_it_keeps_the_best_epoch_so_far(data: Path, images, tmp_path: Path):
    steps, asked = [], iter([*[False] * 60])
    result = train_network(
        "detect", data, replace(TINY, epochs=50), tmp_path, on_step=steps.append,
        cancelled=lambda: next(asked) or (len(steps) == 5),
    )  # fmt: skip
    assert [(one.epoch, one.number, one.total) for one in steps] == [
        (1, 1, 2),
        (1, 2, 2),
        (2, 1, 2),
        (2, 2, 2),
        (3, 1, 2),
    ]
    assert [one.number for one in result.history] == [1, 2], (
        "two steps an epoch; ended after the first of the third"
    )
    assert result.ended
    assert result.kept == _best(result.history)
    assert f"ended in epoch 3 of 50; epoch {result.kept}, the best" in result.words
    assert result.names == images.labels
    again = tmp_path / "again.pt"
    again.write_bytes(result.weights)
    assert task_of(load_network(again)) == "detect", "another training can start from what is kept"
    whole = train_network("detect", data, replace(TINY, epochs=1), tmp_path / "whole")
    assert len(result.weights) < 1.2 * len(whole.weights), "without the state of the optimiser"
    assert (whole.kept, whole.ended) == (1, False)
    assert whole.words == "Epoch 1 of 1, the best on the validation pictures, is kept."


def _best(history):
    """Ultralytics writes best.pt whenever no earlier epoch had a greater mAP50-95."""
    values = [one.measures["map50_95"] for one in history]
    return max(k for k, value in enumerate(values, 1) if value == max(values))


def test_before_the_first_epoch_there_is_nothing_to_keep(data: Path, tmp_path: Path):
    with pytest.raises(TrainingCancelled, match="before its first epoch was over"):
        train_network("detect", data, replace(TINY, epochs=50), tmp_path, cancelled=lambda: True)


def test_the_stop_button_ends_it_in_good_order(data: Path, tmp_path: Path):
    before = signal.getsignal(signal.SIGINT)

    def press(epoch):
        os.kill(os.getpid(), signal.SIGINT)

    with stop_button() as pressed:
        result = train_network("detect", data, replace(TINY, epochs=50), tmp_path, press, pressed)
    assert len(result.history) == result.kept == 1
    assert result.ended
    assert signal.getsignal(signal.SIGINT) is before


def test_it_goes_on_from_weights_and_refuses_those_of_another_task(data: Path, trained, tmp_path: Path):
    weights = tmp_path / "start.pt"
    weights.write_bytes(trained[0].weights)
    result = train_network("detect", data, replace(TINY, weights=weights, epochs=1), tmp_path / "on")
    assert result.parameters == trained[0].parameters, (
        "the architecture of the weights, whatever the settings say"
    )
    with pytest.raises(ValueError, match=r"start\.pt was trained for detect, not for classify"):
        train_network("classify", data, replace(TINY, weights=weights), tmp_path / "no")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.pt cannot be read as YOLO weights in safe mode"):
        train_network("detect", data, replace(TINY, weights=tmp_path / "text.pt"), tmp_path / "no")
    with pytest.raises(ValueError, match=r"is no \.pt file"):
        train_network("detect", data, replace(TINY, weights=tmp_path / "gone.pt"), tmp_path / "no")


@pytest.mark.parametrize("architecture", ["yolov8n", "yolo11n"])
@pytest.mark.parametrize("task", ["segment", "obb"])
def test_masks_and_rotated_boxes_are_trained_too(architecture, task, data: Path, tmp_path: Path):
    folder = tmp_path / "data"
    for part in ("train", "val"):
        (folder / "labels" / part).mkdir(parents=True)
        (folder / "images" / part).mkdir(parents=True)
        for file in (data.parent / "images" / part).iterdir():
            (folder / "images" / part / file.name).symlink_to(file.resolve())
        for file in (data.parent / "labels" / part).glob("*.txt"):
            rows = [corners(line) for line in file.read_text().splitlines()]
            (folder / "labels" / part / file.name).write_text("\n".join(rows))
    (folder / "data.yaml").write_text(data.read_text().replace(str(data.parent), str(folder)))
    settings = replace(TINY, architecture=architecture, epochs=1, image_px=64)
    result = train_network(task, folder / "data.yaml", settings, tmp_path / "out")
    assert task_of(result.network) == task
    assert len(result.history) == 1
    assert np.isfinite(result.history[0].loss)


def corners(line):
    label, x, y, w, h = line.split()
    x, y, w, h = (float(value) for value in (x, y, w, h))
    return f"{label} {x - w / 2} {y - h / 2} {x + w / 2} {y - h / 2} {x + w / 2} {y + h / 2} {x - w / 2} {y + h / 2}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "yolov9n"}, "architecture: 'yolov9n', expected one of yolov8n"),
        ({"epochs": 0}, "epochs: 0, expected at least 1"),
        ({"image_px": 100}, "image_px: 100, expected a multiple of 32"),
        ({"width": 9.0}, "width: 9.0"),
        ({"learning_rate": 0.1, "optimizer": "auto"}, "learning_rate has no effect"),
    ],
)
def test_settings_say_what_is_wrong(changes, words):
    with pytest.raises(ValueError, match=words):
        YoloSettings(**changes)


def test_pictures_that_nothing_can_be_learned_from_are_refused(images, parts, tmp_path: Path):
    with pytest.raises(ValueError, match="24 training and 0 validation pictures"):
        write_yolo_folder(images, np.array(["train"] * 24), tmp_path / "a")
    labels = replace(images, labels=(*images.labels, "Sepia officinalis"))
    with pytest.raises(ValueError, match="No training picture shows Sepia officinalis"):
        write_yolo_folder(labels, parts, tmp_path / "b")


def test_test_pictures_are_never_written(data: Path, images, parts):
    names = {one.resolve().name for one in (data.parent / "images").rglob("*.jpg")}
    assert names == {one.name for one, part in zip(images.pictures, parts, strict=True) if part != "test"}
