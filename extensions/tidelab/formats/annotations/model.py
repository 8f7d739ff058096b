"""The neutral form of annotations, which every format is read into and written from.

Coordinates are pixels of the decoded picture (EXIF orientation applied), continuous: x to the right, y down, (0, 0) is the upper left
*corner* of the upper left pixel, so that a picture of w x h pixels reaches from 0 to w and from 0 to h, and the pixel in column c covers
c to c + 1. A box that covers whole pixels has whole numbers. Angles are degrees, clockwise as one sees it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from tidelab.formats.annotations.errors import Fault, shown
from tidelab.formats.annotations.rle import Mask

Scalar = str | float | int | bool | None
Point = tuple[float, float]
Ring = tuple[Point, ...]
Shape = Literal["box", "rotated_box", "polygon", "polyline", "point", "circle", "ellipse", "mask", "tag"]
SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)

LIMIT_PX: Final = 1e6
"""No coordinate of a picture is further from its corner."""

MAX_NAME: Final = 1000
PARTS: Final = ("", "train", "val", "test")
_COUNTS: Final[dict[str, tuple[int, int | None]]] = {
    "box": (2, 2), "rotated_box": (4, 4), "polygon": (3, None), "polyline": (2, None), "point": (1, None),
    "circle": (1, 1), "ellipse": (4, 4), "mask": (0, 0), "tag": (0, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Annotation:
    """One thing in a picture, or (a tag) said of the whole picture.

    Parameters
    ----------
    label
        Name of the class.
    shape
        How its place is described, which says what `points` are.
    points
        ``(x, y)`` in pixels. ``box``: upper left and lower right corner. ``rotated_box``: the four corners, clockwise as one sees it, the
        first is the upper left one before the box was turned. ``polygon``: the outline, not closed by a repeated point. ``polyline``: the
        line. ``point``: one or more. ``circle``: the centre. ``ellipse``: the ends of one axis, then the ends of the other. ``mask`` and
        ``tag``: none.
    radius_px
        Of a circle.
    parts
        Of a polygon: outlines of further parts of the same thing.
    mask
        Of a mask: its pixels.
    score
        How sure a model is, 0 to 1; None: a person said it, or the score is not known.
    track_id
        The same number in several frames of a video: the same individual.
    attributes
        What else is known (``occluded``, ``iscrowd``, notes).

    Raises
    ------
    ValueError
        When the points do not fit the shape, or a number is none; the text names field and value.
    """

    label: str
    shape: Shape
    points: Ring = ()
    radius_px: float | None = None
    parts: tuple[Ring, ...] = ()
    mask: Mask | None = None
    score: float | None = None
    track_id: int | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("label", self.label)
        if self.shape not in _COUNTS:
            raise ValueError(f"shape: {shown(self.shape)}, expected one of {', '.join(SHAPES)}")
        least, most = _COUNTS[self.shape]
        for ring in (self.points, *self.parts):
            if len(ring) < least or (most is not None and len(ring) > most):
                raise ValueError(f"points: {len(ring)}, a {self.shape} has {_expected(least, most)}")
            _check_numbers(ring)
        self._check_shape()
        if self.score is not None and not 0 <= self.score <= 1:
            raise ValueError(f"score: {shown(self.score)}, expected 0 to 1")

    def _check_shape(self) -> None:
        if self.parts and self.shape != "polygon":
            raise ValueError(f"parts: a {self.shape} has none")
        if (self.mask is None) == (self.shape == "mask"):
            raise ValueError(f"mask: a {self.shape} has {'one' if self.shape == 'mask' else 'none'}")
        if self.shape == "box":
            (left, top), (right, bottom) = self.points
            if not (left < right and top < bottom):
                raise ValueError(
                    f"box: {right - left:g} x {bottom - top:g} px, expected a width and a height above 0"
                )
        if self.shape == "circle":
            if self.radius_px is None or not 0 < self.radius_px <= LIMIT_PX:
                raise ValueError(f"radius_px: {shown(self.radius_px)}, expected a number above 0")
        elif self.radius_px is not None:
            raise ValueError(f"radius_px: a {self.shape} has none")


@dataclass(frozen=True)
class AnnotatedImage:
    """A picture and what is in it; nothing in it is a statement too (a negative).

    Parameters
    ----------
    file_name
        Path of the picture relative to the folder of pictures, ``/`` between folders. Of a frame of a video that is no file: a name.
    width, height
        Pixels, EXIF orientation applied; None: the format does not say, and the picture was not at hand.
    annotations
        What is in it, in the order of the file.
    frame
        Number of the frame, from 0, where the picture is one of a video or sequence.
    part
        ``train``, ``val`` or ``test``; empty: not divided.
    attributes
        What else is known of the picture.
    """

    file_name: str
    width: int | None = None
    height: int | None = None
    annotations: tuple[Annotation, ...] = ()
    frame: int | None = None
    part: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("file_name", self.file_name)
        if self.part not in PARTS:
            raise ValueError(f"part: {shown(self.part)}, expected train, val, test or nothing")
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height: one is known, the other is not")
        for name, value in (("width", self.width), ("height", self.height)):
            if value is not None and not 1 <= value <= LIMIT_PX:
                raise ValueError(f"{name}: {shown(value)}, expected at least 1 px")

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, or None."""
        return None if self.width is None or self.height is None else (self.width, self.height)


@dataclass(frozen=True)
class Dataset:
    """Annotated pictures.

    Parameters
    ----------
    images
        In the order of the source.
    labels
        The classes. Their order is what numbers them in formats that write numbers: it is the order of the source where that has one
        (by id in COCO, by number in YOLO, as declared in CVAT), else alphabetical.
    about
        Label -> what else the source says of the class (``supercategory``, ``label_hierarchy``, ``aphia_id``).
    notes
        What reading changed or left out, a sentence each, with counts.
    faults
        What was wrong in single places.
    format
        Name of the format it was read from; empty: made by a program.

    Raises
    ------
    ValueError
        When two labels are equal, or an annotation's label is not among them.
    """

    images: tuple[AnnotatedImage, ...]
    labels: tuple[str, ...]
    about: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    format: str = ""

    def __post_init__(self) -> None:
        known = set(self.labels)
        if len(known) < len(self.labels):
            twice = sorted(name for name in known if self.labels.count(name) > 1)
            raise ValueError(f"labels: {', '.join(map(shown, twice))} stand more than once")
        for image in self.images:
            for one in image.annotations:
                if one.label not in known:
                    raise ValueError(
                        f"labels: {shown(one.label)}, in {shown(image.file_name)}, is not declared"
                    )

    def summary(self) -> "Summary":
        """Return what there is, in numbers."""
        return Summary.of(self)


@dataclass(frozen=True)
class Summary:
    """Numbers of a dataset.

    Parameters
    ----------
    images, negatives, without_size
        Pictures; those without any annotation; those whose size is not known.
    annotations, scored, tracks
        Annotations; those with a score; different track numbers.
    per_label, per_shape, per_part
        Annotations of each class (zeros too), of each shape (without zeros), pictures of each part (empty name: not divided).
    """

    images: int
    negatives: int
    without_size: int
    annotations: int
    scored: int
    tracks: int
    per_label: dict[str, int]
    per_shape: dict[str, int]
    per_part: dict[str, int]

    @classmethod
    def of(cls, dataset: Dataset) -> "Summary":
        """Count."""
        every = [one for image in dataset.images for one in image.annotations]
        labels = dict.fromkeys(dataset.labels, 0)
        shapes: dict[str, int] = {}
        parts: dict[str, int] = {}
        for one in every:
            labels[one.label] += 1
            shapes[one.shape] = shapes.get(one.shape, 0) + 1
        for image in dataset.images:
            parts[image.part] = parts.get(image.part, 0) + 1
        return cls(
            images=len(dataset.images),
            negatives=sum(not image.annotations for image in dataset.images),
            without_size=sum(image.size is None for image in dataset.images),
            annotations=len(every),
            scored=sum(one.score is not None for one in every),
            tracks=len({one.track_id for one in every if one.track_id is not None}),
            per_label=labels,
            per_shape=dict(sorted(shapes.items())),
            per_part=dict(sorted(parts.items())),
        )


def check_text(name: str, value: object) -> None:
    """Refuse a name that is empty, too long, or holds what no line of a file can."""
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME:
        raise ValueError(f"{name}: {shown(value)!r}, expected a text of 1 to {MAX_NAME} characters")
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF or char == "\x7f" for char in value):
        raise ValueError(f"{name}: {shown(value)!r} holds control characters")


def _check_numbers(ring: Ring) -> None:
    for x, y in ring:
        if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= LIMIT_PX and abs(y) <= LIMIT_PX):
            raise ValueError(f"points: ({shown(x)}, {shown(y)}), expected finite numbers of pixels")


def _expected(least: int, most: int | None) -> str:
    return str(least) if least == most else f"at least {least}"
