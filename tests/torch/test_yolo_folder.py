"""ultralytics itself reads the YOLO folders that `tidelab.formats.annotations` writes: every picture, every object, where it is."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.annotated import box, pictures
from tidelab.formats.annotations import FORMATS, AnnotatedImage, Annotation, Dataset, write
from tidelab.formats.annotations import geometry as g
from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.registry import _fitted
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
