"""Read pictures with boxes from any annotation format that is known here, and check that each picture can be read."""

import atexit
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Any, Final

import numpy as np

from tidelab.formats.annotations import AnnotatedImage, AnnotationError, Dataset, read
from tidelab.formats.annotations.geometry import bounds
from tidelab.formats.annotations.source import Source
from tidelab.formats.picture_time import from_name
from tidelab.training.datasets import DatasetError
from tidelab.training.decoding import UnreadableError, read_file
from tidelab.training.detection_images import BoxedPicture, DetectionImages

_PARTS: Final = {"train": "train", "val": "validation", "test": "test", "": ""}
_LEAST_SIDE_PX: Final = 1.0
_SHOWN: Final = 20


def read_pictures(data: Path | str, images: Path | str = "", format: str = "") -> DetectionImages:
    """Read annotated pictures.

    Parameters
    ----------
    data
        Annotations: a file (COCO, CVAT XML, VIAME CSV, BIIGLE CSV) or a folder (YOLO, Pascal VOC).
    images
        Folder of the pictures; empty: they lie beside the annotations.
    format
        A name from `tidelab.formats.annotations.FORMATS`; empty: it is found out.

    Returns
    -------
    DetectionImages
        Boxes of all shapes that have an extent. Annotations of another kind, boxes under a pixel and pictures that cannot be read are
        left out, and `notes` says how many and why. The sample of a picture is its folder, where there are several with pictures, else
        camera and day that its name holds.

    Raises
    ------
    DatasetError
        When nothing is left to train on.
    """
    place = Path(data).expanduser()
    pictures = Path(images).expanduser() if str(images) else None
    try:
        dataset = read(place, format or None, images=pictures)
        source = Source(place, pictures)
    except AnnotationError as error:
        raise DatasetError(str(error)) from None
    try:
        made = _made(dataset, source)
    finally:
        source.close()
    if not made.labels or not any(len(one.truth) for one in made.pictures):
        raise DatasetError(
            f"{place} holds no box in a picture that can be read, so there is nothing to train on. "
            + " ".join(made.notes[:3])
        )
    return made


def _made(dataset: Dataset, source: Source) -> DetectionImages:
    left_out: Counter[str] = Counter()
    reasons: list[str] = []
    several = len({str(PurePosixPath(one.file_name).parent) for one in dataset.images}) > 3
    pictures = []
    for one in dataset.images:
        path = source.pictures.path(one.file_name)
        if path is None:
            left_out["not found beside the annotations"] += 1
            continue
        try:
            pixels, digest = read_file(path.parent, path.name)
        except UnreadableError as error:
            left_out["unreadable"] += 1
            reasons.append(f"{one.file_name}: {error}")
            continue
        size = (pixels.shape[1], pixels.shape[0])
        if one.size is not None and one.size != size:
            left_out["of another size than the annotations say"] += 1
            reasons.append(
                f"{one.file_name}: {size[0]} x {size[1]} px, annotated as {one.width} x {one.height}"
            )
            continue
        pictures.append(_boxed(one, path, digest, size, dataset.labels, several, left_out))
    words = [f"{count} pictures or objects left out: {reason}." for reason, count in left_out.items()]
    ids = {
        label: int(str(about["aphia_id"]))
        for label, about in dataset.about.items()
        if str(about.get("aphia_id", "")).isdigit()
    }
    return DetectionImages(
        dataset.labels,
        tuple(sorted(pictures, key=lambda one: one.name)),
        ids,
        (*dataset.notes, *words, *reasons[:_SHOWN], *(str(fault) for fault in dataset.faults[:_SHOWN])),
    )


def _boxed(
    one: AnnotatedImage,
    path: Path,
    digest: str,
    size: tuple[int, int],
    labels: tuple[str, ...],
    several: bool,
    left_out: Counter[str],
) -> BoxedPicture:
    boxes, truth, crowd = [], [], []
    for annotation in one.annotations:
        found = bounds(annotation)
        if found is None:
            left_out[f"a {annotation.shape} has no extent"] += 1
            continue
        left, top, right, bottom = (float(value) for value in found)
        box = (max(left, 0.0), max(top, 0.0), min(right, size[0]), min(bottom, size[1]))
        if box[2] - box[0] < _LEAST_SIDE_PX or box[3] - box[1] < _LEAST_SIDE_PX:
            left_out["boxes under a pixel within the picture"] += 1
            continue
        boxes.append(box)
        truth.append(labels.index(annotation.label))
        crowd.append(bool(annotation.attributes.get("iscrowd")))
    return BoxedPicture(
        name=one.file_name,
        file=path,
        digest=digest,
        width=size[0],
        height=size[1],
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        truth=np.array(truth, np.int64),
        crowd=np.array(crowd, np.bool_),
        sample_id=sample_of(one.file_name, several),
        part=_PARTS.get(one.part, ""),
    )


def sample_of(name: str, by_folder: bool) -> str:
    """Return what a picture was taken together with: its folder, or camera and day of its name; empty: not known.

    >>> sample_of("cam1_2024-05-01T12-00-00Z.jpg", False), sample_of("dive3/0007.jpg", True), sample_of("a.jpg", False)
    ('cam1 2024-05-01', 'dive3', '')
    """
    said = from_name(name)
    if said.moment is not None:
        where = said.camera or said.station or _before(name)
        return f"{where} {said.moment.time:%Y-%m-%d}".strip()
    folder = str(PurePosixPath(name).parent)
    return folder if by_folder and folder != "." else ""


def _before(name: str) -> str:
    stem = PurePosixPath(name).stem
    head = stem.split("_")[0]
    return head if head and not head[0].isdigit() and head != stem else ""


def generated_pictures(n: int, seed: int, folder: Path | None = None, **options: Any) -> DetectionImages:
    """Draw pictures with animals (`tidelab.training.synthetic_objects`), to try things with; each day is a sample.

    Parameters
    ----------
    n, seed
        How many, and which.
    folder
        Where they are written; None: a folder of this process, which goes when it ends.
    options
        As in `tidelab.training.synthetic_objects.make_picture`.
    """
    from tidelab.training.synthetic_objects import LABELS, SyntheticPicture, encode, make_pictures

    place = folder or _own_folder()
    place.mkdir(parents=True, exist_ok=True)

    def made() -> Iterator[BoxedPicture]:
        one: SyntheticPicture
        for one in make_pictures(n, seed, **options):
            content = encode(one.pixels)
            (place / one.name).write_bytes(content)
            yield BoxedPicture(
                name=one.name,
                file=place / one.name,
                digest=hashlib.sha256(content).hexdigest(),
                width=one.pixels.shape[1],
                height=one.pixels.shape[0],
                boxes=one.boxes.astype(np.float32),
                truth=np.array([LABELS.index(label) for label in one.labels], np.int64),
                sample_id=sample_of(one.name, False),
            )

    return DetectionImages(tuple(LABELS), tuple(sorted(made(), key=lambda one: one.name)), generated=True)


def _own_folder() -> Path:
    folder = Path(mkdtemp(prefix="tidelab-generated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
