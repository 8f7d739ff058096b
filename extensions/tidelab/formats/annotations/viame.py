"""VIAME CSV (https://viame.readthedocs.io/en/stable/sections/detection_file_conversions.html).

A line is a detection, or one state of a track: track or detection number; picture or time; frame from 0; left, top, right, bottom in
pixels from the upper left corner; confidence; length (-1: none); then class and score by turns, the first being its class; then ``(kp)
name x y``, ``(atr) name value``, ``(trk-atr) name value``, ``(poly) x1 y1 x2 y2 ...``, ``(note) text``. A number that occurs in one frame alone
counts as a detection's, else as a track's.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any, Final

from tidelab.formats.annotations import geometry
from tidelab.formats.annotations.errors import AnnotationError
from tidelab.formats.annotations.format import Format, Writing
from tidelab.formats.annotations.long_cells import next_row
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Ring, Scalar
from tidelab.formats.annotations.reading import Reading, number, pairs, whole
from tidelab.formats.annotations.rings import opened, plain
from tidelab.formats.annotations.source import Source
from tidelab.formats.annotations.tables import guarded, unguarded

_TIME: Final = re.compile(r"\d+:\d\d(:\d\d)?([.:]\d+)?")
_TOKEN: Final = re.compile(r"\((kp|atr|trk-atr|poly|note|\+poly|-poly|hole|mask|[a-z-]+)\)\s*(.*)", re.DOTALL)
_HEADER: Final = (
    "# 1: Detection or Track-id", "2: Video or Image Identifier", "3: Unique Frame Identifier", "4-7: Img-bbox(TL_x", "TL_y", "BR_x",
    "BR_y)", "8: Detection or Length Confidence", "9: Target Length (0 or -1 if invalid)", "10-11+: Repeated Species", "Confidence Pairs or Attributes",
)  # fmt: skip
_COLUMNS: Final = 9
_UNKNOWN: Final = "unknown"
_BOX_TOLERANCE_PX: Final = 1.0
_LONGEST_CELL: Final = 2**24


def read(reading: Reading) -> Dataset:
    """Read the CSV file, or all of a folder or zip."""
    files = _files(reading.source)
    if not files:
        raise AnnotationError(
            f"{reading.source.path} holds no VIAME CSV (lines of at least {_COLUMNS} columns)."
        )
    rows = [row for file in files for row in _rows(reading, file)]
    frames: dict[int, set[str]] = {}
    for name, _, one in rows:
        frames.setdefault(one.track_id or 0, set()).add(name)
    images: dict[str, tuple[int | None, list[Annotation]]] = {}
    single = 0
    for name, frame, one in rows:
        alone = len(frames[one.track_id or 0]) == 1
        single += alone
        images.setdefault(name, (frame, []))[1].append(replace(one, track_id=None) if alone else one)
    reading.tally.add(
        "{n} number{s} occur in one frame alone and were taken as those of detections, not of tracks.", single
    )
    found = [
        AnnotatedImage(name, annotations=tuple(shapes), frame=frame)
        for name, (frame, shapes) in images.items()
    ]
    labels = sorted({one.label for _, _, one in rows})
    return reading.dataset("viame", found, labels)


def recognises(source: Source) -> bool:
    """Return whether a CSV file has lines like VIAME's."""
    return bool(_files(source))


def _files(source: Source) -> list[str]:
    return [
        name
        for name in source.ending_in(".csv")
        if _looks_right(source.head(name, 20_000).decode("utf-8-sig", "replace"))
    ]


def _looks_right(head: str) -> bool:
    if head.lstrip().startswith("#") and "rack-id" in head[:200]:
        return True
    for line in head.splitlines()[:50]:
        cells = line.split(",")
        if line.startswith("#") or not line.strip():
            continue
        try:
            if len(cells) < _COLUMNS:
                return False
            return all(number(cells[k].strip(), "") is not None for k in (0, 2, 3, 4, 5, 6, 7, 8))
        except ValueError:
            return False
    return False


def _rows(reading: Reading, file: str) -> Iterator[tuple[str, int | None, Annotation]]:
    lines = csv.reader(StringIO(reading.source.text(file), newline=""))
    while True:
        try:
            cells = next_row(lines, _LONGEST_CELL)
        except StopIteration:
            return
        except csv.Error as error:
            reading.fault(file, f"line {lines.line_num}", "", f"cannot be parsed ({error})")
            continue
        if not cells or not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        where = f"line {lines.line_num}"
        try:
            name, frame, values = _line(reading, file, where, cells)
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            reading.fault(file, where, field if message else "", message or field)
            continue
        one = reading.build(file, where, **values) if name else None
        if one is not None:
            yield name, frame, one


def _line(
    reading: Reading, file: str, where: str, cells: list[str]
) -> tuple[str, int | None, dict[str, Any]]:
    if len(cells) < _COLUMNS:
        raise ValueError(f"columns: {len(cells)}, expected at least {_COLUMNS}")
    track = whole(cells[0].strip(), "track id")
    frame = whole(cells[2].strip(), "frame", 0)
    box = tuple(
        number(cells[k].strip(), name) for k, name in ((3, "TL_x"), (4, "TL_y"), (5, "BR_x"), (6, "BR_y"))
    )
    confidence = number(cells[7].strip(), "confidence")
    length = number(cells[8].strip() or "-1", "length")
    written = cells[1].strip()
    timed = not written or _TIME.fullmatch(written) is not None
    name = f"frame_{frame:06d}.png" if timed else reading.file_name(file, where, unguarded(written))
    attributes: dict[str, Scalar] = {}
    if length > 0:
        attributes["length"] = length
    label, score, rest = _classes(reading, cells[_COLUMNS:], attributes)
    if not label:
        label, score = _UNKNOWN, confidence
        reading.tally.add(f"{{n}} line{{s}} name no class; it was called {_UNKNOWN}.")
    rings = _tokens(reading, rest, attributes)
    if score is not None and score < 0:
        score = None
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(
            f"box: {box[2] - box[0]:g} x {box[3] - box[1]:g} px, expected a width and a height above 0"
        )
    shape: dict[str, Any] = {"shape": "box", "points": ((box[0], box[1]), (box[2], box[3]))}
    if rings:
        shape = {"shape": "polygon", "points": rings[0], "parts": tuple(rings[1:])}
        xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
        around = (min(xs), min(ys), max(xs), max(ys))
        if max(abs(a - b) for a, b in zip(box, around, strict=True)) > _BOX_TOLERANCE_PX:
            reading.tally.add("{n} box{s} differed by more than 1 px from the outline; the outline is taken.")
    label = reading.label(file, where, unguarded(label))
    values = {"label": label, **shape, "score": score, "track_id": track, "attributes": attributes}
    return (name if label else ""), frame, values


def _classes(
    reading: Reading, cells: list[str], attributes: dict[str, Scalar]
) -> tuple[str, float | None, list[str]]:
    """Return class and score, and the cells that follow; further classes go into `attributes`."""
    found: list[tuple[str, float]] = []
    at = 0
    while at + 1 < len(cells) and not cells[at].lstrip().startswith("("):
        if cells[at].strip():
            found.append((cells[at].strip(), number(cells[at + 1].strip(), "score")))
        at += 2
    found.sort(key=lambda pair: -pair[1])
    if len(found) > 1:
        attributes["other_labels"] = ";".join(f"{name}:{plain(score, 6)}" for name, score in found[1:])
        reading.tally.add(
            "{n} line{s} name several classes; the surest is taken, the others stand in the attribute other_labels."
        )
    return (*found[0], cells[at:]) if found else ("", None, cells[at:])


def _tokens(reading: Reading, cells: list[str], attributes: dict[str, Scalar]) -> list[Ring]:
    rings: list[Ring] = []
    for cell in cells:
        if not cell.strip():
            continue
        match = _TOKEN.fullmatch(cell.strip())
        if match is None:
            reading.tally.add(
                "{n} cell{s} behind the classes are neither a class with its score nor a token in brackets; not read."
            )
            continue
        sign, text = match[1], match[2].strip()
        if sign in ("poly", "+poly"):
            ring = opened(pairs([number(one, "(poly)") for one in text.split()]))
            if len(ring) < 3:
                raise ValueError(f"(poly): {len(ring)} points, expected at least 3")
            rings.append(ring)
        elif sign == "note":
            attributes["note"] = text
        elif sign in ("atr", "trk-atr", "kp"):
            name, _, value = text.partition(" ")
            attributes[name if sign == "atr" else f"({sign}) {name}"] = value.strip()
        else:
            reading.tally.add(f"{{n}} token{{s}} ({sign}) are not read.")
    return rings


def write(writing: Writing) -> None:
    """Write one CSV file."""
    out = StringIO(newline="")
    out.write(",".join(_HEADER) + "\n")
    rows = csv.writer(out, lineterminator="\n")
    images = writing.dataset.images
    stated = [image.frame for image in images if image.frame is not None]
    own = len(stated) == len(images) and len(set(stated)) == len(stated)
    tracks = Counter(
        one.track_id for image in images for one in image.annotations if one.track_id is not None
    )
    free = max(tracks, default=-1) + 1
    for n, image in enumerate(images):
        frame = image.frame if own else n
        for one in image.annotations:
            if one.track_id is None:
                identity, free = free, free + 1
            else:
                identity = one.track_id
                if tracks[identity] == 1:
                    writing.tally.add("{n} track{s} of one frame will be read as detections.")
            rows.writerow(_cells(writing, one, identity, guarded(image.file_name), frame or 0))
    writing.path.write_text(out.getvalue(), encoding="utf-8")


def _cells(writing: Writing, one: Annotation, identity: int, name: str, frame: int) -> list[str]:
    limits = geometry.bounds(one) or (0.0, 0.0, 0.0, 0.0)
    score = 1.0 if one.score is None else one.score
    if one.score is None:
        writing.tally.add("{n} annotation{s} without a score were written with 1: VIAME wants one for each.")
    length = one.attributes.get("length", -1)
    cells = [str(identity), name, str(frame), *(plain(value) for value in limits), plain(score, 6)]
    cells += [
        plain(float(length)) if isinstance(length, int | float) else "-1",
        guarded(one.label),
        plain(score, 6),
    ]
    for key, value in one.attributes.items():
        text = " ".join(str("" if value is None else value).split())
        if key == "length" and isinstance(value, int | float):
            continue
        if key == "note":
            cells.append(f"(note) {text}")
        elif match := re.fullmatch(r"\((kp|trk-atr)\) (\S+)", key):
            cells.append(f"({match[1]}) {match[2]} {text}")
        else:
            cells.append(f"(atr) {'_'.join(key.split())} {text}")
    if one.shape == "polygon":
        for ring in (one.points, *one.parts):
            cells.append("(poly) " + " ".join(plain(value) for point in ring for value in point))
    return cells


FORMAT: Final = Format(
    name="viame",
    title="VIAME CSV",
    definition="https://viame.readthedocs.io/en/stable/sections/detection_file_conversions.html",
    shapes=frozenset(("box", "polygon")),
    carries=frozenset(("parts", "score", "track", "attributes", "frame", "names")),
    ending=".csv",
    read=read,
    write=write,
    recognises=recognises,
)
