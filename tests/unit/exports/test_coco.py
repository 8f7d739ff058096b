"""COCO files of runs, read by pycocotools."""

import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from tidelab.exports.coco import EXPORT
from tidelab.formats.coco import Annotation, Category, Image, document, to_bytes
from tidelab.runs import RunFolder
from tidelab.runs.validation import Validation


def load(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_a_run_loads_with_its_names_as_annotations_of_the_whole_image(run: RunFolder, tmp_path: Path):
    coco = load(EXPORT.write(run, tmp_path / "a.json").path)
    assert len(coco.getImgIds()) == 6
    middle = coco.getCatIds(catNms=["middle"])
    assert len(coco.getImgIds(catIds=middle)) == 3
    image = coco.loadImgs(coco.getImgIds(catIds=middle)[0])[0]
    assert (image["file_name"], image["width"], image["height"], image["sample_id"]) == (
        "s1/0.png",
        20,
        16,
        "s1",
    )
    annotation = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))[0]
    assert annotation["bbox"] == [0, 0, 20, 16]
    assert annotation["area"] == 320
    assert annotation["attributes"]["image_level"] is True
    assert annotation["attributes"]["status"] == "predicted"
    assert 0.4 <= annotation["attributes"]["score"] <= 1


def test_categories_are_numbered_in_the_order_of_the_model_and_say_what_they_are(
    run: RunFolder, tmp_path: Path
):
    content = json.loads(EXPORT.write(run, tmp_path / "a.json").path.read_text())
    assert [(one["id"], one["name"], one["supercategory"]) for one in content["categories"]] == [
        (1, "dark", "artefact"), (2, "middle", "taxon"), (3, "bright", "unknown kind"), (4, "cyst", "life-stage"),
    ]  # fmt: skip
    assert content["categories"][1]["aphia_id"] == 148947


def test_a_person_s_word_is_the_category_and_an_unknown_image_has_none(run: RunFolder, tmp_path: Path):
    ids = run.results()["image_id"].tolist()
    Validation(run).move([ids[0]], "cyst", "grace")
    Validation(run).unknown([ids[1]], "grace")
    coco = load(EXPORT.write(run, tmp_path / "a.json").path)
    first = coco.loadAnns(coco.getAnnIds(imgIds=[1]))[0]
    assert coco.loadCats([first["category_id"]])[0]["name"] == "cyst"
    assert first["attributes"]["validated_by"] == "grace"
    assert first["attributes"]["predicted_label"] == "middle"
    assert coco.getAnnIds(imgIds=[2]) == []


def test_detections_keep_their_boxes_and_masks(tmp_path: Path):
    mask = [[1.0, 1.0, 5.0, 1.0, 5.0, 4.0]]
    image = Image("a.png", 20, 10, [Annotation("fish", box=(1, 1, 4, 3), mask=mask, area_px2=6.0)])
    path = tmp_path / "a.json"
    path.write_bytes(to_bytes(document({}, [Category("fish", "taxon")], [image])))
    coco = load(path)
    annotation = coco.loadAnns(coco.getAnnIds())[0]
    assert annotation["bbox"] == [1, 1, 4, 3]
    assert annotation["area"] == 6
    assert "image_level" not in annotation["attributes"]
    assert 4 <= coco.annToMask(annotation).sum() <= 8


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image("a", 20, 10, [Annotation("whale")]), "'whale', which is not declared"),
        (Image("a", 20, 10, [Annotation("fish", box=(15, 0, 9, 5))]), "leaves 'a', which is 20 x 10 px"),
        (Image("a", 20, 10, [Annotation("fish", box=(0, 0, 0, 5))]), "leaves 'a'"),
        (Image("a", 20, 10, [Annotation("fish", box=(0, 0, float("nan"), 5))]), "leaves 'a'"),
        (Image("a", 0, 10), "an image has a size"),
    ],
)
def test_what_is_no_coco_is_refused(image: Image, words: str):
    with pytest.raises(ValueError, match=words):
        document({}, [Category("fish", "")], [image])


def test_names_are_unique():
    with pytest.raises(ValueError, match="two images are called 'a'"):
        document({}, [Category("fish", "")], [Image("a", 1, 1), Image("a", 1, 1)])
    with pytest.raises(ValueError, match="category names are the same"):
        document({}, [Category("fish", ""), Category("fish", "")], [])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True),
    st.lists(st.text(min_size=1), max_size=4, unique=True),
    st.data(),
)
def test_any_names_are_kept(names: list[str], files: list[str], data: st.DataObject):
    images = [
        Image(file, 5, 4, [Annotation(data.draw(st.sampled_from(names)), attributes={"score": 0.5})])
        for file in files
    ]
    content = json.loads(to_bytes(document({}, [Category(name, "taxon") for name in names], images)))
    assert [one["name"] for one in content["categories"]] == names
    assert [one["file_name"] for one in content["images"]] == files
    ids = {one["id"]: one["name"] for one in content["categories"]}
    assert [ids[one["category_id"]] for one in content["annotations"]] == [
        image.annotations[0].category for image in images
    ]
