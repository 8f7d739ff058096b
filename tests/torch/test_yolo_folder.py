"""ultralytics itself reads the YOLO folders that are written for it: every picture, every object, where it is, in the colours that analyses see."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.annotated import box, pictures
from tests.support.icc_profiles import DISPLAY_P3, SRGB, in_display_p3
from tidelab.formats.annotations import FORMATS, AnnotatedImage, Annotation, Dataset, write
from tidelab.formats.annotations import geometry as g
from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.registry import _fitted
from tidelab.training.decoding import read_file
from tidelab.training.detection_images import BoxedPicture, DetectionImages
from tidelab.training.yolo_folder import write_yolo_folder
from tidelab.training.yolo_setup import import_yolo

SIZE = (320, 240)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Return pictures with names of all kinds, a negative, an object over the edge, and two parts."""
    star = Annotation("été", "polygon", ((10, 10), (60, 12.5), (40, 70), (20, 50)))
    turned = Annotation("fish", "rotated_box", g.turned(100, 50, 180, 90, 30))
    images = (
        AnnotatedImage("a b.png", *SIZE, (box(5, 6, 50, 60), star), part="train"),
        AnnotatedImage("dive 1/é.jpg", *SIZE, (turned, box(-4, 100, 30, 250)), part="train"),
        AnnotatedImage("dive 1/empty.png", *SIZE, part="train"),
        AnnotatedImage("v.png", *SIZE, (box(1, 2, 319, 239, "été"),), part="val"),
    )
    return Dataset(images, ("fish", "été"))


@pytest.mark.parametrize("task", ["detect", "segment", "obb"])
def test_ultralytics_takes_every_picture_and_object(dataset: Dataset, tmp_path: Path, task: str) -> None:
    import_yolo()
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    folder = pictures(tmp_path / "pictures", (image.file_name for image in dataset.images))
    write(dataset, tmp_path / "set", f"yolo-{task}", images=folder)
    data = check_det_dataset(str(tmp_path / "set" / "data.yaml"), autodownload=False)
    assert data["names"] == {0: "fish", 1: "été"}
    found = {}
    for part in ("train", "val"):
        read = YOLODataset(img_path=data[part], data=data, task=task, augment=False, rect=False)
        found |= {Path(label["im_file"]).relative_to(data[part]).as_posix(): label for label in read.labels}
    assert set(found) == {image.file_name for image in dataset.images}, "no picture was refused"
    # What the format makes of the shapes; how that is right is tested with the format.
    for image in _fitted(dataset, FORMATS[f"yolo-{task}"], Tally()).images:
        label = found[image.file_name]
        assert label["cls"].ravel().tolist() == [dataset.labels.index(one.label) for one in image.annotations]
        for one, box_shares in zip(image.annotations, label["bboxes"], strict=True):
            x, y, width, height = box_shares * np.array((*SIZE, *SIZE))
            ours = np.clip(g.bounds(one) or (), 0, (*SIZE, *SIZE))
            assert np.allclose(
                (x - width / 2, y - height / 2, x + width / 2, y + height / 2),
                ours,
                atol=1e-3 if task == "detect" else 12,
            )


SEA = (32, 96, 120)
"""A colour of water in sRGB; `in_display_p3` writes it with other numbers."""
TURNED = 6
"""EXIF orientation: the upright picture is the stored one turned clockwise."""


def photo(file: Path, profile: bytes, orientation: int = 1) -> BoxedPicture:
    """Write a picture of `SEA` in the colour space of `profile`, stored 48 x 32 px, with a red corner where it begins."""
    pixels = np.full((32, 48, 3), SEA, np.uint8)
    pixels[:8, :8] = (200, 40, 40)
    stored = in_display_p3(pixels) if profile == DISPLAY_P3 else pixels
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"quality": 100, "subsampling": 0} if file.suffix == ".jpg" else {}
    Image.fromarray(stored).save(file, exif=exif, **({"icc_profile": profile} if profile else {}), **how)
    height, width = (48, 32) if orientation == TURNED else (32, 48)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    boxes = np.array([[0, 0, 8, 8]], np.float32)
    return BoxedPicture(file.name, file, digest, width, height, boxes, np.zeros(1, np.int64))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", [1, TURNED])
def test_a_training_sees_the_colours_that_analyses_see(tmp_path: Path, suffix: str, orientation: int) -> None:
    import_yolo()
    from ultralytics.utils.patches import imread

    (tmp_path / "in").mkdir()
    given = tuple(
        photo(tmp_path / "in" / f"{name}{suffix}", profile, orientation)
        for name, profile in (("a", b""), ("b", SRGB), ("c", DISPLAY_P3), ("d", DISPLAY_P3))
    )
    before = [one.file.read_bytes() for one in given]
    parts = np.array(["train", "train", "train", "validation"])
    write_yolo_folder(DetectionImages(("fish",), given), parts, tmp_path / "out")
    written = sorted((tmp_path / "out" / "images").rglob("*.*"))
    assert len(written) == 4
    for one, file in zip(given, written, strict=True):
        seen = imread(str(file))[..., ::-1].astype(int)
        assert seen.shape == (one.height, one.width, 3)
        assert np.abs(seen[20:30, 12:20] - SEA).max() <= 2, one.name
        assert np.abs(seen - read_file(one.file.parent, one.file.name)[0]).max() <= 2, one.name
    # What needs no conversion is not written a second time.
    linked = [file.is_symlink() for file in written]
    assert linked == ([False] * 4 if suffix == ".tif" else [True, True, False, False])
    assert [one.file.read_bytes() for one in given] == before


def test_a_picture_that_went_since_it_was_read_is_named(tmp_path: Path) -> None:
    given = tuple(photo(tmp_path / f"{name}.tif", b"") for name in "ab")
    given[1].file.unlink()
    with pytest.raises(ValueError, match=r"b\.tif: listed, but the file is not there"):
        write_yolo_folder(
            DetectionImages(("fish",), given), np.array(["train", "validation"]), tmp_path / "out"
        )
