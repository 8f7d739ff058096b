"""A folder that a YOLO training takes, divided so that no test picture has a twin among the training pictures.

Frames of one video, and pictures of one camera, look alike: divided picture by picture, a model is tested on what it has seen, and its
figures flatter it (Kapoor and Narayanan, Patterns 4(9), 2023). So whole groups go to one part.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from posixpath import basename, dirname, splitext
from typing import Final, Literal

import numpy as np

from tidelab.formats.annotations import AnnotatedImage, AnnotationError, Dataset, write
from tidelab.formats.annotations.format import PictureMode
from tidelab.formats.annotations.source import Source
from tidelab.science import splits

GroupBy = Literal["picture", "folder", "video", "camera"]
Task = Literal["detect", "segment", "obb", "classify"]
SPLIT_FILE: Final = "split.csv"
_PARTS: Final = {splits.TRAIN: "train", splits.VALIDATION: "val", splits.TEST: "test"}
_FRAME: Final = re.compile(r"[\W_]*(?:frame|img|image)?[\W_]*\d+$", re.IGNORECASE)
_DATE: Final = re.compile(r"[\W_]*(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d.*$")


@dataclass(frozen=True)
class TrainingFolder:
    """What was made.

    Parameters
    ----------
    path
        The folder; ``data.yaml`` in it goes to the training.
    pictures, annotations
        Part -> pictures; part -> class -> annotations.
    groups
        Part -> groups.
    notes
        What was left out or changed, a sentence each.
    """

    path: Path
    pictures: dict[str, int]
    annotations: dict[str, dict[str, int]]
    groups: dict[str, int]
    notes: tuple[str, ...]


def group_of(file_name: str, group_by: GroupBy | str) -> str:
    """Return the group of a picture.

    Parameters
    ----------
    file_name
        Path of the picture.
    group_by
        ``picture``: each for itself. ``folder``: its folder. ``video``: its path without the number at the end (``dive3_000400.jpg`` ->
        ``dive3``). ``camera``: its path without date and what follows (``clm_s_01_2011-11-27-12-00.jpg`` -> ``clm_s_01``), and where
        there is no date without the number at the end. Anything else: a regular expression that is searched in the path; its first
        group, or all that it matches, is the name, and a picture in which it is not found is a group of its own.
    """
    stem = splitext(file_name)[0]
    if group_by == "picture":
        return file_name
    if group_by == "folder":
        return dirname(file_name)
    if group_by in ("video", "camera"):
        folder, name = dirname(stem), basename(stem)
        cut = _DATE.sub("", name) if group_by == "camera" else name
        found = cut if cut != name else _FRAME.sub("", name)
        return f"{folder}/{found or name}" if folder else found or name
    match = re.search(group_by, file_name)
    if match is None:
        return file_name
    return (match[1] if match.re.groups else match[0]) or file_name


def to_yolo_training_folder(
    dataset: Dataset,
    images: Path,
    out: Path,
    *,
    seed: int,
    group_by: GroupBy | str | Callable[[AnnotatedImage], str],
    task: Task = "detect",
    validation_share: float = 0.2,
    test_share: float = 0.1,
    keep_parts: bool = False,
    pictures: PictureMode = "copy",
    force: bool = False,
) -> TrainingFolder:
    """Divide annotated pictures by groups and write them as ultralytics takes them.

    Parameters
    ----------
    dataset
        Pictures and what is in them; pictures without anything are negatives and stay.
    images
        Folder of the pictures; those that are not there are left out.
    out
        Folder to make.
    seed
        Equal seeds give equal divisions.
    group_by
        What must not be torn apart, see `group_of`; or a function of the picture.
    task
        What is trained.
    validation_share, test_share
        Wanted shares of the pictures, met as closely as whole groups allow.
    keep_parts
        Keep the division that the dataset has.
    pictures
        Whether pictures are copied or linked to.
    force
        Replace a folder that Tidelab wrote.

    Returns
    -------
    TrainingFolder
        ``split.csv`` in it says part and group of each picture.

    Raises
    ------
    AnnotationError
        When there are no pictures, fewer than three groups, or nothing can be written.
    """
    kept, lost = _present(dataset, images)
    groups = [*map(group_by if callable(group_by) else _grouping(group_by), kept)]
    keep = keep_parts and all(map(_part, kept))
    shares = {"validation_share": validation_share, "test_share": test_share}
    parts = [*map(_part, kept)] if keep else _divide(kept, dataset.labels, groups, seed, **shares)
    notes = _notes(lost, images, _torn(groups, parts) if keep else 0)
    placed = tuple(replace(image, part=part) for image, part in zip(kept, parts, strict=True))
    divided = replace(dataset, images=placed)
    notes += write(divided, out, f"yolo-{task}", images=images, pictures=pictures, force=force)
    _write_split(out, kept, parts, groups)
    return TrainingFolder(out, *_counts(divided, parts, groups), tuple(notes))


def _part(image: AnnotatedImage) -> str:
    return image.part


def _notes(lost: int, images: Path, torn: int) -> list[str]:
    found = []
    if lost:
        found.append(
            f"{lost} annotated picture{'' if lost == 1 else 's'} are not in {images} and are left out."
        )
    if torn:
        found.append(
            f"{torn} groups lie in more than one part of the division that was kept: its figures may flatter."
        )
    return found


def _grouping(group_by: str) -> Callable[[AnnotatedImage], str]:
    try:
        re.compile(group_by)
    except re.error as error:
        raise AnnotationError(f"group_by: {group_by!r} is no regular expression ({error}).") from None
    return lambda image: group_of(image.file_name, group_by)


def _present(dataset: Dataset, images: Path) -> tuple[list[AnnotatedImage], int]:
    source = Source(images)
    try:
        kept = [image for image in dataset.images if source.pictures.find(image.file_name)]
    finally:
        source.close()
    if not kept:
        raise AnnotationError(
            f"None of the {len(dataset.images)} annotated pictures is in {images}. Check the folder."
        )
    return kept, len(dataset.images) - len(kept)


def _divide(
    images: Sequence[AnnotatedImage],
    labels: Sequence[str],
    groups: Sequence[str],
    seed: int,
    validation_share: float,
    test_share: float,
) -> list[str]:
    counts = Counter(one.label for image in images for one in image.annotations)
    rank = {label: number for number, label in enumerate(labels)}
    # A picture counts for its rarest class, so that rare classes reach all parts; one without anything is a class of its own.
    truth = [
        rank[min({one.label for one in image.annotations}, key=lambda label: (counts[label], label))]
        if image.annotations
        else len(rank)
        for image in images
    ]
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1]
    try:
        found = splits.grouped_split(
            truth, numbers, seed=seed, test_share=test_share, validation_share=validation_share
        )
    except ValueError as error:
        raise AnnotationError(f"The pictures cannot be divided: {error}.") from None
    return [_PARTS[str(part)] for part in found]


def _torn(groups: Sequence[str], parts: Sequence[str]) -> int:
    places: dict[str, set[str]] = {}
    for group, part in zip(groups, parts, strict=True):
        places.setdefault(group, set()).add(part)
    return sum(len(found) > 1 for found in places.values())


def _counts(
    divided: Dataset, parts: Sequence[str], groups: Sequence[str]
) -> tuple[dict[str, int], dict[str, dict[str, int]], dict[str, int]]:
    pictures = dict(Counter(parts))
    annotations = {part: dict.fromkeys(divided.labels, 0) for part in pictures}
    for image in divided.images:
        for one in image.annotations:
            annotations[image.part][one.label] += 1
    together = {part: len({g for g, p in zip(groups, parts, strict=True) if p == part}) for part in pictures}
    return pictures, annotations, together


def _write_split(
    out: Path, images: Sequence[AnnotatedImage], parts: Sequence[str], groups: Sequence[str]
) -> None:
    text = StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("picture", "part", "group"))
    rows.writerows(
        (image.file_name, part, group) for image, part, group in zip(images, parts, groups, strict=True)
    )
    new = out / f".{SPLIT_FILE}.new"
    new.write_text(text.getvalue(), encoding="utf-8")
    new.replace(out / SPLIT_FILE)
