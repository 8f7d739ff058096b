"""Each format against files written by hand from its definition: what stands there is what is read, number for number."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.annotated import box, one_image, picture
from tidelab.formats.annotations import AnnotatedImage, Annotation, AnnotationError, Dataset, read, write


def only(dataset: Dataset) -> Annotation:
    assert dataset.faults == ()
    (one,) = (one for image in dataset.images for one in image.annotations)
    return one


def test_voc_counts_pixels_from_1_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><size><width>20</width><height>10</height><depth>3</depth></size>"
        "<object><name>fish</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>"
        "<bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>4</ymax></bndbox></object></annotation>",
        encoding="utf-8",
    )
    found = read(tmp_path / "a.xml")
    assert found.format == "voc"
    # The first ten columns, rows 3 and 4 of the definition: 0 to 10, 2 to 4 as corners.
    assert only(found).points == ((0, 2), (10, 4))
    assert only(found).attributes == {"truncated": True, "pose": "Left"}
    assert "counted from 1" in found.notes[0]
    assert only(read(tmp_path / "a.xml", "voc-zero-based")).points == ((1, 3), (10, 4))
    write(found, tmp_path / "out", "voc")
    text = (tmp_path / "out/Annotations/a.xml").read_text(encoding="utf-8")
    assert [
        f"<{tag}>{value}</{tag}>" in text
        for tag, value in (("xmin", 1), ("ymin", 3), ("xmax", 10), ("ymax", 4))
    ] == [True] * 4


def test_voc_with_a_zero_is_no_voc_from_1(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.jpg</filename><object><name>fish</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>9</xmax>"
        "<ymax>9</ymax></bndbox></object></annotation>", encoding="utf-8",
    )  # fmt: skip
    assert any("2 coordinates are below 1" in note for note in read(tmp_path / "a.xml").notes)


def test_rounding_to_whole_pixels_is_told(tmp_path: Path) -> None:
    notes = write(one_image(box(1.5, 2, 3.4, 8)), tmp_path / "voc", "voc")
    assert any(note.startswith("2 coordinates were rounded") for note in notes)
    assert only(read(tmp_path / "voc")).points == ((2, 2), (3, 8))


def yolo(tmp_path: Path, lines: str, names: str = "names: [fish, crab]") -> Path:
    place = tmp_path / "set"
    picture(place / "images/train/a b.png", (200, 100))
    (place / "labels/train").mkdir(parents=True)
    (place / "labels/train/a b.txt").write_text(lines, encoding="utf-8")
    (place / "data.yaml").write_text(f"train: images/train\nval: images/train\n{names}\n", encoding="utf-8")
    return place


def test_yolo_boxes_outlines_and_oriented_boxes(tmp_path: Path) -> None:
    found = read(yolo(tmp_path, "1 0.5 0.5 0.1 0.2\n"))
    assert (found.format, found.labels, found.images[0].file_name, found.images[0].part) == (
        "yolo-detect", ("fish", "crab"), "a b.png", "train",
    )  # fmt: skip
    assert only(found).label == "crab"
    assert only(found).points == ((90, 40), (110, 60))
    label = tmp_path / "set/labels/train/a b.txt"
    label.write_text("0 0.1 0.1 0.2 0.1 0.2 0.3\n", encoding="utf-8")
    assert only(read(tmp_path / "set")).points == ((20, 10), (40, 10), (40, 30))
    label.write_text("0 0.1 0.1 0.2 0.1 0.2 0.4 0.1 0.4\n", encoding="utf-8")
    found = read(tmp_path / "set")
    assert only(found).shape == "rotated_box"
    assert any("oriented boxes" in note for note in found.notes)
    assert only(read(tmp_path / "set", "yolo-segment")).shape == "polygon"
    label.write_text("0 0.5 0.5 0.1 0.2 0.75\n", encoding="utf-8")
    assert only(read(tmp_path / "set", "yolo-detect")).score == 0.75
    label.write_text("", encoding="utf-8")
    assert read(tmp_path / "set").summary().negatives == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0.5 0.5 0.1 0.1", "2 classes are named"),
        ("-1 0.5 0.5 0.1 0.1", "at least 0"),
        ("0.5 0.5 0.5 0.1 0.1", "whole number"),
        ("0 50 20 10 10", "from 0 to 1"),
        ("0 0.5 0.5 -0.1 0.1", "from 0 to 1"),
        ("0 0.5 0.5 0 0.1", "above 0"),
        ("0 0.5 0.5", "at least 4"),
        ("0 nan 0.5 0.1 0.1", "finite"),
        ("fish 0.5 0.5 0.1 0.1", "expected a number"),
    ],
)
def test_faulty_lines_of_yolo(tmp_path: Path, line: str, words: str) -> None:
    found = read(yolo(tmp_path, f"0 0.5 0.5 0.1 0.2\n{line}\n"))
    assert found.summary().annotations == 1
    (fault,) = found.faults
    assert (fault.file, fault.where) == ("labels/train/a b.txt", "line 2")
    assert words in fault.message


@pytest.mark.parametrize(
    "names",
    [
        "names: {0: fish, 1: crab}",
        "names: ['fish', 'crab']",
        "names:\n  '0': fish\n  '1': crab",
        "nc: 2\nnames:\n- fish\n- crab",
    ],
)
def test_names_as_list_and_as_mapping(tmp_path: Path, names: str) -> None:
    assert read(yolo(tmp_path, "", names)).labels == ("fish", "crab")


def test_yaml_that_is_hostile_or_odd(tmp_path: Path) -> None:
    place = yolo(tmp_path, "")
    (place / "data.yaml").write_text("names: !!python/object/apply:os.system ['true']", encoding="utf-8")
    with pytest.raises(AnnotationError, match="no YAML"):
        read(place)
    (place / "data.yaml").write_text(
        "names: [fish, fish]\nnc: 7\ntrain: /etc\nval: [1, 2]\n", encoding="utf-8"
    )
    said = " ".join(map(str, read(place).faults))
    for words in ("stands there twice", "2 classes are named", "not below this folder", "expected a folder"):
        assert words in said
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)
    )
    (place / "data.yaml").write_text(bomb + "names: *y\n", encoding="utf-8")
    assert len(read(place).labels) <= 2


def test_lists_of_pictures_as_cvat_exports_them(tmp_path: Path) -> None:
    place = tmp_path / "set"
    picture(place / "images/Train/a.png", (200, 100))
    (place / "labels/Train").mkdir(parents=True)
    (place / "labels/Train/a.txt").write_text("0 0.5 0.5 0.1 0.2\n", encoding="utf-8")
    (place / "Train.txt").write_text("data/images/Train/a.png\n", encoding="utf-8")
    (place / "data.yaml").write_text("train: Train.txt\npath: .\nnames:\n  0: fish\n", encoding="utf-8")
    assert only(read(place)).points == ((90, 40), (110, 60))


def test_viame_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "# 1: Detection or Track-id,2: Video or Image Identifier\n"
        "# exported, by hand\n"
        "0,a.png,0,10,20,30,40,0.9,12.5,cod,0.7,haddock,0.2,(kp) head 11 22,(atr) sex F,(note) near the wall\n"
        "0,b.png,1,11,20,31,40,0.9,-1,cod,0.8\n"
        "7,b.png,1,0,0,50,50,1,-1,crab,-1,(poly) 0 0 50 0 50 50\n"
        "8,b.png,x,0,0,50,50,1,-1,crab,1\n"
        "9,b.png,1,5,5,5,5,1,-1,crab,1\n",
        encoding="utf-8",
    )
    found = read(tmp_path / "a.csv")
    first, second, third = (one for image in found.images for one in image.annotations)
    assert [image.frame for image in found.images] == [0, 1]
    assert (first.label, first.score, first.track_id, first.points) == ("cod", 0.7, 0, ((10, 20), (30, 40)))
    assert first.attributes == {
        "length": 12.5, "other_labels": "haddock:0.2", "(kp) head": "11 22", "sex": "F", "note": "near the wall",
    }  # fmt: skip
    assert (second.track_id, third.track_id, third.score, third.shape) == (0, None, None, "polygon")
    assert [(fault.where, fault.field) for fault in found.faults] == [("line 6", "frame"), ("line 7", "box")]
    write(found, tmp_path / "b.csv", "viame")
    again = read(tmp_path / "b.csv")
    assert [image.annotations[0].attributes for image in again.images] == [
        image.annotations[0].attributes for image in found.images
    ]


def test_formulas_stay_text_in_tables(tmp_path: Path) -> None:
    data = one_image(box(1, 2, 3, 4, "=HYPERLINK(1)"), name="+a.png")
    for name in ("viame", "biigle"):
        write(data, tmp_path / f"{name}.csv", name)
        text = (tmp_path / f"{name}.csv").read_text(encoding="utf-8")
        assert "'=HYPERLINK" in text
        assert "'+a.png" in text
        assert (
            read(tmp_path / f"{name}.csv").labels,
            read(tmp_path / f"{name}.csv").images[0].file_name,
        ) == (data.labels, "+a.png")


BIIGLE = (
    "annotation_label_id,label_id,label_name,label_hierarchy,user_id,firstname,lastname,image_id,filename,image_longitude,image_latitude,"
    "shape_id,shape_name,points,attributes,annotation_id,created_at\n"
)


@pytest.mark.parametrize(
    ("shape", "points", "wanted"),
    [
        ("Point", [1.5, 2], ("point", ((1.5, 2),))),
        ("LineString", [1, 2, 3, 4], ("polyline", ((1, 2), (3, 4)))),
        ("Polygon", [0, 0, 5, 0, 5, 5, 0, 0], ("polygon", ((0, 0), (5, 0), (5, 5)))),
        ("Circle", [10, 20, 5], ("circle", ((10, 20),))),
        ("Rectangle", [0, 0, 8, 0, 8, 4, 0, 4], ("box", ((0, 0), (8, 4)))),
        ("Rectangle", [4, 0, 8, 4, 4, 8, 0, 4], ("rotated_box", ((4, 0), (8, 4), (4, 8), (0, 4)))),
        ("Rectangle", [4, 0, 0, 4, 4, 8, 8, 4], ("rotated_box", ((4, 0), (8, 4), (4, 8), (0, 4)))),
        ("Ellipse", [0, 5, 20, 5, 10, 0, 10, 10], ("ellipse", ((0, 5), (20, 5), (10, 0), (10, 10)))),
        ("WholeFrame", [], ("tag", ())),
    ],
)
def test_shapes_of_biigle(
    tmp_path: Path, shape: str, points: list[float], wanted: tuple[str, object]
) -> None:
    row = f'1,5,Sponge,Biota > Sponge,3,Ada,L,9,a.jpg,,,1,{shape},"{json.dumps(points)}","{{""width"": 64, ""height"": 48}}",4,2026-01-01\n'
    (tmp_path / "a.csv").write_text(BIIGLE + row, encoding="utf-8")
    found = read(tmp_path / "a.csv")
    assert (only(found).shape, only(found).points) == wanted
    assert found.images[0].size == (64, 48)
    assert found.about["Sponge"] == {"label_id": "5", "label_hierarchy": "Biota > Sponge"}


@pytest.mark.parametrize(
    ("shape", "points", "words"),
    [("Circle", "[1, 2]", "radius"), ("Circle", "[1, 2, -3]", "above 0"), ("Cube", "[]", "expected one of"), ("Point", "[1, null]", "number"),
     ("Polygon", "[1, 2, 3, 4]", "at least 3"), ("Rectangle", "[1, 2, 3]", "by turns"), ("Point", "{", "JSON")],
)  # fmt: skip
def test_faulty_rows_of_biigle(tmp_path: Path, shape: str, points: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(
        BIIGLE + f'1,5,S,S,,,,9,a.jpg,,,1,{shape},"{points}",,4,\n', encoding="utf-8"
    )
    (fault,) = read(tmp_path / "a.csv").faults
    assert fault.where == "line 2"
    assert words in fault.message


def test_cvat_images_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels><label><name>crab</name></label>'
        '<label><name>cod</name></label></labels></task></meta><image id="3" name="x/a b.jpg" subset="Validation" width="100" height="50">'
        '<box label="cod" source="manual" occluded="1" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.00" z_order="2">'
        '<attribute name="sex">F</attribute></box>'
        '<mask label="cod" source="semi-auto" occluded="0" rle="1, 2, 1" left="4" top="6" width="2" height="2" z_order="0"></mask>'
        '<ellipse label="crab" cx="50" cy="25" rx="10" ry="5"/><tag label="crab" source="manual"/><cuboid label="crab"/>'
        '<points label="crab" points="1,2;3,4"/></image></annotations>',
        encoding="utf-8",
    )
    found = read(tmp_path / "a.xml")
    assert (found.format, found.labels, found.faults) == ("cvat-images", ("crab", "cod"), ())
    (image,) = found.images
    assert (image.file_name, image.frame, image.part) == ("x/a b.jpg", 3, "val")
    turned_box, mask, ellipse, tag, points = image.annotations
    # A 20 x 10 box about (20, 15), turned by 90 degrees clockwise: its upper left corner is upper right now.
    assert np.allclose(turned_box.points, [(25, 5), (25, 25), (15, 25), (15, 5)])
    assert turned_box.attributes == {"sex": "F", "occluded": True, "z_order": 2}
    assert mask.mask is not None
    assert [tuple(p) for p in np.argwhere(mask.mask.pixels())] == [(6, 5), (7, 4)]
    assert ellipse.points == ((40, 25), (60, 25), (50, 20), (50, 30))
    assert (tag.shape, points.points) == ("tag", ((1, 2), (3, 4)))
    assert any("1 cuboid" in note for note in found.notes)


def test_coco_of_cvat_with_a_turned_box(tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 50}], "categories": [{"id": 9, "name": "b"}, {"id": 4, "name": "a"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 9, "bbox": [10, 10, 20, 10], "segmentation": [], "attributes": {"rotation": 90.0}}],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    found = read(tmp_path / "a.json")
    assert found.labels == ("a", "b"), "in the order of their ids"
    assert np.allclose(only(found).points, [(25, 5), (25, 25), (15, 25), (15, 5)])


def test_size_is_that_of_the_picture_as_it_is_shown(tmp_path: Path) -> None:
    from PIL import Image

    from tidelab.formats.annotations.source import picture_size

    for name in ("a.jpg", "a.png", "a.tif"):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (30, 20)).save(tmp_path / name, exif=exif)
        assert picture_size(tmp_path / name) == (20, 30), name


def test_summary_counts() -> None:
    data = Dataset(
        (
            AnnotatedImage(
                "a.png",
                9,
                9,
                (box(0, 0, 1, 1, score=0.5, track_id=1), box(0, 0, 2, 2, track_id=1)),
                part="train",
            ),
            AnnotatedImage("b.png"),
        ),
        ("fish", "crab"),
    )
    summary = data.summary()
    assert (
        summary.images,
        summary.negatives,
        summary.without_size,
        summary.annotations,
        summary.scored,
        summary.tracks,
    ) == (2, 1, 1, 2, 1, 1)
    assert (summary.per_label, summary.per_shape, summary.per_part) == (
        {"fish": 2, "crab": 0},
        {"box": 2},
        {"": 1, "train": 1},
    )


def test_what_is_said_of_classes_and_pictures_is_counted_when_it_is_lost(tmp_path: Path) -> None:
    image = AnnotatedImage("a.png", 320, 240, (box(1, 2, 30, 40, "fish"),), attributes={"license": 1})
    crowd = box(1, 2, 50, 60, attributes={"iscrowd": True})
    data = Dataset(
        (image, AnnotatedImage("b.png", 320, 240, (crowd,))), ("fish", "crab"), {"fish": {"aphia_id": 7}}
    )
    assert write(data, tmp_path / "a.json", "coco") == ()
    back = read(tmp_path / "a.json")
    assert (back.labels, back.about["fish"]["aphia_id"], back.images[0].attributes) == (
        ("fish", "crab"),
        7,
        {"license": 1},
    )
    assert back.images[1].annotations[0].attributes == {"iscrowd": True}
    told = " ".join(write(data, tmp_path / "voc", "voc"))
    for words in (
        "Classes without annotations are lost: 1",
        "1 attribute of pictures are lost",
        "1 attribute of classes are lost",
        "order",
    ):
        assert words in told
    assert "Crowds (iscrowd) are left out: 1" in " ".join(write(data, tmp_path / "yolo", "yolo-detect"))
    assert (tmp_path / "yolo/labels/train/b.txt").read_text(encoding="utf-8") == ""


def test_names_that_lead_out_are_not_written(tmp_path: Path) -> None:
    for name in ("../a.png", "/a.png", "x\\..\\..\\a.png"):
        with pytest.raises(AnnotationError, match="no path below"):
            write(one_image(box(1, 2, 3, 4), name=name), tmp_path / "out", "yolo-detect")
    with pytest.raises(ValueError, match="part"):
        AnnotatedImage("a.png", part="../x")
    twice = AnnotatedImage("a.png", 9, 9)
    with pytest.raises(AnnotationError, match="Two pictures"):
        write(Dataset((twice, twice), ()), tmp_path / "a.json", "coco")
