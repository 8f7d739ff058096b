"""A detector's run in the formats of others: boxes in COCO and iFDO, a reason for the rest."""

import json
import sys

import pytest
from pycocotools.coco import COCO

from tests.support.blobs import LABELS, make_use_case
from tidelab.exports import EXPORTS, ExportError
from tidelab.runs import get_executor, prepare
from tidelab.runs.validation import Validation


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name, folder in (("DATA", "data"), ("RUNS", "runs"), ("CHAMPIONS", "champions")):
        monkeypatch.setenv(f"TIDELAB_{name}", str(tmp_path / folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = prepare(make_use_case(tmp_path / "spots"), person="ada")
    get_executor("inline").submit(folder)
    assert folder.state().status == "done"
    return folder


def test_coco_has_every_picture_and_a_box_for_each_object(run, tmp_path):
    Validation(run).move([run.results()["image_id"][1]], LABELS[0], "ada")
    out = EXPORTS["coco"].write(run, tmp_path / "coco.json")
    coco = COCO(str(out.path))
    assert [one["file_name"] for one in coco.loadImgs(coco.getImgIds())] == run.pictures()["picture"].tolist()
    boxes = coco.loadAnns(coco.getAnnIds())
    assert [one["bbox"] for one in boxes] == [[5, 6, 10, 8], [30, 20, 6, 4]]
    assert [one["area"] for one in boxes] == [80, 24]
    assert {coco.loadCats(one["category_id"])[0]["name"] for one in boxes} == {LABELS[0]}
    assert boxes[1]["attributes"]["validated_by"] == "ada"
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == list(LABELS)
    assert coco.loadImgs([1])[0]["date_captured"] == "2024-05-01T12:00:00Z"


def test_a_box_without_an_object_is_left_out_and_told(run, tmp_path):
    Validation(run).move(run.results()["image_id"].tolist(), "no object", "ada")
    out = EXPORTS["coco"].write(run, tmp_path / "coco.json")
    assert json.loads(out.path.read_text())["annotations"] == []
    assert "2 boxes in which a person saw no object are left out." in out.notes


def test_ifdo_has_rectangles_and_the_time_of_each_picture(run, tmp_path):
    out = EXPORTS["ifdo"].write(run, tmp_path / "ifdo.json")
    items = json.loads(out.path.read_text())["image-set-items"]
    first = items["north/obs_cam1_2024-05-01-12-00.png"]
    assert first["image-annotations"][0]["shape"] == "rectangle"
    assert first["image-annotations"][0]["coordinates"] == [[5, 6, 15, 6, 15, 14, 5, 14]]
    assert first["image-datetime"] == "2024-05-01 12:00:00.000"
    assert "image-annotations" not in items["south/empty.png"]


@pytest.mark.parametrize("name", ["ecotaxa", "darwin-core"])
def test_formats_of_single_things_say_why_not(run, tmp_path, name):
    assert "counts objects in pictures" in EXPORTS[name].available(run)
    with pytest.raises(ExportError, match="Take COCO or iFDO"):
        EXPORTS[name].write(run, tmp_path / "out")


def test_the_package_has_them_all(run, tmp_path):
    assert EXPORTS["package"].write(run, tmp_path / "all.zip").path.stat().st_size > 3000
