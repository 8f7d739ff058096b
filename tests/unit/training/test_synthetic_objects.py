"""Generated pictures of animals: the truth is what is to be seen."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tidelab.training.synthetic_objects import LABELS, generate, main, make_picture
from tidelab.training.synthetic_scene import paint, swimmers
from tidelab.training.synthetic_video import generate_video, make_frames

SMALL = {"size": (160, 120)}


def test_a_picture_depends_on_seed_and_number_alone() -> None:
    one, again = make_picture(3, 5, **SMALL), make_picture(3, 5, **SMALL)
    assert (one.pixels == again.pixels).all()
    assert (one.boxes == again.boxes).all()
    assert one.name == "cam1_2024-05-01T13-30-00Z.jpg"
    assert (make_picture(3, 6, **SMALL).pixels != one.pixels).any()


def test_boxes_are_those_of_the_changed_pixels() -> None:
    """A pixel that an animal covers by more than half lies in its box; a soft edge may lie outside."""
    found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        animals = swimmers(rng, (200, 150), 5)
        for animal in animals:
            scene = np.full((150, 200, 3), 128, np.float32)
            for _, (x0, y0, x1, y1) in paint(scene, [animal], (1.0, 1.0)):
                changed = np.abs(scene - 128).max(axis=2)
                assert changed[:, [x0, x1 - 1]].max(axis=0).min() > 0
                assert changed[[y0, y1 - 1]].max(axis=1).min() > 0
                changed[y0:y1, x0:x1] = 0
                assert changed.max(initial=0) <= 64
                found += 1
    assert found > 10


def test_what_cannot_be_seen_is_not_painted() -> None:
    rng = np.random.default_rng(1)
    one = swimmers(rng, (200, 150), 1)[0]
    scene = np.zeros((150, 200, 3), np.float32)
    # Far away, and all places just outside: nothing of it may come in from the other side.
    for x, y in [
        (-500.0, 40.0),
        *((-x, 40.0) for x in range(60, 300, 3)),
        *((100.0, -y) for y in range(60, 300, 3)),
    ]:
        outside = type(one)(**{**one.__dict__, "centre": (x, y)})
        assert paint(scene, [outside], (1.0, 1.0)) == [], (x, y)
    assert not scene.any()
    # The second covers the first wholly, so it is left out.
    assert [k for k, _ in paint(scene, [one, one], (1.0, 1.0))] == [0]


def test_sets_have_all_classes_and_pictures_without_animals() -> None:
    pictures = [make_picture(k, 5, **SMALL) for k in range(40)]
    assert {label for one in pictures for label in one.labels} == set(LABELS)
    assert 1 <= sum(not one.labels for one in pictures) <= 12
    for one in pictures:
        assert (one.boxes >= 0).all()
        assert (one.boxes[:, [0, 2]] <= 160).all()
        assert (one.boxes[:, [1, 3]] <= 120).all()
        assert (one.boxes[:, 2:] > one.boxes[:, :2]).all()


def test_night_is_dark_and_follows_the_clock() -> None:
    day, night = make_picture(0, 5, **SMALL), make_picture(0, 5, conditions="night", **SMALL)
    assert night.pixels.mean() < 0.6 * day.pixels.mean()
    assert (day.boxes == night.boxes).all()
    assert day.labels == night.labels
    clock = [make_picture(k, 5, conditions="clock", **SMALL) for k in (0, 20)]
    assert [(one.time.hour, one.conditions) for one in clock] == [(12, "day"), (22, "night")]


def test_files_agree_with_one_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path), "--n", "6", "--seed", "5", "--size", "160x120"])
    assert "6 pictures" in capsys.readouterr().out
    coco = json.loads((tmp_path / "truth.json").read_text())
    rows = list(csv.DictReader((tmp_path / "truth.csv").open()))
    counts = list(csv.DictReader((tmp_path / "counts.csv").open()))
    assert len(rows) == len(coco["annotations"]) > 0
    assert [row["image"] for row in counts] == [one["file_name"] for one in coco["images"]]
    for row in counts:
        for label in LABELS:
            assert int(row[label]) == sum(o["image"] == row["image"] and o["label"] == label for o in rows)
    with Image.open(tmp_path / counts[0]["image"]) as picture:
        assert picture.size == (160, 120)
    first = coco["annotations"][0]["bbox"]
    assert [str(v) for v in first] == [rows[0][k] for k in ("x_min_px", "y_min_px", "width_px", "height_px")]


def test_sizes_that_cannot_be_drawn_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="64 to 4096"):
        generate(1, 1, tmp_path, size=(32, 5000))
    with pytest.raises(ValueError, match="even"):
        next(make_frames(1, 1, size=(161, 120)))


def test_a_video_moves_and_its_truth_has_a_row_for_every_frame(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = generate_video(12, 5, tmp_path, size=(160, 120), fps=5)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 5
        assert sum(1 for _ in container.decode(stream)) == 12
    counts = list(csv.DictReader(path.with_suffix(".counts.csv").open()))
    rows = list(csv.DictReader(path.with_suffix(".truth.csv").open()))
    assert [int(row["frame"]) for row in counts] == list(range(12))
    assert sum(int(row[label]) for row in counts for label in LABELS) == len(rows)
    fish = [row for row in rows if row["label"] != "Octopus vulgaris"]
    track = [int(row["x_min_px"]) for row in fish if row["track_id"] == fish[0]["track_id"]]
    assert len(set(track)) > 3
