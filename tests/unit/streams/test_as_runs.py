"""A picture gives the same objects in a watched folder and in a run: same model, thresholds, rounding, identity and time."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.squares import Square, picture
from tidelab.catalogue import load_catalogue
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections, Prediction
from tidelab.runs import get_executor, prepare
from tidelab.streams.model import StreamModel
from tidelab.streams.watch.watching import WatchOptions, watch
from tidelab.training.synthetic_objects import make_pictures


def rows(paths: list[Path], columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as stream:
            found += [tuple(row[name] for name in columns) for row in csv.DictReader(stream)]
    return sorted(found)


def test_a_watch_finds_what_a_run_finds(model: StreamModel, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "cam1"
    folder.mkdir(parents=True)
    for n in range(4):
        # Small squares have a score of 0.3: stored, and below the threshold of red and blue.
        squares = [Square("red", 30 * k, 5, side=24 if k % 2 else 10) for k in range(n)] + [
            Square("green", 9, 80, side=8)
        ]
        Image.fromarray(picture(squares, grey=60 + n)).save(folder / f"2026-05-01T12-0{n}-00Z.png")
    watch(model, tmp_path / "in", tmp_path / "out", WatchOptions(settle_s=0.02, poll_s=0.02, once=True))
    run = prepare(model.use_case, images=tmp_path / "in", model="demo", runs_root=tmp_path / "runs")
    state = get_executor("inline").submit(run).wait()
    assert state.status == "done", state.message
    columns = (
        "picture_id", "picture", "label", "aphia_id", "score", "x_min_px", "y_min_px", "width_px", "height_px", "above_threshold",
    )  # fmt: skip
    ours = rows(sorted((tmp_path / "out").glob("detections-*.csv")), columns)
    assert ours == rows([run.path / "detections.csv"], columns)
    assert {row[-1] for row in ours} == {"yes", "no"}
    counted = rows(sorted((tmp_path / "out").glob("counts-*.csv")), ("picture_id", "time", "camera", "count"))
    objects = {row[0]: sum(int(one[3]) for one in counted if one[0] == row[0]) for row in counted}
    pictures = rows([run.path / "pictures.csv"], ("picture_id", "time", "camera", "objects"))
    assert pictures == sorted({(name, time, camera, str(objects[name])) for name, time, camera, _ in counted})


@pytest.mark.parametrize("threads", [1, 2])
def test_the_shorter_way_finds_the_same(threads: int) -> None:
    """The toolkit's detector, without what video has no use for, against its whole predictions."""
    use_case = load_catalogue()["object-detector"]
    model = StreamModel.load(use_case, "demo", threshold=0.1, threads=threads)
    images = [DecodedImage(f"{n}", f"{n}", one.pixels) for n, one in enumerate(make_pictures(3, 7))]
    for short, whole in zip(model.seen(images), model.look(images), strict=True):
        assert isinstance(short, Detections)
        assert isinstance(whole, Prediction)
        assert whole.detections is not None
        assert len(short) > 0
        for name in ("boxes", "scores", "labels"):
            assert np.array_equal(getattr(short, name), getattr(whole.detections, name))
