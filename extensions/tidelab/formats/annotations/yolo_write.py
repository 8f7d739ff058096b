"""Write YOLO folders as ultralytics reads them: ``images/<part>``, ``labels/<part>``, ``data.yaml``.

Numbers have 8 digits behind the point: half a millionth of a pixel in a picture of 100 px, 0.00004 px in one of 8,000 px. A picture
without anything has an empty label file. data.yaml has no ``path``, so that ultralytics takes its own folder and the folder may move.
"""

from collections.abc import Callable
from posixpath import splitext
from typing import Final

import yaml

from tidelab.formats.annotations import pictures, yolo_read
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Carried, Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Ring, Shape
from tidelab.formats.annotations.reading import Reading
from tidelab.formats.annotations.rings import plain

_DECIMALS: Final = 8
_PARTS: Final = ("train", "val", "test")
_CARRIES: Final[frozenset[Carried]] = frozenset(("negatives", "part", "order", "names"))


def write(writing: Writing) -> None:
    """Write data.yaml, the label files, and the pictures where a folder of them was given."""
    labels = {name: number for number, name in enumerate(writing.dataset.labels)}
    parts = _parts(writing.dataset.images)
    _check_names(writing.dataset.images, parts)
    lost = 0
    for image, part in zip(writing.dataset.images, parts, strict=True):
        file = writing.path / "labels" / part / f"{splitext(image.file_name)[0]}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        single = [one for one in image.annotations if not one.attributes.get("iscrowd")]
        writing.tally.add(
            "Crowds (iscrowd) are left out: {n}. YOLO knows single things alone.",
            len(image.annotations) - len(single),
        )
        lines = [f"{labels[one.label]} {_line(one, image)}\n" for one in single]
        file.write_text("".join(lines), encoding="utf-8")
        target = writing.path / "images" / part / image.file_name
        if not pictures.place(writing, image.file_name, target):
            lost += 1
            target.parent.mkdir(parents=True, exist_ok=True)
    if writing.pictures is None or writing.mode == "none":
        writing.tally.add(
            "The pictures are not in the folder: put them into images/<part>, or convert with --images."
        )
    else:
        pictures.missing(writing, lost)
    _declare(writing, sorted(set(parts), key=_PARTS.index))


def _declare(writing: Writing, parts: list[str]) -> None:
    content: dict[str, object] = {part: f"images/{part}" for part in parts}
    if "train" not in parts:
        content["train"] = f"images/{parts[0]}" if parts else "images/train"
    if "val" not in parts:
        # ultralytics refuses a data.yaml without val.
        content["val"] = content["train"]
        writing.tally.add(
            "There is no part val: data.yaml names the training pictures there. Divide them before you train."
        )
    ordered: dict[str, object] = {key: content[key] for key in _PARTS if key in content}
    ordered["names"] = dict(enumerate(writing.dataset.labels))
    text = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=10_000)
    header = "# Places are relative to this file. Written by Tidelab.\n"
    (writing.path / "data.yaml").write_text(header + text, encoding="utf-8")


def _parts(images: tuple[AnnotatedImage, ...]) -> list[str]:
    return [image.part if image.part in _PARTS else "train" for image in images]


def _check_names(images: tuple[AnnotatedImage, ...], parts: list[str]) -> None:
    seen: dict[str, str] = {}
    for image, part in zip(images, parts, strict=True):
        stem = f"{part}/{splitext(image.file_name)[0]}"
        if stem in seen:
            raise AnnotationError(
                f"{shown(seen[stem])} and {shown(image.file_name)} would have the same label file: YOLO knows a picture by its name "
                "without the ending. Rename one of them."
            )
        seen[stem] = image.file_name


def _line(one: Annotation, image: AnnotatedImage) -> str:
    width, height = image.size or (1, 1)
    if one.shape == "box":
        (left, top), (right, bottom) = one.points
        shares: Ring = (
            ((left + right) / 2 / width, (top + bottom) / 2 / height),
            ((right - left) / width, (bottom - top) / height),
        )
    else:
        shares = tuple((x / width, y / height) for x, y in one.points)
    return " ".join(plain(value, _DECIMALS) for pair in shares for value in pair)


def _format(
    task: str, title: str, shape: Shape, read: Callable[[Reading], Dataset], name: str | None = None
) -> Format:
    return Format(
        name=name or f"yolo-{task}",
        title=title,
        definition=f"https://docs.ultralytics.com/datasets/{task}/",
        shapes=frozenset((shape,)),
        carries=_CARRIES,
        ending="",
        read=read,
        write=write,
        recognises=yolo_read.recognises if name == "yolo" else lambda _: False,
        decimals=None,
        cut=True,
        needs_size=True,
    )


YOLO: Final = _format("detect", "YOLO", "box", yolo_read.read_auto, "yolo")
DETECT: Final = _format("detect", "YOLO detect", "box", yolo_read.read_detect)
SEGMENT: Final = _format("segment", "YOLO segment", "polygon", yolo_read.read_segment)
OBB: Final = _format("obb", "YOLO oriented boxes", "rotated_box", yolo_read.read_obb)
