"""All 1,661 annotations of the real data set through every format: what must be equal is equal, what is lost is told."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.annotated import pictures
from tidelab.formats.annotations import FORMATS, Dataset, read, write
from tidelab.formats.annotations import geometry as g

ANNOTATIONS = 1661
PICTURES = 843
OVER_THE_EDGE = 11
PER_LABEL = {"bream": 29, "luderick": 1632}


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Dataset:
    return read(shared_data / "obsea-fish" / "luderick_seagrass_jack_evans_b.json")


@pytest.fixture(scope="module")
def folder(real: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return blank pictures of the right names and sizes: the real ones are not part of the data."""
    place = tmp_path_factory.mktemp("real") / "pictures"
    return pictures(place, (image.file_name for image in real.images), (1920, 1080))


def test_it_is_read_whole(real: Dataset) -> None:
    summary = real.summary()
    assert (real.format, real.notes, real.faults) == ("coco", (), ())
    assert (summary.images, summary.negatives, summary.annotations) == (PICTURES, 0, ANNOTATIONS)
    # By their ids, which begin with 0 there: the order of the classes is that of the file.
    assert (real.labels, summary.per_label) == (("bream", "luderick"), PER_LABEL)
    first = real.images[0].annotations[0]
    assert (first.label, first.shape, first.points[:2]) == ("luderick", "polygon", ((163, 703), (146, 678)))


def test_polygons_agree_with_the_table_that_lies_beside(real: Dataset, shared_data: Path) -> None:
    import csv
    import json

    with (shared_data / "obsea-fish" / "luderick_seagrass_jack_evans_b.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    ours = [(image.file_name, one) for image in real.images for one in image.annotations]
    assert len(rows) == len(ours) == ANNOTATIONS
    theirs = {(row["image"], row["segmentation"].replace(" ", "")) for row in rows}
    for name, one in ours:
        flat = [[int(v) for point in one.points for v in point]]
        assert (name, json.dumps(flat).replace(" ", "")) in theirs


@pytest.mark.parametrize(
    ("name", "tolerance_px", "lost"),
    [
        ("coco", 0, ()),
        ("cvat-images", 0, ()),
        ("biigle", 0, ()),
        (
            "viame",
            0,
            ("Sizes of pictures are lost: 843", "1661 annotations without a score were written with 1"),
        ),
        (
            "cvat-video",
            0,
            ("Names of pictures are lost or changed: 843", "1661 annotations that belong to no track"),
        ),
        ("yolo-segment", 1e-4, ("11 annotations reached over the edge",)),
        ("yolo-detect", 1e-4, ("Polygons became boxes", "11 annotations reached over the edge")),
        ("yolo-obb", 1e-4, ("Polygons became rotated boxes",)),
        ("voc", 0, ("Polygons became boxes", "11 annotations reached over the edge")),
    ],
)
def test_there_and_back(
    real: Dataset, folder: Path, tmp_path: Path, name: str, tolerance_px: float, lost: tuple[str, ...]
) -> None:
    place = tmp_path / f"out{FORMATS[name].ending}"
    notes = write(real, place, name, images=folder, pictures="link")
    for words in lost:
        assert any(words in note for note in notes), notes
    back = read(place, name)
    assert back.faults == ()
    assert back.labels == real.labels
    assert back.summary().per_label == PER_LABEL
    assert len(back.images) == PICTURES
    by_name = {image.file_name: image for image in back.images}
    over = 0
    for n, image in enumerate(real.images):
        again = by_name[f"frame_{n:06d}.png"] if name == "cvat-video" else by_name[image.file_name]
        for one, other in zip(image.annotations, again.annotations, strict=True):
            wanted, found = np.array(g.bounds(one)), np.array(g.bounds(other))
            inside = np.clip(wanted, 0, (1920, 1080, 1920, 1080))
            over += bool((wanted != inside).any())
            if name == "yolo-obb":
                # The smallest rectangle lies around the outline, and never is larger than the upright one.
                assert (found[:2] <= wanted[:2] + 1e-3).all()
                assert (found[2:] >= wanted[2:] - 1e-3).all()
                assert g.area_px2(one) - 1 <= g.area_px2(other) <= np.prod(wanted[2:] - wanted[:2]) + 1
                continue
            cut = name.startswith(("yolo", "voc"))
            # Where an outline is cut, the edge of the picture crosses its sides beside the corner that lay outside.
            slack = 3 if name == "yolo-segment" and (wanted != inside).any() else tolerance_px
            assert np.abs(found - (inside if cut else wanted)).max() <= slack
            if other.shape == "polygon" and not (cut and (wanted != inside).any()):
                assert np.abs(np.array(one.points) - np.array(other.points)).max() <= tolerance_px
    assert over == OVER_THE_EDGE


def test_pycocotools_loads_what_we_write(
    real: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    write(real, tmp_path / "a.json", "coco")
    theirs = COCO(str(tmp_path / "a.json"))
    capsys.readouterr()
    assert len(theirs.anns) == ANNOTATIONS
    assert [theirs.cats[k]["name"] for k in sorted(theirs.cats)] == ["bream", "luderick"]
    every = [one for image in real.images for one in image.annotations]
    for record, one in list(zip(theirs.loadAnns(sorted(theirs.anns)), every, strict=True))[::40]:
        assert record["area"] == pytest.approx(g.area_px2(one), abs=0.01)
        assert theirs.annToMask(record).sum() == pytest.approx(g.area_px2(one), rel=0.05)


@pytest.mark.parametrize(
    ("place", "format_name", "shape", "pictures_found", "annotations"),
    [
        ("object-detector/tests/data/det", "yolo", "box", 5, 6),
        ("beach/wracks/tests/data/seg", "yolo", "polygon", 3, 4),
        ("flowcam-plankton/phyto/data/demo-images", "folders", "tag", None, None),
    ],
)
def test_other_real_folders(
    shared_data: Path,
    place: str,
    format_name: str,
    shape: str,
    pictures_found: int | None,
    annotations: int | None,
) -> None:
    found = read(shared_data / place, format_name)
    summary = found.summary()
    assert list(summary.per_shape) == [shape]
    assert found.faults == ()
    if pictures_found is not None:
        assert (summary.images, summary.annotations) == (pictures_found, annotations)
        # data.yaml names places of another machine.
        assert any("another machine" in note for note in found.notes)


def test_yolo_outlines_agree_with_coco_of_the_same_pictures(shared_data: Path) -> None:
    place = shared_data / "object-detector/tests/data/seg/train"
    coco = read(place / "images/_annotations.coco.json", images=place / "images")
    yolo = read(place.parent, "yolo-segment")
    by_name = {image.file_name: image for image in coco.images}
    shared = [image for image in yolo.images if image.file_name in by_name]
    assert shared
    # The label file whose picture is not there is a fault, and costs itself alone.
    assert [fault.file for fault in yolo.faults if "no picture" in fault.message] == [
        "train/labels/IMG_1114_rotated180_jpg.rf.716b413cf64e1e9fc7ad4ddca56cd7ea.txt"
    ]
    for image in shared:
        ours = {(one.label, tuple(round(v) for v in g.bounds(one) or ())) for one in image.annotations}
        theirs = {
            (one.label, tuple(round(v) for v in g.bounds(one) or ()))
            for one in by_name[image.file_name].annotations
        }
        near = [
            any(a[0] == b[0] and np.abs(np.array(a[1]) - np.array(b[1])).max() <= 6 for b in theirs)
            for a in ours
        ]
        assert all(near), (ours, theirs)
