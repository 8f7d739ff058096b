"""`tidelab convert` and `tidelab check-annotations`: what they say, and what they leave alone."""

import json

from tests.support.annotated import picture


def coco(folder, row=None):
    rows = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}, *([row] if row else [])]
    content = {
        "images": [{"id": 1, "file_name": "a b.png", "width": 320, "height": 240}, {"id": 2, "file_name": "c.png", "width": 320, "height": 240}],
        "categories": [{"id": 1, "name": "Sparus aurata"}, {"id": 2, "name": "crab"}],
        "annotations": rows,
    }  # fmt: skip
    (folder / "in.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "in.json"


def test_formats_are_listed(tidelab):
    said = tidelab("convert")
    assert said.code == 0
    for name in ("coco", "yolo-detect", "cvat-images", "voc", "viame", "biigle", "folders"):
        assert f"\n{name}\t" in f"\n{said.out}"


def test_reading_alone_tells_what_is_there(tidelab, tmp_path):
    said = tidelab("convert", str(coco(tmp_path)))
    assert said.code == 0
    assert "2 pictures (1 without annotations), 1 annotation\n" in said.out
    assert "Sparus aurata\t1\ncrab\t0" in said.out


def test_to_yolo_with_pictures_and_what_is_lost(tidelab, tmp_path):
    for name in ("a b.png", "c.png"):
        picture(tmp_path / "pictures" / name)
    place = tmp_path / "yolo"
    arguments = (
        "convert",
        str(coco(tmp_path)),
        str(place),
        "--to",
        "yolo-detect",
        "--images",
        str(tmp_path / "pictures"),
    )
    said = tidelab(*arguments)
    assert said.code == 0, said.err
    assert (place / "labels/train/a b.txt").read_text() == "0 0.05 0.09166667 0.09375 0.16666667\n"
    assert (place / "labels/train/c.txt").read_text() == ""
    assert (place / "images/train/c.png").is_file()
    assert "Note: There is no part val" in said.err
    again = tidelab(*arguments)
    assert again.code == 1
    assert "exists" in again.err
    assert "--force" in again.err
    assert tidelab(*arguments, "--force").code == 0


def test_faults_are_told_and_cost_themselves(tidelab, tmp_path):
    place = coco(tmp_path, {"id": 2, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]})
    said = tidelab("convert", str(place))
    assert said.code == 0
    assert "Fault: in.json, annotations[1], image_id: 9 is not among the images" in said.err
    checked = tidelab("check-annotations", str(place))
    assert checked.code == 1
    assert checked.out == "in.json, annotations[1], image_id: 9 is not among the images\n"
    assert tidelab("check-annotations", str(coco(tmp_path))).code == 0


def test_wrong_arguments(tidelab, tmp_path):
    place = str(coco(tmp_path))
    for arguments, words in (
        (("convert", place, "--from", "x"), "no format 'x'"),
        (("convert", place, str(tmp_path / "out")), "give OUT and --to"),
    ):
        said = tidelab(*arguments)
        assert said.code == 2
        assert words in said.err
    said = tidelab("convert", str(tmp_path / "none"))
    assert said.code == 1
    assert "nothing at" in said.err
