"""BIIGLE's CSV report of image annotations (https://biigle.de/manual/tutorials/reports/reports-schema#annotation-csv-report).

A line is one label of one annotation. ``points`` is a JSON list of x and y by turns, pixels from the upper left corner: of a circle the third
number is its radius; a rectangle has its four corners and may be turned; an ellipse has the ends of one axis and then of the other; the
last point of a polygon repeats the first. ``attributes`` are those of the picture, its size among them. BIIGLE takes ``WholeFrame``
for videos alone; here it stands for what is said of a whole picture.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any, Final

from tidelab.formats.annotations import geometry
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.long_cells import next_row
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Ring, Scalar, Shape
from tidelab.formats.annotations.reading import Reading, number, pairs, size
from tidelab.formats.annotations.rings import opened
from tidelab.formats.annotations.source import Source
from tidelab.formats.annotations.tables import guarded, unguarded

COLUMNS: Final = (
    "annotation_label_id", "label_id", "label_name", "label_hierarchy", "user_id", "firstname", "lastname", "image_id", "filename",
    "image_longitude", "image_latitude", "shape_id", "shape_name", "points", "attributes", "annotation_id", "created_at",
)  # fmt: skip
_NEEDED: Final = ("label_name", "filename", "shape_name", "points")
# Names and numbers of BIIGLE's shapes.
_SHAPES: Final[Mapping[str, Shape]] = {
    "point": "point", "linestring": "polyline", "polygon": "polygon", "circle": "circle", "rectangle": "rotated_box", "ellipse": "ellipse",
    "wholeframe": "tag",
}  # fmt: skip
_WRITTEN: Final[Mapping[Shape, tuple[int, str]]] = {
    "point": (1, "Point"), "polyline": (2, "LineString"), "polygon": (3, "Polygon"), "circle": (4, "Circle"), "box": (5, "Rectangle"),
    "rotated_box": (5, "Rectangle"), "ellipse": (6, "Ellipse"), "tag": (7, "WholeFrame"),
}  # fmt: skip
_UPRIGHT_PX: Final = 0.02
_LONGEST_CELL: Final = 2**26
_KEPT: Final = ("created_at", "user_id", "firstname", "lastname")


def read(reading: Reading) -> Dataset:
    """Read the CSV file, or all of a folder or zip (one a volume or label tree)."""
    files = [
        name for name in reading.source.ending_in(".csv") if "label_name" in _header(reading.source, name)
    ]
    if not files:
        raise AnnotationError(
            f"{reading.source.path} holds no BIIGLE report (.csv with {', '.join(_NEEDED)})."
        )
    heads: dict[str, dict[str, Any]] = {}
    shapes: dict[str, list[Annotation]] = {}
    about: dict[str, dict[str, Scalar]] = {}
    seen: set[str] = set()
    for file in files:
        for where, row in _rows(reading, file):
            name, one = _annotation(reading, file, where, row)
            if not name:
                continue
            heads.setdefault(name, _head(reading, file, where, row))
            shapes.setdefault(name, [])
            if one is None:
                continue
            shapes[name].append(one)
            about.setdefault(one.label, _about(row))
            identity = row.get("annotation_id") or ""
            if identity and identity in seen:
                reading.tally.add(
                    "{n} line{s} give a further label to an annotation; each became an annotation of its own."
                )
            seen.add(identity)
    images = [AnnotatedImage(name, annotations=tuple(shapes[name]), **head) for name, head in heads.items()]
    return reading.dataset("biigle", images, sorted(about), {k: v for k, v in about.items() if v})


def recognises(source: Source) -> bool:
    """Return whether a CSV file has BIIGLE's columns."""
    return any(
        {"label_name", "shape_name", "points"} <= _header(source, name) for name in source.ending_in(".csv")
    )


def _header(source: Source, name: str) -> set[str]:
    head = source.head(name, 20_000).decode("utf-8-sig", "replace").splitlines()
    return {cell.strip().strip('"') for cell in head[0].split(",")} if head else set()


def _rows(reading: Reading, file: str) -> Iterator[tuple[str, dict[str, str]]]:
    lines = csv.reader(StringIO(reading.source.text(file), newline=""))
    header = [cell.strip() for cell in next(lines, [])]
    if "video_filename" in header or "frames" in header:
        raise AnnotationError(
            f"{file} is BIIGLE's report of video annotations, which is not read here; export image annotations."
        )
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise AnnotationError(
            f"{file} lacks the columns {', '.join(missing)}. Choose BIIGLE's CSV report of image annotations."
        )
    while True:
        try:
            cells = next_row(lines, _LONGEST_CELL)
        except StopIteration:
            return
        except csv.Error as error:
            reading.fault(file, f"line {lines.line_num}", "", f"cannot be parsed ({error})")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        where = f"line {lines.line_num}"
        if len(cells) != len(header):
            reading.fault(
                file, where, "columns", f"{len(cells)}, expected {len(header)} as in the first line"
            )
            continue
        yield where, dict(zip(header, cells, strict=True))


def _annotation(
    reading: Reading, file: str, where: str, row: Mapping[str, str]
) -> tuple[str, Annotation | None]:
    name = reading.file_name(file, where, unguarded(row["filename"]))
    label = reading.label(file, where, unguarded(row["label_name"].strip()))
    if not name or not label:
        return "", None
    try:
        values = _values(row)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        reading.fault(file, where, field, message)
        return name, None
    attributes: dict[str, Scalar] = {key: unguarded(row[key]) for key in _KEPT if row.get(key)}
    return name, reading.build(file, where, label=label, attributes=attributes, **values)


def _values(row: Mapping[str, str]) -> dict[str, Any]:
    shape = _SHAPES.get("".join(row["shape_name"].lower().split()))
    if shape is None:
        raise ValueError(
            f"shape_name: {shown(row['shape_name'])}, expected one of {', '.join(name for _, name in _WRITTEN.values())}"
        )
    if shape == "tag":
        return {"shape": "tag"}
    try:
        given = json.loads(row["points"])
    except (ValueError, RecursionError):
        raise ValueError(f"points: {shown(row['points'])}, expected a JSON list of numbers") from None
    if not isinstance(given, list):
        raise ValueError(f"points: {shown(row['points'])}, expected a JSON list of numbers")
    numbers = [number(one, "points") for one in given]
    if shape == "circle":
        if len(numbers) != 3:
            raise ValueError(f"points: {len(numbers)} numbers, a circle has x, y and radius")
        return {"shape": "circle", "points": ((numbers[0], numbers[1]),), "radius_px": numbers[2]}
    points = pairs(numbers)
    if shape == "polygon":
        return {"shape": "polygon", "points": opened(points)}
    if shape == "rotated_box":
        return _rectangle(points)
    if shape == "ellipse" and len(points) == 4 and (points[0] == points[1] or points[2] == points[3]):
        raise ValueError("points: an axis of the ellipse has no length")
    return {"shape": shape, "points": points}


def _rectangle(points: Ring) -> dict[str, Any]:
    if len(points) != 4:
        raise ValueError(f"points: {2 * len(points)} numbers, a rectangle has 4 corners")
    corners, upright = geometry.rectangle(points, _UPRIGHT_PX)
    if not upright:
        return {"shape": "rotated_box", "points": corners}
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return {"shape": "box", "points": ((min(xs), min(ys)), (max(xs), max(ys)))}


def _head(reading: Reading, file: str, where: str, row: Mapping[str, str]) -> dict[str, Any]:
    attributes: dict[str, Scalar] = {
        key: row[f"image_{key}"] for key in ("longitude", "latitude") if row.get(f"image_{key}")
    }
    text = row.get("attributes") or "{}"
    try:
        given = json.loads(text)
        width, height = (
            size(given.get("width"), given.get("height")) if isinstance(given, dict) else (None, None)
        )
    except (ValueError, RecursionError):
        reading.fault(
            file,
            where,
            "attributes",
            f"{shown(text)}, expected a JSON object with the picture's width and height",
        )
        width, height = None, None
    return {"width": width, "height": height, "attributes": attributes}


def _about(row: Mapping[str, str]) -> dict[str, Scalar]:
    return {key: unguarded(row[key]) for key in ("label_id", "label_hierarchy") if row.get(key)}


def write(writing: Writing) -> None:
    """Write one CSV file."""
    out = StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    rows.writerow(COLUMNS)
    data = writing.dataset
    numbers = {label: n for n, label in enumerate(data.labels, start=1)}
    count = 0
    for image_id, image in enumerate(data.images, start=1):
        sides = {} if image.size is None else {"width": image.width, "height": image.height}
        for one in image.annotations:
            count += 1
            about = data.about.get(one.label, {})
            if one.shape == "tag":
                writing.tally.add(
                    "{n} tag{s} of whole pictures are written as WholeFrame, which BIIGLE itself takes for videos alone."
                )
            shape_id, shape = _WRITTEN[one.shape]
            rows.writerow([
                count, about.get("label_id") or numbers[one.label], guarded(one.label), guarded(str(about.get("label_hierarchy") or one.label)),
                *(guarded(str(one.attributes.get(key) or "")) for key in ("user_id", "firstname", "lastname")),
                image_id, guarded(image.file_name), image.attributes.get("longitude") or "", image.attributes.get("latitude") or "",
                shape_id, shape, _points(one), json.dumps(sides), count, one.attributes.get("created_at") or "",
            ])  # fmt: skip
    lost = sum(
        key not in _KEPT for image in data.images for one in image.annotations for key in one.attributes
    )
    writing.tally.add(
        "{n} attribute{s} of annotations are lost: BIIGLE's report has columns for who and when alone.", lost
    )
    writing.path.write_text(out.getvalue(), encoding="utf-8")


def _points(one: Annotation) -> str:
    if one.radius_px is not None:
        return json.dumps([*(round(v, 2) for v in one.points[0]), round(one.radius_px, 2)])
    ring = geometry.box_corners(one) if one.shape == "box" else one.points
    if one.shape == "polygon":
        ring = (*ring, ring[0])
    return json.dumps([round(value, 2) for point in ring for value in point])


FORMAT: Final = Format(
    name="biigle",
    title="BIIGLE CSV",
    definition="https://biigle.de/manual/tutorials/reports/reports-schema",
    shapes=frozenset(("box", "rotated_box", "polygon", "polyline", "point", "circle", "ellipse", "tag")),
    carries=frozenset(("size", "names")),
    ending=".csv",
    read=read,
    write=write,
    recognises=recognises,
)
