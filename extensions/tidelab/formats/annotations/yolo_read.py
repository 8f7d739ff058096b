"""Read YOLO label files of ultralytics: detect, segment and oriented boxes.

A line is ``class`` and numbers from 0 to 1, shares of the picture's width and height: ``x y w h`` (centre and sides), ``x1 y1 x2 y2 x3 y3
x4 y4`` (oriented box) or ``x1 y1 x2 y2 ...`` (outline); predictions have their score at the end (``save_conf``). Nothing in a line says
which of them it is: lines of 4 numbers are boxes, all others outlines, unless every one of these has 8 numbers that are a rectangle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, splitext
from typing import Any, Final, Literal

from tidelab.formats.annotations import geometry, yolo_places
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Point, Ring
from tidelab.formats.annotations.reading import Reading, number, pairs, whole
from tidelab.formats.annotations.source import Source

Task = Literal["detect", "segment", "obb"]
MAX_CLASS: Final = 100_000
_BEYOND: Final = 0.01
"""How far beyond 0 and 1 ultralytics itself lets coordinates go."""
_MAX_LINES: Final = 1_000_000
_OBB_TOLERANCE_PX: Final = 1.5


@dataclass(frozen=True)
class _Line:
    file: str
    number: int
    label: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class _Picture:
    name: str
    part: str
    size: tuple[int, int]
    lines: tuple[_Line, ...]


def read_auto(reading: Reading) -> Dataset:
    """Read label files; what they hold is found out."""
    return _read(reading, None)


def read_detect(reading: Reading) -> Dataset:
    """Read label files of boxes."""
    return _read(reading, "detect")


def read_segment(reading: Reading) -> Dataset:
    """Read label files of outlines."""
    return _read(reading, "segment")


def read_obb(reading: Reading) -> Dataset:
    """Read label files of oriented boxes."""
    return _read(reading, "obb")


def recognises(source: Source) -> bool:
    """Return whether there is a data.yaml, or pictures and a folder ``labels``."""
    if source.is_file:
        return False
    if source.chosen or yolo_places.yaml_of(source):
        return True
    return any("labels" in name.split("/")[:-1] for name in source.ending_in(".txt"))


def _read(reading: Reading, task: Task | None) -> Dataset:
    if reading.source.is_file:
        raise AnnotationError(
            f"{reading.source.path} is one file: give the folder of the data set, its zip, or its data.yaml."
        )
    places = yolo_places.find(reading)
    pictures = list(_pictures(reading, places))
    task = task or _task_of(reading, pictures)
    numbers = [line.label for picture in pictures for line in picture.lines]
    labels = list(places.labels)
    if not labels and numbers:
        labels = [f"class {n}" for n in range(max(numbers) + 1)]
        reading.tally.add(
            "The names of the classes are nowhere (no data.yaml, no classes.txt): they are called by number."
        )
    images = [_image(reading, picture, labels, task) for picture in pictures]
    return reading.dataset(f"yolo-{task}", images, labels)


def _pictures(reading: Reading, places: yolo_places.Places) -> Iterator[_Picture]:
    source = reading.source
    texts = {
        name
        for name in source.ending_in(".txt")
        if basename(name).lower() not in ("classes.txt", "readme.txt")
    }
    # One picture for each place in the list; then label files whose picture no list names.
    wanted = {
        name: (part, short, yolo_places.label_file(name)) for name, (part, short) in places.pictures.items()
    }
    used = {label for _, _, label in wanted.values()}
    stems: dict[str, list[str]] = {}
    for name in source.pictures.names:
        stems.setdefault(splitext(basename(name))[0], []).append(name)
    for label in sorted(texts - used):
        if "labels" not in label.split("/")[:-1] and not source.given:
            continue
        found = stems.get(splitext(basename(label))[0], [])
        if len(found) == 1 and found[0] not in wanted:
            wanted[found[0]] = (yolo_places.part_of(label), yolo_places.below(found[0]), label)
        elif len(found) != 1:
            said = "no picture has" if not found else f"{len(found)} pictures have"
            reading.fault(label, "", "", f"{said} this name; sizes are needed, so it is not read")
    short_names = [short for _, short, _ in wanted.values()]
    twice = len(set(short_names)) < len(short_names)
    for name, (part, short, label) in wanted.items():
        size = source.pictures.size(name)
        lines = tuple(_lines(reading, label)) if label in source.names else ()
        if size is None:
            reading.fault(
                name,
                "",
                "",
                "the picture is not there or cannot be opened, and its size is needed; name the folder with --images",
            )
            continue
        yield _Picture(name if twice else short, part, size, lines)


def _lines(reading: Reading, file: str) -> Iterator[_Line]:
    seen: set[str] = set()
    for n, text in enumerate(reading.source.text(file).splitlines(), start=1):
        fields = text.split()
        if not fields:
            continue
        if n > _MAX_LINES:
            reading.fault(file, f"line {n}", "", f"more than {_MAX_LINES} lines; the rest is not read")
            return
        try:
            label = whole(fields[0], "class", 0)
            if label > MAX_CLASS:
                raise ValueError(f"class: {label}, expected at most {MAX_CLASS}")
            values = tuple(number(one, "coordinates") for one in fields[1:])
            if len(values) < 4:
                raise ValueError(f"coordinates: {len(values)}, expected at least 4 numbers")
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            reading.fault(file, f"line {n}", field, message)
            continue
        if text in seen:
            reading.tally.add(
                "{n} line{s} of label files repeat another one of the same file; they are kept."
            )
        seen.add(text)
        yield _Line(file, n, label, values)


def _task_of(reading: Reading, pictures: list[_Picture]) -> Task:
    longer = [(line, picture.size) for picture in pictures for line in picture.lines if len(line.values) > 5]
    if not longer:
        return "detect"
    if all(len(line.values) in (8, 9) and _is_rectangle(line, size) for line, size in longer):
        reading.tally.add(
            "All outlines have 4 corners and right angles, so they were read as oriented boxes; say yolo-segment where they are not."
        )
        return "obb"
    return "segment"


def _is_rectangle(line: _Line, size: tuple[int, int]) -> bool:
    return geometry.is_rectangle(_scaled(line.values[:8], size), _OBB_TOLERANCE_PX)


def _image(reading: Reading, picture: _Picture, labels: list[str], task: Task) -> AnnotatedImage:
    found: list[Annotation] = []
    for line in picture.lines:
        where = f"line {line.number}"
        try:
            if line.label >= len(labels):
                raise ValueError(f"class: {line.label}, but {len(labels)} classes are named")
            values = _values(reading, line, picture.size, task)
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            reading.fault(line.file, where, field if message else "", message or field)
            continue
        one = reading.build(line.file, where, label=labels[line.label], **values)
        if one is not None:
            found.append(one)
    width, height = picture.size
    return AnnotatedImage(picture.name, width, height, tuple(found), None, picture.part)


def _values(reading: Reading, line: _Line, size: tuple[int, int], task: Task) -> dict[str, Any]:
    values, count = line.values, len(line.values)
    score: float | None = None
    track: int | None = None
    if count == 4 or (task == "detect" and count in (5, 6)):
        # Boxes may stand among outlines; predictions end in a score, those of tracks in a score and a number.
        coordinates, rest = values[:4], values[4:]
    elif task == "detect":
        raise ValueError(f"coordinates: {count} numbers, expected 4 (x y w h), a score, a track")
    elif task == "obb":
        if count not in (8, 9):
            raise ValueError(f"coordinates: {count} numbers, expected 8 (four corners) and perhaps a score")
        coordinates, rest = values[:8], values[8:]
    else:
        coordinates, rest = (values[:-1], values[-1:]) if count % 2 else (values, ())
        if len(coordinates) < 6:
            raise ValueError(f"coordinates: {count} numbers, expected x and y of at least 3 points")
    if rest:
        score = rest[0]
    if len(rest) > 1:
        track = whole(rest[1], "track", 0)
    # Corners of an outline may lie outside of the picture, the middle and the sides of a box may not.
    beyond = _BEYOND if len(coordinates) == 4 else 1.0
    out = [value for value in coordinates if not -beyond <= value <= 1 + beyond]
    if out:
        raise ValueError(f"coordinates: {shown(out[0])}, expected shares of the picture from 0 to 1")
    common = {"score": score, "track_id": track}
    if len(coordinates) == 4:
        return {**_box(coordinates, size), **common}
    points = _scaled(coordinates, size)
    if task == "obb":
        return {"shape": "rotated_box", "points": geometry.rectangle(points, 0)[0], **common}
    return {
        "shape": "polygon",
        "points": points[:-1] if points[0] == points[-1] and len(points) > 3 else points,
        **common,
    }


def _box(values: tuple[float, ...], size: tuple[int, int]) -> dict[str, Any]:
    x, y, w, h = values
    width, height = size
    if not (w > 0 and h > 0):
        raise ValueError(f"coordinates: a box of {w:g} x {h:g}, expected a width and a height above 0")
    corners = _px((x - w / 2) * width, (y - h / 2) * height), _px((x + w / 2) * width, (y + h / 2) * height)
    return {"shape": "box", "points": corners}


def _scaled(values: tuple[float, ...], size: tuple[int, int]) -> Ring:
    return tuple(_px(x * size[0], y * size[1]) for x, y in pairs(list(values)))


def _px(x: float, y: float) -> Point:
    # Shares of a picture seldom give whole pixels back: what is beyond a millionth of one is noise of the division.
    return round(x, 6) + 0.0, round(y, 6) + 0.0
