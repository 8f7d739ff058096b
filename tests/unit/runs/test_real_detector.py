"""The toolkit's own detector through a whole run, with a network whose answers can be worked out by hand."""

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.support.blobs import declaration, notebook
from tests.support.detector_onnx import LABELS, detector_bundle, tile_picture
from tidelab.catalogue import UseCase, load_usecase
from tidelab.domain.card import DetectionSpec
from tidelab.runs import get_executor, prepare
from tidelab.runs.per_picture import counts_per_picture

SLUG = "tile-case"


@pytest.fixture
def tiles(tmp_path: Path) -> UseCase:
    folder = tmp_path / "usecases" / SLUG
    pictures = {
        "a.png": tile_picture(64, 64, {(1, 2): (250, 0, 0), (5, 5): (0, 200, 0)}),
        # Twice as large: the network sees it at half its size, and the boxes come back in its own pixels.
        "b.png": tile_picture(128, 96, {(2, 1): (0, 0, 240)}, tile_px=16),
        "c.png": tile_picture(64, 40, {}),
    }
    (folder / "sample").mkdir(parents=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / "sample" / name)
    declared = declaration(SLUG) | {
        "task": {"kind": "object-detection"},
        "labels": [{"name": name, "kind": "morphotype"} for name in LABELS],
    }
    (folder / "usecase.yaml").write_text(yaml.safe_dump(declared))
    (folder / "analyse.ipynb").write_text(json.dumps(notebook()))
    detector_bundle(
        folder / "model" / "demo", use_case=SLUG, name=SLUG, demo=True,
        detection=DetectionSpec(size_px=64, stored_from=0.05, thresholds={"red": 0.5, "green": 0.9}),
    )  # fmt: skip
    return load_usecase(folder)


def test_boxes_come_back_in_the_pixels_of_each_picture(tiles: UseCase) -> None:
    run = prepare(tiles, person="ada")
    get_executor("inline").submit(run)
    assert run.state().status == "done", run.log()
    stored = run.detections()[
        ["picture", "label", "x_min_px", "y_min_px", "width_px", "height_px", "above_threshold"]
    ]
    assert sorted(map(tuple, stored.to_numpy().tolist())) == [
        ("a.png", "green", 40, 40, 8, 8, False),
        ("a.png", "red", 8, 16, 8, 8, True),
        # No threshold on the card: 0.25.
        ("b.png", "blue", 32, 16, 16, 16, True),
    ]
    # By hand: (250 - 0) / 255 and (200 - 0) / 255, which stays below its class's 0.9.
    assert dict(zip(run.detections()["label"], run.detections()["score"], strict=True))[
        "red"
    ] == pytest.approx(0.9804, abs=1e-4)
    assert counts_per_picture(run).to_numpy().tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert run.embeddings().shape == (3, 3)
    assert all(run.thumbnail(one) for one in run.results()["image_id"])
    assert run.manifest()["inference"]["predictor"] == "tidelab.models.detector:ObjectDetector"
