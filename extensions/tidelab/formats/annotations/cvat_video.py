"""CVAT for video, XML 1.1: tracks of shapes over frames (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

Read: one picture a frame, every frame of the task (those without anything too), called ``frame_000012.png`` as CVAT calls the frames it
exports; between key frames see `cvat_tracks`. Written: every frame in which a track is seen is a key frame, and ``outside`` ends it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree

from tidelab.formats.annotations import cvat, cvat_shapes, cvat_tracks
from tidelab.formats.annotations.errors import AnnotationError
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset
from tidelab.formats.annotations.reading import MAX_ANNOTATIONS, Reading, size, whole
from tidelab.formats.annotations.source import Source
from tidelab.formats.annotations.xml import Element, children, xml_text

MAX_FRAMES: Final = 1_000_000


@dataclass
class _Task:
    """What ``<meta>`` says, and what the tracks say."""

    labels: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None
    frames: range | None = None
    tracks: list[tuple[int, list[cvat_tracks.Key]]] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)


def recognises(source: Source) -> bool:
    """Return whether there is CVAT XML with tracks."""
    return any(b"<track" in source.read(name) for name in cvat.files_of(source, cvat.LOOKED_AT))


def read(reading: Reading) -> Dataset:
    """Read the XML file of one video."""
    files = cvat.files_of(reading.source)
    if len(files) != 1:
        raise AnnotationError(
            f"{reading.source.path} holds {len(files)} CVAT XML files; CVAT for video is read one video at a time. Choose one file."
        )
    task = _Task()
    for element in children(reading.source.read(files[0]), files[0], reading):
        if element.tag == "meta":
            _take_meta(reading, files[0], element, task)
        elif element.tag == "image":
            raise AnnotationError(f"{files[0]} holds images: read it as cvat-images.")
        elif element.tag == "track":
            _take_track(reading, files[0], element, task)
    frames = _frames(reading, task)
    seen: dict[int, list[Annotation]] = {frame: [] for frame in frames}
    number = 0
    for _, keys in task.tracks:
        for frame, one in cvat_tracks.spread(keys, frames):
            number += 1
            if number > MAX_ANNOTATIONS:
                raise AnnotationError(
                    f"{files[0]} spreads to more than {MAX_ANNOTATIONS} annotations, which is the limit."
                )
            seen[frame].append(one)
    width, height = task.size or (None, None)
    images = (
        AnnotatedImage(f"frame_{frame:06d}.png", width, height, tuple(found), frame)
        for frame, found in seen.items()
    )
    used = sorted({one.label for found in seen.values() for one in found} - set(task.labels))
    return reading.dataset("cvat-video", images, [*task.labels, *used])


def _take_meta(reading: Reading, file: str, element: Element, task: _Task) -> None:
    task.labels = cvat.labels_of(element)
    for holder in (element, *element.children):
        stated = holder.child("original_size")
        try:
            if stated is not None:
                width, height = size(stated.text_of("width"), stated.text_of("height"))
                task.size = None if width is None or height is None else (width, height)
            if holder.child("size") is not None and task.frames is None:
                task.frames = _range(holder)
        except ValueError as error:
            name, _, message = str(error).partition(": ")
            reading.fault(file, f"line {holder.line}", name, message)


def _range(holder: Element) -> range:
    count = whole(holder.text_of("size"), "size", 0)
    start = whole(holder.text_of("start_frame") or "0", "start_frame", 0)
    stop = whole(holder.text_of("stop_frame") or str(start + max(count - 1, 0)), "stop_frame", 0)
    step = 1
    for part in holder.text_of("frame_filter").split(","):
        if part.strip().startswith("step="):
            step = whole(part.strip().removeprefix("step="), "frame_filter", 1)
    frames = range(start, stop + 1, step)
    if len(frames) > MAX_FRAMES:
        raise ValueError(f"size: {len(frames)} frames, expected at most {MAX_FRAMES}")
    return frames


def _take_track(reading: Reading, file: str, element: Element, task: _Task) -> None:
    where = f"line {element.line}"
    label = reading.label(file, where, element.attributes.get("label"))
    try:
        track = whole(element.attributes.get("id"), "id")
        if track in task.numbers:
            raise ValueError(f"id: {track} stands there twice; the first track is taken")
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        reading.fault(file, where, name, message)
        return
    if not label:
        return
    keys: dict[int, cvat_tracks.Key] = {}
    for one in element.children:
        key = _key(reading, file, one, label, track, task.size)
        if key is not None and key.frame in keys:
            reading.fault(
                file,
                f"line {one.line}",
                "frame",
                f"{key.frame} stands in this track twice; the first is taken",
            )
        elif key is not None:
            keys[key.frame] = key
    task.numbers.add(track)
    task.tracks.append((track, [keys[frame] for frame in sorted(keys)]))


def _key(
    reading: Reading, file: str, element: Element, label: str, track: int, picture: tuple[int, int] | None
) -> cvat_tracks.Key | None:
    where = f"line {element.line}"
    if element.tag in cvat_shapes.NOT_READ:
        reading.tally.add(f"{{n}} {element.tag}{{s}} of tracks are left out: there is no such shape here.")
        return None
    if element.tag not in cvat_shapes.SHAPES:
        return None
    try:
        frame = whole(element.attributes.get("frame"), "frame", 0)
        values = cvat_shapes.values(element, picture)
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        reading.fault(file, where, name, message)
        return None
    attributes = cvat_shapes.attributes(element, reading)
    one = reading.build(file, where, label=label, track_id=track, attributes=attributes, **values)
    return None if one is None else cvat_tracks.Key(frame, one, element.attributes.get("outside") == "1")


def _frames(reading: Reading, task: _Task) -> range:
    last = max((key.frame for _, keys in task.tracks for key in keys if not key.outside), default=-1)
    if task.frames is not None and len(task.frames):
        outside = sum(
            key.frame not in task.frames for _, keys in task.tracks for key in keys if not key.outside
        )
        reading.tally.add(
            "{n} shape{s} lie in frames that the task does not have; they are left out.", outside
        )
        return task.frames
    if last >= MAX_FRAMES:
        raise AnnotationError(f"Frame {last} is beyond the limit of {MAX_FRAMES} frames.")
    reading.tally.add("The number of frames is not stated: the last frame with a shape is taken as the end.")
    return range(last + 1)


def write(writing: Writing) -> None:
    """Write one XML file."""
    data = writing.dataset
    sizes = {image.size for image in data.images if image.size is not None}
    if len(sizes) > 1:
        raise AnnotationError(
            f"The pictures have {len(sizes)} different sizes, the frames of a video have one. Write cvat-images instead."
        )
    frames = _numbers(writing)
    total = max(frames, default=-1) + 1
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    cvat.meta(root, data, "interpolation", total, next(iter(sizes), None))
    for number, shapes in _tracks(writing, frames):
        first = shapes[0][1]
        head = {
            "id": str(number),
            "label": xml_text(first.label),
            "source": cvat_shapes.source_of(first),
        }
        track = ElementTree.SubElement(root, "track", head)
        for n, (frame, one) in enumerate(shapes):
            _append(track, frame, one, outside=False)
            after = shapes[n + 1][0] if n + 1 < len(shapes) else total
            if after > frame + 1:
                _append(track, frame + 1, one, outside=True)
    cvat.save(writing, root)


def _append(track: ElementTree.Element, frame: int, one: Annotation, *, outside: bool) -> None:
    hidden = str(int(bool(one.attributes.get("occluded"))))
    head = {"frame": str(frame), "keyframe": "1", "outside": str(int(outside)), "occluded": hidden}
    cvat_shapes.to_element(track, one, head)


def _numbers(writing: Writing) -> list[int]:
    images = writing.dataset.images
    frames = [image.frame for image in images if image.frame is not None]
    if len(frames) == len(images) and len(set(frames)) == len(frames):
        return frames
    writing.tally.add(
        "The pictures have no frame numbers of their own: they are numbered in their order, from 0."
    )
    return list(range(len(images)))


def _tracks(writing: Writing, frames: Iterable[int]) -> Iterator[tuple[int, list[tuple[int, Annotation]]]]:
    """Yield number and shapes of each track: one label and one kind of shape, each frame once."""
    together: dict[tuple[int, str, str], list[tuple[int, Annotation]]] = {}
    single: list[tuple[int, Annotation]] = []
    for frame, image in sorted(zip(frames, writing.dataset.images, strict=True), key=lambda pair: pair[0]):
        for one in image.annotations:
            kind = "box" if one.shape == "rotated_box" else one.shape
            key = None if one.track_id is None else (one.track_id, one.label, kind)
            if key is None or (key in together and together[key][-1][0] == frame):
                single.append((frame, one))
            else:
                together.setdefault(key, []).append((frame, one))
    firsts: dict[int, tuple[int, str, str]] = {}
    for identity in together:
        firsts.setdefault(identity[0], identity)
    free = max(firsts, default=-1) + 1
    for identity, shapes in together.items():
        if firsts[identity[0]] == identity:
            yield identity[0], shapes
            continue
        writing.tally.add(
            "{n} track{s} changed class or kind of shape and were divided: a track of CVAT has one of each."
        )
        yield free, shapes
        free += 1
    writing.tally.add(
        "{n} annotation{s} that belong to no track became tracks of one frame each.", len(single)
    )
    for frame, one in single:
        yield free, [(frame, one)]
        free += 1


FORMAT: Final = Format(
    name="cvat-video",
    title="CVAT for video 1.1",
    definition="https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/",
    shapes=frozenset(("box", "rotated_box", "polygon", "polyline", "point", "ellipse", "mask")),
    carries=frozenset(("track", "attributes", "negatives", "frame", "order", "size")),
    ending=".xml",
    read=read,
    write=write,
    recognises=recognises,
    needs_size=True,
)
