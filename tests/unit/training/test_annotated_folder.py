"""A folder for YOLO training: whole groups in one part, the same with the same seed, and a table that says who is where."""

import csv
from pathlib import Path

import pytest

from tests.support.annotated import box, pictures
from tidelab.formats.annotations import AnnotatedImage, AnnotationError, Dataset, read
from tidelab.training.annotated_folder import group_of, to_yolo_training_folder


@pytest.mark.parametrize(
    ("name", "by", "group"),
    [
        ("04C2_Luderick_16_000400.jpg", "video", "04C2_Luderick_16"),
        ("dive 3/frame_0007.png", "video", "dive 3/frame_0007"),
        ("dive 3/x-frame-0007.png", "video", "dive 3/x"),
        ("clm_s_01_2011-11-27-12-00.jpg", "camera", "clm_s_01"),
        ("obsea_20240501T1200Z.jpg", "camera", "obsea"),
        ("cam1_000400.jpg", "camera", "cam1"),
        ("a/b/c.png", "folder", "a/b"),
        ("a/b/c.png", "picture", "a/b/c.png"),
        ("site7-x.png", r"site(\d)", "7"),
        ("other.png", r"site(\d)", "other.png"),
    ],
)
def test_groups(name: str, by: str, group: str) -> None:
    assert group_of(name, by) == group


@pytest.fixture
def data() -> Dataset:
    images = []
    for video in range(12):
        for frame in range(6):
            shapes = (box(10, 10, 40, 40, "cod"),) * (frame % 2) + (box(50, 50, 60, 60, "rare"),) * (
                video % 4 == 0
            )
            images.append(AnnotatedImage(f"v{video}_{frame:04d}.png", 320, 240, shapes))
    return Dataset(tuple(images), ("cod", "rare"))


def test_no_group_is_torn_and_equal_seeds_are_equal(data: Dataset, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", (image.file_name for image in data.images[1:]))
    made = [
        to_yolo_training_folder(
            data, folder, tmp_path / f"out{n}", seed=seed, group_by="video", pictures="link"
        )
        for n, seed in enumerate((3, 3, 4))
    ]
    tables = [(one.path / "split.csv").read_text(encoding="utf-8") for one in made]
    assert tables[0] == tables[1] != tables[2]
    rows = list(csv.DictReader(tables[0].splitlines()))
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row["group"], set()).add(row["part"])
    assert len(places) == 12
    assert all(len(parts) == 1 for parts in places.values())
    assert sum(made[0].groups.values()) == 12
    assert sum(made[0].pictures.values()) == len(rows) == 71
    assert (
        made[0].notes[0].startswith("1 annotated picture are not in")
        or "1 annotated picture" in made[0].notes[0]
    )
    assert all(counts["rare"] for part, counts in made[0].annotations.items() if part == "train")
    found = read(made[0].path)
    assert found.summary().per_part == dict(sorted(made[0].pictures.items()))
    assert found.labels == ("cod", "rare")


def test_what_cannot_be_divided_says_so(data: Dataset, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", (image.file_name for image in data.images))
    with pytest.raises(AnnotationError, match=r"1 group\(s\)"):
        to_yolo_training_folder(data, folder, tmp_path / "out", seed=1, group_by="^v")
    with pytest.raises(AnnotationError, match="no regular expression"):
        to_yolo_training_folder(data, folder, tmp_path / "out", seed=1, group_by="(")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError, match="None of the 72"):
        to_yolo_training_folder(data, tmp_path / "empty", tmp_path / "out", seed=1, group_by="video")
    assert not (tmp_path / "out").exists()


def test_a_division_that_is_kept_and_torn_is_told(data: Dataset, tmp_path: Path) -> None:
    from dataclasses import replace

    images = tuple(replace(image, part=("train", "val")[n % 2]) for n, image in enumerate(data.images))
    folder = pictures(tmp_path / "pictures", (image.file_name for image in images))
    made = to_yolo_training_folder(
        replace(data, images=images),
        folder,
        tmp_path / "out",
        seed=1,
        group_by="video",
        keep_parts=True,
        pictures="link",
    )
    assert made.pictures == {"train": 36, "val": 36}
    assert "12 groups lie in more than one part" in made.notes[0]
