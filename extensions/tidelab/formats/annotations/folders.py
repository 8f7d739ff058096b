"""Class folders: each picture lies in a folder that is called like its class; also what ultralytics calls classify.

``<class>/a.jpg``, or ``train/<class>/a.jpg`` with ``val`` and ``test`` beside it (https://docs.ultralytics.com/datasets/classify/).
Classes are in alphabetical order, as ultralytics and torchvision number them.
"""

from dataclasses import replace
from posixpath import splitext
from typing import Final

from tidelab.formats.annotations import pictures
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset
from tidelab.formats.annotations.reading import Reading
from tidelab.formats.annotations.source import Source

_PARTS: Final = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')


def read(reading: Reading) -> Dataset:
    """Read a folder or zip of class folders."""
    source = reading.source
    if source.is_file:
        raise AnnotationError(f"{source.path} is one file: class folders are a folder or a zip.")
    names = source.pictures.names
    divided = _divided(names)
    images = []
    for name in names:
        folders = name.split("/")[:-1]
        part = _PARTS[folders.pop(0)] if divided else ""
        if not folders:
            reading.fault(name, "", "", "lies in no class folder")
            continue
        label = reading.label(name, "", folders[0])
        if label:
            image = AnnotatedImage(name, part=part, annotations=(Annotation(label, "tag"),))
            images.append(image)
    labels = sorted({one.label for image in images for one in image.annotations})
    if not images:
        raise AnnotationError(f"{source.path} holds no class folder: expected <class>/<picture>.")
    return reading.dataset("folders", images, labels)


def recognises(source: Source) -> bool:
    """Return whether all pictures lie in folders, and no file of annotations is there."""
    names = source.pictures.names
    if source.is_file or not names or source.ending_in(".json", ".xml", ".csv", ".yaml", ".yml"):
        return False
    depth = 1 if _divided(names) else 0
    return all(name.count("/") > depth for name in names) and not source.ending_in(".txt")


def _divided(names: tuple[str, ...]) -> bool:
    return bool(names) and all(name.split("/")[0] in _PARTS and name.count("/") > 1 for name in names)


def write(writing: Writing) -> None:
    """Copy (or link) each picture into the folder of its class."""
    data = writing.dataset
    divided = any(image.part for image in data.images)
    for label in data.labels:
        bad = sorted(_FORBIDDEN & set(label))
        if bad or label.startswith(".") or label in _PARTS:
            raise AnnotationError(f"{shown(label)!r} cannot be the name of a folder; rename the class first.")
    used: set[str] = set()
    lost = 0
    for image in data.images:
        label = _label(writing, image)
        if not label:
            continue
        target = _target(image, label, used, divided)
        if not pictures.place(writing, image.file_name, writing.path / target):
            lost += 1
    pictures.missing(writing, lost)
    for label in data.labels:
        for part in sorted({image.part or "train" for image in data.images}) if divided else ("",):
            (writing.path / part / label).mkdir(parents=True, exist_ok=True)


def _label(writing: Writing, image: AnnotatedImage) -> str:
    found = list(dict.fromkeys(one.label for one in image.annotations))
    if not found:
        writing.tally.add(
            "{n} picture{s} without a class are left out: class folders have no place for them."
        )
        return ""
    if len(found) > 1:
        writing.tally.add("{n} picture{s} have several classes; they lie in the folder of the first.")
    return found[0]


def _target(image: AnnotatedImage, label: str, used: set[str], divided: bool) -> str:
    parts = image.file_name.split("/")
    # A picture that came from class folders keeps no second layer of them.
    if len(parts) > 1 and parts[0] in _PARTS:
        parts = parts[1:]
    if len(parts) > 1 and parts[0] == label:
        parts = parts[1:]
    name = "__".join(parts)
    folder = f"{image.part or 'train'}/{label}" if divided else label
    stem, ending = splitext(name)
    number = 1
    while f"{folder}/{name}".casefold() in used:
        number += 1
        name = f"{stem}__{number}{ending}"
    used.add(f"{folder}/{name}".casefold())
    return f"{folder}/{name}"


def read_classify(reading: Reading) -> Dataset:
    """Read what ultralytics calls classify."""
    return replace(read(reading), format="yolo-classify")


def write_classify(writing: Writing) -> None:
    """Write class folders below train, val and test, as ultralytics wants them."""
    images = tuple(image if image.part else replace(image, part="train") for image in writing.dataset.images)
    if images and not any(image.part == "val" for image in images):
        writing.tally.add("There is no part val, which training needs: divide the pictures before you train.")
    write(replace(writing, dataset=replace(writing.dataset, images=images)))


FORMAT: Final = Format(
    name="folders",
    title="Class folders",
    definition="https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html",
    shapes=frozenset(("tag",)),
    carries=frozenset(("part",)),
    ending="",
    read=read,
    write=write,
    recognises=recognises,
    needs_pictures=True,
)
CLASSIFY: Final = replace(
    FORMAT,
    name="yolo-classify",
    title="YOLO classify",
    definition="https://docs.ultralytics.com/datasets/classify/",
    read=read_classify,
    write=write_classify,
    recognises=lambda _: False,
)
