"""Whatever is drawn comes back from every format as that format can say it, and what is not said is told."""

import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from tests.support.annotated import HEIGHT, WIDTH, datasets, pictures
from tidelab.formats.annotations import FORMATS, AnnotatedImage, Annotation, Dataset, read, write
from tidelab.formats.annotations import geometry as g
from tidelab.formats.annotations.fitting import Tally
from tidelab.formats.annotations.registry import _fitted

# Examples are small as they are.
QUICK = (Phase.explicit, Phase.generate)
# Half of the last digit that is written, and what a turned box loses when its corners come from rounded centre, sides and angle.
TOLERANCE_PX = {"voc": 0.51, "voc-zero-based": 0.51, "cvat-images": 0.02, "cvat-video": 0.02}


def back_and_forth(dataset: Dataset, name: str) -> tuple[Dataset, tuple[str, ...]]:
    """Write and read again, with pictures beside where sizes or pictures are needed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pictures(Path(scratch) / "pictures", (image.file_name for image in dataset.images))
        place = Path(scratch) / f"out{FORMATS[name].ending}"
        notes = write(dataset, place, name, images=folder, pictures="link")
        return read(place, name), notes


def fitted(dataset: Dataset, name: str) -> Dataset:
    return _fitted(dataset, FORMATS[name], Tally())


def assert_same_place(one: Annotation, other: Annotation, tolerance: float) -> None:
    if one.shape == "tag":
        assert other.shape == "tag"
        return
    assert g.bounds(one) == pytest.approx(g.bounds(other), abs=tolerance)
    if one.mask is not None:
        assert one.mask == other.mask
    elif one.shape == "rotated_box":
        # A box may come back with another corner first.
        a, b = (np.array(sorted(x.points)) for x in (one, other))
        assert np.abs(a - b).max() <= tolerance
    elif one.shape == other.shape and one.shape not in ("box", "ellipse"):
        assert np.abs(np.array(one.points) - np.array(other.points)).max() <= tolerance


@pytest.mark.parametrize(
    "name", [name for name in FORMATS if name not in ("folders", "yolo-classify", "cvat-video")]
)
@settings(max_examples=8, phases=QUICK)
@given(dataset=datasets())
def test_there_and_back(name: str, dataset: Dataset) -> None:
    chosen = FORMATS[name]
    found, notes = back_and_forth(dataset, name)
    assert found.faults == ()
    wanted = fitted(dataset, name)
    if "negatives" not in chosen.carries:
        wanted = replace(wanted, images=tuple(image for image in wanted.images if image.annotations))
    by_name = {image.file_name: image for image in found.images}
    assert set(by_name) == {image.file_name for image in wanted.images}
    for image in wanted.images:
        again = by_name[image.file_name]
        if "size" in chosen.carries:
            assert again.size == image.size
        if "frame" in chosen.carries:
            assert again.frame == image.frame
        assert [one.label for one in again.annotations] == [one.label for one in image.annotations]
        for one, other in zip(image.annotations, again.annotations, strict=True):
            assert_same_place(one, other, TOLERANCE_PX.get(name, 0.011))
            if "score" in chosen.carries and one.score is not None:
                assert other.score == one.score
            if "attributes" in chosen.carries and chosen.name != "viame":
                assert {k: str(v).lower() for k, v in other.attributes.items()} == {
                    k: str(v).lower() for k, v in one.attributes.items()
                }
    if "order" in chosen.carries:
        assert found.labels == dataset.labels
    told = " ".join(notes)
    every = [one for image in wanted.images for one in image.annotations]
    for carried, word, lost in (
        ("score", "score", any(one.score is not None for one in every)),
        ("track", "Track", any(one.track_id is not None for one in every)),
        (
            "negatives",
            "without annotations",
            any(not image.annotations for image in fitted(dataset, name).images),
        ),
    ):
        if lost and carried not in chosen.carries:
            assert word in told


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=5, phases=QUICK)
@given(dataset=datasets())
def test_what_is_left_out_is_counted(name: str, dataset: Dataset) -> None:
    if name in ("folders", "yolo-classify"):
        dataset = replace(dataset, labels=tuple(f"label {n}" for n in range(5)), images=tuple(
            replace(image, annotations=tuple(replace(one, label="label 1") for one in image.annotations)) for image in dataset.images
        ))  # fmt: skip
    known = FORMATS[name].shapes
    before = Counter(one.shape for image in dataset.images for one in image.annotations)
    after = sum(len(image.annotations) for image in fitted(dataset, name).images)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pictures(Path(scratch) / "pictures", (image.file_name for image in dataset.images))
        notes = write(
            dataset, Path(scratch) / f"out{FORMATS[name].ending}", name, images=folder, pictures="none"
        )
    lost = sum(before.values()) - after
    told = [note for note in notes if " left out" in note and "picture" not in note.split(" ")[1]]
    assert sum(int(re.findall(r"\d+", note)[0]) for note in told) == lost
    for shape in before:
        if shape not in known:
            words = shape.replace("_", " ").replace("polyline", "line").capitalize()
            assert any(note.startswith(words[:4]) for note in notes), (shape, notes)


@settings(max_examples=8, phases=QUICK)
@given(dataset=datasets())
def test_tracks_of_a_video_come_back(dataset: Dataset) -> None:
    found, _ = back_and_forth(dataset, "cvat-video")
    wanted = fitted(dataset, "cvat-video")
    assert found.faults == ()
    assert [image.frame for image in found.images] == [image.frame for image in wanted.images]
    for image, again in zip(wanted.images, found.images, strict=True):
        # Order within a frame is by track; who belongs to a track keeps its number where the track kept class and kind.
        assert sorted(map(str, map(_key, image.annotations))) == sorted(
            map(str, map(_key, again.annotations))
        )
        numbers = [one.track_id for one in again.annotations]
        assert len(set(numbers)) == len(numbers), "a track is in a frame once"


def _key(one: Annotation) -> tuple[object, ...]:
    return one.label, one.shape.replace("rotated_", ""), [round(v) for v in g.bounds(one) or ()]


def test_class_folders_come_back(tmp_path: Path) -> None:
    images = tuple(
        AnnotatedImage(name, WIDTH, HEIGHT, (Annotation(label, "tag"),), part=part)
        for name, label, part in (
            ("a.png", "cod", "train"),
            ("x/b.png", "haddock", "val"),
            ("y/b.png", "haddock", "val"),
        )
    )
    dataset = Dataset(images, ("cod", "haddock", "nothing"))
    folder = pictures(tmp_path / "pictures", (image.file_name for image in images))
    assert write(dataset, tmp_path / "out", "yolo-classify", images=folder) == (
        "Names of pictures are lost or changed: 3: YOLO classify has no place for that.",
    )
    found = read(tmp_path / "out", "folders")
    assert [(image.part, image.annotations[0].label, image.file_name) for image in found.images] == [
        ("train", "cod", "train/cod/a.png"), ("val", "haddock", "val/haddock/x__b.png"), ("val", "haddock", "val/haddock/y__b.png"),
    ]  # fmt: skip
    assert (tmp_path / "out/train/nothing").is_dir()
    # A second time the names stay.
    write(found, tmp_path / "again", "folders", images=tmp_path / "out")
    assert sorted(p.relative_to(tmp_path / "again").as_posix() for p in (tmp_path / "again").rglob("*.png")) == [
        "train/cod/a.png", "val/haddock/x__b.png", "val/haddock/y__b.png",
    ]  # fmt: skip
