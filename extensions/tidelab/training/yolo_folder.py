"""Write pictures with boxes the way ultralytics reads them: links to the pictures, a text file beside each, a small YAML."""

import json
import os
import shutil
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tidelab.science.colour_profile import to_srgb
from tidelab.science.splits import TRAIN, VALIDATION
from tidelab.training.decoding import UnreadableError, read_file
from tidelab.training.detection_images import BoxedPicture, DetectionImages, Parts

_READS: Final = frozenset({".jpg", ".jpeg", ".png"})
_FOLDERS: Final = {TRAIN: "train", VALIDATION: "val"}


def write_yolo_folder(images: DetectionImages, parts: Parts, folder: Path) -> Path:
    """Write the training and validation pictures; test pictures are left out, so that no training can look at them.

    Parameters
    ----------
    images, parts
        Pictures, and the part of each.
    folder
        An empty folder.

    Returns
    -------
    Path
        ``data.yaml``, written by us: one that came with the data is never given to ultralytics, which runs what stands in it under
        ``download``.

    Raises
    ------
    ValueError
        When a class has no object in the training pictures, there is no validation picture, or a picture that has to be converted cannot be
        read any more.
    """
    _check(images, parts)
    for part, name in _FOLDERS.items():
        (folder / "images" / name).mkdir(parents=True)
        (folder / "labels" / name).mkdir(parents=True)
        for number, picture in enumerate(images.rows(np.flatnonzero(parts == part))):
            _link(picture, folder / "images" / name / f"{number:07d}")
            text = "".join(_line(picture, k) for k in range(len(picture.truth)) if not _is_crowd(picture, k))
            (folder / "labels" / name / f"{number:07d}.txt").write_text(text, encoding="ascii")
    data = folder / "data.yaml"
    # JSON is YAML, and has no way to say anything but data.
    content = {
        "path": str(folder),
        "train": "images/train",
        "val": "images/val",
        "names": dict(enumerate(images.labels)),
    }
    data.write_text(json.dumps(content, indent=1, ensure_ascii=True), encoding="ascii")
    return data


def _check(images: DetectionImages, parts: Parts) -> None:
    train, validation = (np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION))
    if not len(train) or not len(validation):
        raise ValueError(
            f"There are {len(train)} training and {len(validation)} validation pictures; a training needs both. Add pictures, or choose "
            "other shares."
        )
    seen = np.zeros(len(images.labels), np.int64)
    for picture in images.rows(train):
        seen += np.bincount(picture.truth, minlength=len(images.labels))
    missing = [label for label, count in zip(images.labels, seen, strict=True) if not count]
    if missing:
        raise ValueError(
            f"No training picture shows {', '.join(missing)}. Every class needs at least one object in the training pictures: add "
            "pictures, leave the class out, or choose another split."
        )


def _is_crowd(picture: BoxedPicture, k: int) -> bool:
    return bool(len(picture.crowd) and picture.crowd[k])


def _line(picture: BoxedPicture, k: int) -> str:
    left, top, right, bottom = (float(value) for value in picture.boxes[k])
    values = (
        (left + right) / 2 / picture.width,
        (top + bottom) / 2 / picture.height,
        (right - left) / picture.width,
        (bottom - top) / picture.height,
    )
    return (
        f"{int(picture.truth[k])} " + " ".join(f"{min(max(value, 0.0), 1.0):.8f}" for value in values) + "\n"
    )


def _link(picture: BoxedPicture, target: Path) -> None:
    suffix = picture.file.suffix.lower()
    if suffix not in _READS or _has_other_colours(picture.file):
        # Upright and in sRGB, as analyses, tests and figures read it: ultralytics looks at no profile.
        try:
            pixels, _ = read_file(picture.file.parent, picture.file.name)
        except UnreadableError as error:
            raise ValueError(f"{picture.name}: {error}. Read the pictures again, or take it out.") from None
        Image.fromarray(pixels).save(target.with_suffix(".png"), compress_level=1)
    elif _would_be_repaired(picture.file):
        shutil.copyfile(picture.file, target.with_suffix(suffix))
    else:
        target.with_suffix(suffix).symlink_to(picture.file.resolve())


def _has_other_colours(file: Path) -> bool:
    """Whether the numbers of a picture mean other colours than those of sRGB, by its embedded profile."""
    try:
        with Image.open(file) as opened:
            # Nothing is decoded where there is no such profile.
            return to_srgb(opened) is not opened
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # what cannot be read here is left to who reads it next, who says so


def _would_be_repaired(file: Path) -> bool:
    """Whether ultralytics would write to the picture: it mends a JPEG that does not end as one should, in place, through a link too."""
    if file.suffix.lower() == ".png":
        return False
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(stream.tell() - 2, 0))
        return stream.read(2) != b"\xff\xd9"
