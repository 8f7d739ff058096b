"""Damaged, hostile and odd files: a faulty row costs itself and is told, and nothing ends in a traceback, a hang or outside its folder."""

import json
import random
import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from tests.support.annotated import box, one_image, picture, pictures, small_mask
from tidelab.formats.annotations import (
    FORMATS,
    AnnotatedImage,
    Annotation,
    AnnotationError,
    Dataset,
    check,
    read,
    write,
    xml,
)
from tidelab.formats.annotations.reading import Reading
from tidelab.formats.annotations.source import Source, safe_name

WRITABLE = [name for name in FORMATS if name not in ("folders", "yolo-classify", "yolo")]


def good(folder: Path, name: str) -> Path:
    """Write a good set of annotations in a format, its pictures in it or beside it."""
    polygon = Annotation("bream", "polygon", ((10, 10), (60, 12), (40, 70)), score=0.5, track_id=3)
    shapes = (
        box(5, 6, 50, 60),
        polygon,
        Annotation("fish", "mask", mask=small_mask((3, 4), (4, 4))),
        box(100, 10, 120, 40, track_id=3),
    )
    images = (
        AnnotatedImage("a.png", 320, 240, shapes, 0, "train"),
        AnnotatedImage("b b.png", 320, 240, (box(1, 2, 30, 40, "bream"),), 1, "val"),
    )
    beside = pictures(folder / "pictures", ("a.png", "b b.png"))
    place = folder / f"good{FORMATS[name].ending}"
    write(Dataset(images, ("fish", "bream")), place, name, images=beside)
    return place


def files_of(place: Path) -> list[Path]:
    files = (
        [place]
        if place.is_file()
        else sorted(p for p in place.rglob("*.*") if p.suffix in (".txt", ".xml", ".yaml"))
    )
    assert files
    return files


def survives(place: Path, name: str) -> Dataset | None:
    try:
        return read(place, name)
    except AnnotationError:
        return None


@pytest.mark.parametrize("name", WRITABLE)
def test_cut_short_anywhere(tmp_path: Path, name: str) -> None:
    place = good(tmp_path, name)
    whole = len([one for image in read(place, name).images for one in image.annotations])
    for file in files_of(place)[:3]:
        content = file.read_bytes()
        for share in (0, 0.1, 0.33, 0.5, 0.8, 0.95, 0.99):
            file.write_bytes(content[: int(len(content) * share)])
            found = survives(place, name)
            assert found is None or sum(len(image.annotations) for image in found.images) <= whole + 1
        file.write_bytes(content)


@pytest.mark.parametrize("name", WRITABLE)
def test_bytes_that_were_changed(tmp_path: Path, name: str) -> None:
    place = good(tmp_path, name)
    dice = random.Random(5)
    for file in files_of(place)[:3]:
        content = file.read_bytes()
        for _ in range(25):
            changed = bytearray(content)
            for _ in range(dice.randint(1, 4)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            file.write_bytes(bytes(changed))
            survives(place, name)
        file.write_bytes(content)


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "-7", "0", '"x"', "", "9" * 400, "null", "[[[["]
)
def test_numbers_that_are_none(tmp_path: Path, name: str, value: str) -> None:
    place = good(tmp_path, name)
    for file in files_of(place)[:2]:
        text = file.read_text(encoding="utf-8")
        spots = [match.span() for match in re.finditer(r"(?<![\w.])\d+(\.\d+)?(?![\w.])", text)]
        for start, end in spots[:: max(1, len(spots) // 12)]:
            file.write_text(text[:start] + value + text[end:], encoding="utf-8")
            found = survives(place, name)
            for image in found.images if found else ():
                for one in image.annotations:
                    assert all(abs(x) <= 1e6 and abs(y) <= 1e6 for x, y in one.points)
        file.write_text(text, encoding="utf-8")


BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;"><!ENTITY z "&y;&y;&y;&y;">
<!ENTITY f SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("cvat-images", '<annotations><image id="0" name="&z;&f;" width="10" height="10"/></annotations>'),
        ("cvat-video", "<annotations><track id='0' label='&f;'/></annotations>"),
        ("voc", "<annotation><filename>&f;</filename></annotation>"),
    ],
)
def test_entities_are_refused_and_never_resolved(tmp_path: Path, name: str, inside: str) -> None:
    file = tmp_path / "a.xml"
    file.write_text(BOMB + inside, encoding="utf-8")
    faults = check(file, name)
    assert any("document type" in fault.message for fault in faults)
    assert "root:" not in " ".join(map(str, faults))


def test_deep_and_endless_xml_and_json(tmp_path: Path) -> None:
    (tmp_path / "deep.xml").write_text("<annotations>" + "<a>" * 10_000, encoding="utf-8")
    assert any("within one another" in fault.message for fault in check(tmp_path / "deep.xml", "cvat-images"))
    (tmp_path / "deep.json").write_text('{"images": [], "annotations":' + "[" * 100_000, encoding="utf-8")
    with pytest.raises(AnnotationError, match="no JSON"):
        read(tmp_path / "deep.json", "coco")


def test_xml_in_memory_is_bounded_for_what_is_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many pictures of few boxes are read; as many boxes in one picture, and in one VOC file, are refused with what came before."""
    monkeypatch.setattr(xml, "MAX_HELD_BYTES", 2**20)
    one = '<box label="fish" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    few = "".join(
        f'<image id="{n}" name="{n}.png" width="10" height="10">{one * 20}</image>' for n in range(200)
    )
    many = f'<image id="200" name="many.png" width="10" height="10">{one * 4000}</image>'
    (tmp_path / "few.xml").write_text(f"<annotations>{few}</annotations>", encoding="utf-8")
    (tmp_path / "many.xml").write_text(f"<annotations>{few}{many}</annotations>", encoding="utf-8")
    assert check(tmp_path / "few.xml", "cvat-images") == []
    assert sum(len(image.annotations) for image in read(tmp_path / "few.xml", "cvat-images").images) == 4000
    (fault,) = check(tmp_path / "many.xml", "cvat-images")
    assert "one element of the outermost would take more than 1 MB of memory" in fault.message
    assert len(read(tmp_path / "many.xml", "cvat-images").images) == 200
    objects = "<object><name>fish</name></object>" * 4000
    (tmp_path / "voc.xml").write_text(
        f"<annotation><filename>a.png</filename>{objects}</annotation>", encoding="utf-8"
    )
    assert any("the document would take" in fault.message for fault in check(tmp_path / "voc.xml", "voc"))
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 100)
    assert any("100 in all" in fault.message for fault in check(tmp_path / "few.xml", "cvat-images"))


@pytest.mark.parametrize("attributes", ["", 'b="12"', " ".join(f'x{n}="{n}.25"' for n in range(8))])
def test_the_memory_of_xml_is_not_estimated_too_low(attributes: str) -> None:
    content = f"<r><a>{f'<b {attributes}/>' * 20_000}</a></r>".encode()
    tracemalloc.start()
    try:
        found = list(xml.children(content, "a.xml", Reading(Source(Path(__file__)))))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    estimated = sum(xml.element_bytes(element.attributes) for element in found[1].children)
    assert len(found[1].children) == 20_000
    assert 0.5 * estimated < taken < 1.1 * estimated


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("../../etc/passwd.png", "etc/passwd.png"),
        ("/data/x/a.png", "data/x/a.png"),
        ("C:\\pics\\a b.png", "pics/a b.png"),
        ("x/../../../a.png", "a.png"),
        ("./a.png", "a.png"),
        ("été/鱼 1.png", "été/鱼 1.png"),
    ],
)
def test_no_name_leads_out_of_a_folder(written: str, safe: str) -> None:
    assert safe_name(written)[0] == safe


@pytest.mark.parametrize("name", ["", "..", "/", "a/..", "x" * 2000])
def test_names_that_name_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        safe_name(name)


def test_pictures_are_written_below_the_folder_alone(tmp_path: Path) -> None:
    document = {
        "images": [{"id": 1, "file_name": "../../../escape.png", "width": 320, "height": 240}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "fish"}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    found = read(tmp_path / "a.json")
    assert found.images[0].file_name == "escape.png"
    assert "no plain paths" in found.notes[0]
    picture(tmp_path / "pictures" / "escape.png")
    write(found, tmp_path / "deep" / "er" / "out", "yolo-detect", images=tmp_path / "pictures")
    assert sorted(
        p.relative_to(tmp_path / "deep/er").as_posix() for p in (tmp_path / "deep").rglob("*.png")
    ) == ["out/images/train/escape.png"]


def coco(tmp_path: Path, **changes: object) -> Path:
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 320, "height": 240}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2, 30, 40]}],
        "categories": [{"id": 2, "name": "fish"}],
        **changes,
    }
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path / "a.json"


GOOD_ROW = {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2, 30, 40]}


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({**GOOD_ROW, "id": 2, "bbox": [1, 2, -3, 4]}, "bbox", "above 0"),
        ({**GOOD_ROW, "id": 2, "bbox": [1, 2, 3]}, "bbox", "expected x, y, width, height"),
        ({**GOOD_ROW, "id": 2, "bbox": [float("nan"), 2, 3, 4]}, "bbox", "finite"),
        ({**GOOD_ROW, "id": 1}, "id", "twice"),
        ({**GOOD_ROW, "id": 2, "image_id": 8}, "image_id", "not among the images"),
        ({**GOOD_ROW, "id": 2, "category_id": "x"}, "category_id", "expected a number"),
        ({**GOOD_ROW, "id": 2, "segmentation": [[1, 2, 3]]}, "points", "by turns"),
        ({**GOOD_ROW, "id": 2, "segmentation": {"size": [1, 1], "counts": [1]}}, "segmentation", "the picture is 320 x 240"),
        ({**GOOD_ROW, "id": 2, "segmentation": {"size": [240, 320], "counts": [5]}}, "mask", "add up to 5"),
        ({**GOOD_ROW, "id": 2, "score": 3}, "score", "0 to 1"),
        (["no object"], "", "expected an object"),
    ],
)  # fmt: skip
def test_a_faulty_row_costs_itself(tmp_path: Path, row: object, field: str, words: str) -> None:
    found = read(coco(tmp_path, annotations=[GOOD_ROW, row]))
    assert len(found.images[0].annotations) == 1
    (fault,) = found.faults
    assert (fault.file, fault.where, fault.field) == ("a.json", "annotations[1]", field)
    assert words in fault.message


def test_what_is_no_coco_at_all(tmp_path: Path) -> None:
    for content, words in (("[]", "expected an object"), ('{"images": []}', "no list"), ("{", "no JSON")):
        (tmp_path / "b.json").write_text(content + ' "annotations" "images"' * 0, encoding="utf-8")
        with pytest.raises(AnnotationError, match=words + "|holds no COCO"):
            read(tmp_path / "b.json", "coco")


def test_nothing_there_and_nothing_known(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="nothing at"):
        read(tmp_path / "none.json")
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(AnnotationError, match="none of the formats"):
        read(tmp_path)
    with pytest.raises(AnnotationError, match="no format 'x'; the formats: coco"):
        read(tmp_path, "x")


def test_a_zip_is_read_and_a_hostile_one_is_not(tmp_path: Path) -> None:
    place = good(tmp_path, "yolo-detect")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for file in sorted(place.rglob("*.*")):
            packed.write(file, file.relative_to(place).as_posix())
    assert read(tmp_path / "a.zip").summary().annotations == read(place).summary().annotations
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("annotations.json", b'{"annotations": [' + b" " * (40 * 2**20))
        packed.writestr("../escape.json", coco(tmp_path).read_bytes())
    with pytest.raises(AnnotationError):
        read(tmp_path / "bomb.zip")
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(AnnotationError, match="cannot be opened"):
        read(tmp_path / "c.zip")


def test_a_place_that_is_taken_is_kept(tmp_path: Path) -> None:
    data = one_image(box(1, 2, 3, 4))
    (tmp_path / "mine.json").write_text("mine", encoding="utf-8")
    with pytest.raises(AnnotationError, match="exists"):
        write(data, tmp_path / "mine.json", "coco")
    write(data, tmp_path / "mine.json", "coco", force=True)
    assert read(tmp_path / "mine.json").summary().annotations == 1
    thesis = tmp_path / "home" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work", encoding="utf-8")
    with pytest.raises(AnnotationError, match="not written by Tidelab"):
        write(data, thesis.parent, "yolo-detect", force=True)
    assert thesis.read_text(encoding="utf-8") == "years of work"
    for _ in range(2):
        write(data, tmp_path / "yolo", "yolo-detect", force=True)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "nothing half-made is left"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    images = (AnnotatedImage("a.png", 9, 9), AnnotatedImage("a.jpg", 9, 9))
    with pytest.raises(AnnotationError, match="same label file"):
        write(Dataset(images, ("fish",)), tmp_path / "out", "yolo-detect")
    with pytest.raises(AnnotationError, match=r"sizes of the pictures.*--images"):
        write(Dataset((AnnotatedImage("a.png"),), ("fish",)), tmp_path / "out.json", "coco")
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_contradict_the_picture_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png", (240, 320))
    faults = check(coco(tmp_path), images=tmp_path / "pictures")
    assert [(fault.file, fault.field) for fault in faults] == [("a.png", "size")]
    assert "the picture is 240 x 320 px" in faults[0].message
