"""CVAT for images, XML 1.1 (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

Classes are in the order of ``<labels>``. Tracks are split into single shapes there, as CVAT does; scores have no place in it.
"""

from typing import Final
from xml.etree import ElementTree

from tidelab.formats.annotations import cvat_shapes
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset
from tidelab.formats.annotations.reading import Reading, size, whole
from tidelab.formats.annotations.source import Source
from tidelab.formats.annotations.xml import Element, children, xml_text

_HEAD_BYTES: Final = 65_536
LOOKED_AT: Final = 20
_PARTS: Final = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_VIDEO_MARK: Final = b"<track"


def files_of(source: Source, at_most: int | None = None) -> list[str]:
    """Return the files that are CVAT XML; `at_most` so many files are looked at (an XML for each picture is not CVAT)."""
    return [
        name
        for name in source.ending_in(".xml")[:at_most]
        if b"<annotations" in source.head(name, _HEAD_BYTES)
    ]


def recognises(source: Source) -> bool:
    """Return whether there is CVAT XML with images."""
    return any(_VIDEO_MARK not in source.read(name) for name in files_of(source, LOOKED_AT))


def labels_of(meta: Element) -> list[str]:
    """Return the classes that ``<meta>`` declares (of a task, a project or a job), in order."""
    for holder in [meta, *meta.children]:
        declared = holder.child("labels")
        if declared is not None:
            # Points of skeletons are labels with a parent: no classes.
            names = [one.text_of("name") for one in declared.children if not one.text_of("parent")]
            return list(dict.fromkeys(name for name in names if name))
    return []


def read(reading: Reading) -> Dataset:
    """Read the XML file, or all of a folder or zip."""
    files = files_of(reading.source)
    if not files:
        raise AnnotationError(f"{reading.source.path} holds no CVAT XML (<annotations> with <image>).")
    images: dict[str, AnnotatedImage] = {}
    labels: list[str] = []
    for file in files:
        for element in children(reading.source.read(file), file, reading):
            if element.tag == "meta":
                labels += [name for name in labels_of(element) if name not in labels]
            elif element.tag == "track":
                raise AnnotationError(f"{file} holds tracks: it is CVAT for video. Read it as cvat-video.")
            elif element.tag == "image":
                image = _image(reading, file, element)
                if image is None:
                    continue
                if image.file_name in images:
                    reading.fault(
                        file,
                        f"line {element.line}",
                        "name",
                        f"{shown(image.file_name)} stands there twice; the first is taken",
                    )
                else:
                    images[image.file_name] = image
    used = sorted({one.label for image in images.values() for one in image.annotations} - set(labels))
    return reading.dataset("cvat-images", images.values(), [*labels, *used])


def _image(reading: Reading, file: str, element: Element) -> AnnotatedImage | None:
    where = f"line {element.line}"
    get = element.attributes
    name = reading.file_name(file, where, get.get("name"))
    if not name:
        return None
    width: int | None = None
    height: int | None = None
    frame: int | None = None
    try:
        width, height = size(get.get("width"), get.get("height"))
        frame = whole(get["id"], "id", 0) if "id" in get else None
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        reading.fault(file, where, field, message)
    found = []
    for one in element.children:
        made = _annotation(reading, file, one, None if width is None or height is None else (width, height))
        if made is not None:
            found.append(made)
    part = _PARTS.get(get.get("subset", "").lower(), "")
    return AnnotatedImage(name, width, height, tuple(found), frame, part)


def _annotation(
    reading: Reading, file: str, element: Element, picture: tuple[int, int] | None
) -> Annotation | None:
    where = f"line {element.line}"
    if element.tag in cvat_shapes.NOT_READ:
        reading.tally.add(f"{{n}} {element.tag}{{s}} are left out: there is no such shape here.")
        return None
    if element.tag not in (*cvat_shapes.SHAPES, "tag"):
        return None
    label = reading.label(file, where, element.attributes.get("label"))
    if not label:
        return None
    try:
        values = {"shape": "tag"} if element.tag == "tag" else cvat_shapes.values(element, picture)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        reading.fault(file, where, field, message)
        return None
    return reading.build(
        file, where, label=label, attributes=cvat_shapes.attributes(element, reading), **values
    )


def write(writing: Writing) -> None:
    """Write one XML file."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    data = writing.dataset
    meta(root, data, "annotation", len(data.images), None)
    frames = [image.frame for image in data.images]
    kept = None not in frames and len(set(frames)) == len(frames)
    for number, image in enumerate(data.images):
        head = {
            "id": str(image.frame if kept else number),
            "name": xml_text(image.file_name),
            **({"subset": image.part} if image.part else {}),
            "width": str(image.width),
            "height": str(image.height),
        }
        element = ElementTree.SubElement(root, "image", head)
        for one in image.annotations:
            cvat_shapes.to_element(element, one, {"label": one.label, "source": cvat_shapes.source_of(one)})
    save(writing, root)


def meta(
    root: ElementTree.Element, data: Dataset, mode: str, frames: int, original: tuple[int, int] | None
) -> None:
    """Append ``<meta>``: the classes with their attributes, and how many frames there are."""
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for tag, text in (("name", "Converted by Tidelab"), ("size", str(frames)), ("mode", mode)):
        ElementTree.SubElement(task, tag).text = text
    for tag, value in (("start_frame", 0), ("stop_frame", max(frames - 1, 0))):
        ElementTree.SubElement(task, tag).text = str(value)
    labels = ElementTree.SubElement(task, "labels")
    names: dict[str, dict[str, None]] = {label: {} for label in data.labels}
    for image in data.images:
        for one in image.annotations:
            names[one.label].update(dict.fromkeys(one.attributes))
    for label in data.labels:
        element = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(element, "name").text = xml_text(label)
        specs = ElementTree.SubElement(element, "attributes")
        for name in names[label]:
            if name not in ("occluded", "z_order", "group_id", "source"):
                spec = ElementTree.SubElement(specs, "attribute")
                for tag, text in (
                    ("name", xml_text(name)),
                    ("mutable", "True"),
                    ("input_type", "text"),
                    ("default_value", ""),
                    ("values", ""),
                ):
                    ElementTree.SubElement(spec, tag).text = text
    if original is not None:
        sides = ElementTree.SubElement(task, "original_size")
        for tag, side in zip(("width", "height"), original, strict=True):
            ElementTree.SubElement(sides, tag).text = str(side)


def save(writing: Writing, root: ElementTree.Element) -> None:
    """Write the document."""
    ElementTree.indent(root)
    writing.path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


FORMAT: Final = Format(
    name="cvat-images",
    title="CVAT for images 1.1",
    definition="https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/",
    shapes=frozenset(("box", "rotated_box", "polygon", "polyline", "point", "ellipse", "mask", "tag")),
    carries=frozenset(("attributes", "negatives", "part", "frame", "order", "size", "names")),
    ending=".xml",
    read=read,
    write=write,
    recognises=recognises,
    needs_size=True,
)
