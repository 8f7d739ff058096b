"""Pascal VOC: one XML a picture (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/index.html).

By the definition, pixels are counted from 1 and both ends belong to the box: ``xmin`` 1 to ``xmax`` 10 are the first ten columns, here 0 to
10. Many programs (LabelImg, CVAT, Roboflow) write continuous coordinates from 0 instead, ``xmin`` 0 to ``xmax`` 10 for the same
box. A file does not say which it means, so there are two formats: ``voc`` is the definition, ``voc-zero-based`` the other. A file of the
first kind cannot hold a coordinate below 1.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from posixpath import dirname, splitext
from typing import Final
from xml.etree import ElementTree

from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Scalar
from tidelab.formats.annotations.reading import Reading, number, size
from tidelab.formats.annotations.source import Source
from tidelab.formats.annotations.xml import Element, children, xml_text

_FLAGS: Final = ("truncated", "difficult", "occluded")
_HEAD_BYTES: Final = 4096


@dataclass
class _File:
    """One XML, gathered."""

    file: str
    root: Element
    parts: list[Element]

    def text(self, tag: str) -> str:
        return next((one.text.strip() for one in self.parts if one.tag == tag), "")

    def child(self, tag: str) -> Element | None:
        return next((one for one in self.parts if one.tag == tag), None)

    def objects(self) -> Iterator[Element]:
        return (one for one in self.parts if one.tag == "object")


def read(reading: Reading, origin: int) -> Dataset:
    """Read one XML, or all of a folder or zip.

    Parameters
    ----------
    reading
        Where from.
    origin
        1: pixels are counted from 1, both ends belong to the box. 0: continuous from 0.
    """
    files = reading.source.ending_in(".xml")
    if not files:
        raise AnnotationError(f"{reading.source.path} holds no .xml file of Pascal VOC.")
    parts = _image_sets(reading)
    images: dict[str, AnnotatedImage] = {}
    below = 0
    for file in files:
        gathered = _gather(reading, file)
        if gathered is None:
            continue
        image, low = _image(reading, gathered, origin, parts)
        below += low
        if image is not None and image.file_name in images:
            reading.fault(
                file, "", "filename", f"{shown(image.file_name)} has another .xml too; the first is taken"
            )
        elif image is not None:
            images[image.file_name] = image
    _tell_origin(reading, origin, below)
    labels = sorted({one.label for image in images.values() for one in image.annotations})
    return reading.dataset("voc" if origin else "voc-zero-based", images.values(), labels)


def recognises(source: Source) -> bool:
    """Return whether the first XML file begins like Pascal VOC."""
    for name in source.ending_in(".xml")[:5]:
        head = source.head(name, _HEAD_BYTES)
        if b"<annotation>" in head or b"<annotation " in head:
            return True
    return False


def _tell_origin(reading: Reading, origin: int, below: int) -> None:
    if origin and below:
        reading.tally.add(
            "{n} coordinate{s} are below 1, which pixels counted from 1 cannot be: the files look zero-based. Read them as voc-zero-based.",
            below,
        )
    if origin:
        reading.tally.add(
            "Pixels were taken as counted from 1, both ends in the box (Pascal VOC's definition). LabelImg, CVAT and Roboflow count from 0: "
            "for their files say voc-zero-based."
        )
    else:
        reading.tally.add(
            "Coordinates were taken as continuous from 0 (LabelImg, CVAT, Roboflow), not from 1 as Pascal VOC defines."
        )


def _gather(reading: Reading, file: str) -> _File | None:
    root: Element | None = None
    parts = []
    for element in children(reading.source.read(file), file, reading, together=True):
        if root is None:
            root = element
        else:
            parts.append(element)
    if root is None or root.tag != "annotation":
        reading.fault(file, "", "", "is no Pascal VOC file: expected <annotation> as the outermost element")
        return None
    return _File(file, root, parts)


def _image(
    reading: Reading, gathered: _File, origin: int, parts: dict[str, str]
) -> tuple[AnnotatedImage | None, int]:
    file = gathered.file
    name = _name(reading, gathered)
    if not name:
        return None, 0
    width: int | None = None
    height: int | None = None
    stated = gathered.child("size")
    if stated is not None:
        try:
            width, height = size(stated.text_of("width"), stated.text_of("height"))
        except ValueError as error:
            reading.fault(file, f"line {stated.line}", "size", error)
    found, below = [], 0
    for element in gathered.objects():
        where = f"line {element.line}"
        try:
            corners = _corners(element, origin)
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            reading.fault(file, where, field, message)
            continue
        below += sum(value < 0 for value in corners) if origin else 0
        label = reading.label(file, where, element.text_of("name"))
        left, top, right, bottom = corners
        one = label and reading.build(
            file, where, label=label, shape="box", points=((left, top), (right, bottom)), attributes=_attributes(reading, element)
        )  # fmt: skip
        if one:
            found.append(one)
    part = parts.get(splitext(file.rsplit("/", 1)[-1])[0], "")
    return AnnotatedImage(name, width, height, tuple(found), None, part), below


def _name(reading: Reading, gathered: _File) -> str:
    file = gathered.file
    written = gathered.text("filename") or f"{splitext(file.rsplit('/', 1)[-1])[0]}.jpg"
    name = reading.file_name(file, "", written)
    folders = dirname(file).split("/") if "/" in file else []
    if "Annotations" in folders:
        folders = folders[folders.index("Annotations") + 1 :]
        if name and "/" not in name and folders:
            return "/".join([*folders, name])
    return name


def _corners(element: Element, origin: int) -> tuple[float, float, float, float]:
    box = element.child("bndbox")
    if box is None:
        raise ValueError("bndbox: there is none")
    left, top, right, bottom = (number(box.text_of(tag), tag) for tag in ("xmin", "ymin", "xmax", "ymax"))
    # From 1, both ends inside: column c covers c - 1 to c.
    return left - origin, top - origin, right, bottom


def _attributes(reading: Reading, element: Element) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {flag: True for flag in _FLAGS if element.text_of(flag) == "1"}
    pose = element.text_of("pose")
    if pose and pose != "Unspecified":
        found["pose"] = pose
    given = element.child("attributes")
    for one in given.children if given is not None else ():
        if one.text_of("name"):
            found[one.text_of("name")] = one.text_of("value")
    for tag, words in (("part", "parts of objects"), ("polygon", "outlines")):
        if element.child(tag) is not None:
            reading.tally.add(
                f"{{n}} object{{s}} have {words} (<{tag}>), which are not part of the definition and are not read."
            )
    return found


def _image_sets(reading: Reading) -> dict[str, str]:
    parts: dict[str, str] = {}
    for name in reading.source.ending_in(".txt"):
        path = PurePosixPath(name)
        if path.parent.name == "Main" and path.stem in ("train", "val", "test"):
            for line in reading.source.text(name).splitlines():
                if line.strip():
                    parts.setdefault(line.split()[0], path.stem)
    return parts


def write(writing: Writing, origin: int) -> None:
    """Write ``Annotations/<picture>.xml``, and ``ImageSets/Main`` where pictures are divided into parts."""
    stems: dict[str, str] = {}
    moved = 0
    for image in writing.dataset.images:
        stem = splitext(image.file_name)[0]
        if stem in stems:
            raise AnnotationError(
                f"{shown(stems[stem])} and {shown(image.file_name)} would have the same .xml. Rename one of them."
            )
        stems[stem] = image.file_name
        file = writing.path / "Annotations" / f"{stem}.xml"
        file.parent.mkdir(parents=True, exist_ok=True)
        tree, changed = _tree(image, origin)
        moved += changed
        ElementTree.indent(tree)
        file.write_bytes(ElementTree.tostring(tree, encoding="utf-8") + b"\n")
    writing.tally.add(
        "{n} coordinate{s} were rounded to whole pixels (by at most 0.5 px, a box keeps at least 1 px): Pascal VOC writes whole numbers.",
        moved,
    )
    _write_sets(writing)


def _write_sets(writing: Writing) -> None:
    sets: dict[str, list[str]] = {}
    for image in writing.dataset.images:
        if image.part:
            sets.setdefault(image.part, []).append(splitext(image.file_name)[0])
    for part, stems in sets.items():
        if any(" " in stem for stem in stems):
            writing.tally.add(
                "Names with blanks stand in ImageSets/Main, where some programs end a name at a blank."
            )
        file = writing.path / "ImageSets" / "Main" / f"{part}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")


def _tree(image: AnnotatedImage, origin: int) -> tuple[ElementTree.Element, int]:
    root = ElementTree.Element("annotation")
    folder, _, base = image.file_name.rpartition("/")
    _add(root, "folder", folder)
    _add(root, "filename", base)
    stated = _add(root, "size")
    for tag, value in (("width", image.width or 0), ("height", image.height or 0), ("depth", 3)):
        _add(stated, tag, str(value))
    _add(root, "segmented", "0")
    moved = 0
    for one in image.annotations:
        element = _add(root, "object")
        _add(element, "name", one.label)
        _add(element, "pose", str(one.attributes.get("pose") or "Unspecified"))
        for flag in _FLAGS:
            _add(element, flag, str(int(bool(one.attributes.get(flag)))))
        box = _add(element, "bndbox")
        corners = _whole(one)
        moved += sum(a != b for a, b in zip(corners, (*one.points[0], *one.points[1]), strict=True))
        shift = (origin, origin, 0, 0)
        for tag, value, add in zip(("xmin", "ymin", "xmax", "ymax"), corners, shift, strict=True):
            _add(box, tag, str(value + add))
        rest = {k: v for k, v in one.attributes.items() if k not in (*_FLAGS, "pose")}
        if rest:
            given = _add(element, "attributes")
            for name, text in rest.items():
                pair = _add(given, "attribute")
                _add(pair, "name", name)
                _add(pair, "value", "" if text is None else str(text))
    return root, moved


def _whole(one: Annotation) -> tuple[int, int, int, int]:
    """Return whole-number corners, halves rounded up; a box keeps at least one pixel."""
    (left, top), (right, bottom) = one.points
    x, y = math.floor(left + 0.5), math.floor(top + 0.5)
    return x, y, max(math.floor(right + 0.5), x + 1), max(math.floor(bottom + 0.5), y + 1)


def _add(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag)
    child.text = xml_text(text)
    return child


FORMAT: Final = Format(
    name="voc",
    title="Pascal VOC",
    definition="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/index.html",
    shapes=frozenset(("box",)),
    carries=frozenset(("attributes", "negatives", "part", "size", "names")),
    ending="",
    read=partial(read, origin=1),
    write=partial(write, origin=1),
    recognises=recognises,
    decimals=None,
    cut=True,
    needs_size=True,
)
ZERO_BASED: Final = replace(
    FORMAT,
    name="voc-zero-based",
    title="Pascal VOC, coordinates from 0",
    read=partial(read, origin=0),
    write=partial(write, origin=0),
    recognises=lambda _: False,
)
