"""Make annotations fit a format: shapes it knows, pictures it allows. What that changes is counted and told."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from tidelab.formats.annotations import geometry
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Ring, Shape

_NAMES: Final[Mapping[str, str]] = {
    "box": "boxes", "rotated_box": "rotated boxes", "polygon": "polygons", "polyline": "lines", "point": "points",
    "circle": "circles", "ellipse": "ellipses", "mask": "masks", "tag": "tags of whole pictures",
}  # fmt: skip

_LOSES: Final[Mapping[tuple[str, str], str]] = {
    ("circle", "polygon"): f"{geometry.CIRCLE_CORNERS} corners, area 0.16 % smaller",
    ("ellipse", "polygon"): f"{geometry.CIRCLE_CORNERS} corners, area 0.16 % smaller",
    ("mask", "polygon"): "outlines along the edges of the pixels, holes filled",
    ("rotated_box", "polygon"): "their four corners",
    ("box", "polygon"): "their four corners",
    ("box", "rotated_box"): "angle 0",
    ("circle", "ellipse"): "equal axes",
}

# What a shape is written as where the format does not know it: the first that it knows.
_CHAINS: Final[Mapping[Shape, tuple[Shape, ...]]] = {
    "box": ("rotated_box", "polygon"),
    "rotated_box": ("polygon", "box"),
    "polygon": ("rotated_box", "box"),
    "circle": ("ellipse", "polygon", "box", "rotated_box"),
    "ellipse": ("polygon", "rotated_box", "box"),
    "mask": ("polygon", "rotated_box", "box"),
    "polyline": (),
    "point": (),
    "tag": (),
}


class Tally:
    """Counts what happened, and tells each kind of it once.

    A kind is a sentence with ``{n}`` for the number and ``{s}`` for the plural s.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, sentence: str, number: int = 1) -> None:
        """Count `number` more of a kind."""
        if number:
            self._counts[sentence] += number

    def notes(self) -> tuple[str, ...]:
        """Return the sentences with their numbers, in the order of their first happening."""
        return tuple(
            sentence.replace("{n}", str(count)).replace("{s}", "" if count == 1 else "s")
            for sentence, count in self._counts.items()
        )


def fitted(annotation: Annotation, shapes: frozenset[Shape], tally: Tally, title: str) -> Annotation | None:
    """Return an annotation in a shape that a format knows; None: there is none, which is counted.

    Parameters
    ----------
    annotation
        What is to be written.
    shapes
        The shapes the format knows.
    tally
        Where changes are counted.
    title
        Name of the format, for the sentences.
    """
    if annotation.shape in shapes:
        return annotation
    for shape in _CHAINS[annotation.shape]:
        if shape in shapes:
            changed = _CONVERT[shape](annotation)
            if changed is None:
                tally.add(f"{_title(annotation.shape)} that cover no area are left out: {{n}}.")
                return None
            detail = _LOSES.get((annotation.shape, shape), "their smallest rectangle, the outline is lost")
            if shape == "box":
                detail = "the upright box around them, outline and rotation are lost"
            tally.add(
                f"{_title(annotation.shape)} became {_NAMES[shape]} ({detail}): {{n}}. {title} has no {_NAMES[annotation.shape]}."
            )
            return changed
    tally.add(f"{_title(annotation.shape)} are left out: {{n}}. {title} has no {_NAMES[annotation.shape]}.")
    return None


def _title(shape: Shape) -> str:
    return _NAMES[shape].capitalize()


def one_ring(annotation: Annotation, tally: Tally, title: str) -> Annotation:
    """Return a polygon of several parts as one outline around all of them."""
    if not annotation.parts:
        return annotation
    tally.add(
        f"{{n}} polygon{{s}} of several parts became one outline each, joined by lines without area: {title} knows one outline a thing."
    )
    return replace(annotation, points=geometry.joined((annotation.points, *annotation.parts)), parts=())


def inside(annotation: Annotation, image: AnnotatedImage, tally: Tally, title: str) -> Annotation | None:
    """Return what of a box, rotated box or polygon lies in the picture; None: nothing does, which is counted.

    A rotated box whose corners reach out a little stays as it is, for cut corners are no rectangle; what its surrounding box has in the
    picture is what ultralytics looks at.
    """
    limits = geometry.bounds(annotation)
    if image.size is None or limits is None:
        return annotation
    width, height = image.size
    left, top, right, bottom = limits
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return annotation
    if annotation.shape == "rotated_box" and _middle_inside(limits, width, height):
        return annotation
    cut = _cut(
        annotation, (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)), width, height
    )
    if cut is None:
        tally.add(f"{{n}} annotation{{s}} lay outside of the picture and are left out: {title} refuses them.")
        return None
    tally.add(
        f"{{n}} annotation{{s}} reached over the edge of the picture and were cut there: {title} refuses others."
    )
    return cut


def _cut(annotation: Annotation, limits: geometry.Bounds, width: int, height: int) -> Annotation | None:
    left, top, right, bottom = limits
    if not (left < right and top < bottom):
        return None
    if annotation.shape == "box":
        return replace(annotation, points=((left, top), (right, bottom)))
    ring = geometry.clipped(annotation.points, width, height)
    if len(ring) < 3:
        return None
    if annotation.shape == "polygon":
        return replace(annotation, points=ring)
    turned = replace(annotation, points=geometry.smallest_rectangle(ring))
    around = geometry.bounds(turned)
    return turned if around is not None and _middle_inside(around, width, height) else None


def _middle_inside(limits: geometry.Bounds, width: int, height: int) -> bool:
    left, top, right, bottom = limits
    x, y = (left + right) / 2, (top + bottom) / 2
    return 0 <= x <= width and 0 <= y <= height and right - left <= width and bottom - top <= height


def _to_box(annotation: Annotation) -> Annotation | None:
    limits = geometry.bounds(annotation)
    if limits is None or not (limits[0] < limits[2] and limits[1] < limits[3]):
        return None
    return _as(annotation, "box", ((limits[0], limits[1]), (limits[2], limits[3])))


def _to_polygon(annotation: Annotation) -> Annotation | None:
    if annotation.shape == "box":
        return _as(annotation, "polygon", geometry.box_corners(annotation))
    if annotation.shape in ("circle", "ellipse"):
        return _as(annotation, "polygon", geometry.round_outline(annotation))
    if annotation.mask is not None:
        rings = geometry.mask_outlines(annotation.mask)
        return replace(_as(annotation, "polygon", rings[0]), parts=tuple(rings[1:])) if rings else None
    return _as(annotation, "polygon", annotation.points)


def _to_rotated(annotation: Annotation) -> Annotation | None:
    if annotation.shape == "box":
        return _as(annotation, "rotated_box", geometry.box_corners(annotation))
    if annotation.shape == "ellipse":
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = annotation.points
        half = (dx - cx) / 2, (dy - cy) / 2
        corners: Ring = (
            (ax - half[0], ay - half[1]), (bx - half[0], by - half[1]),
            (bx + half[0], by + half[1]), (ax + half[0], ay + half[1]),
        )  # fmt: skip
        return _as(annotation, "rotated_box", corners)
    outline = _to_polygon(annotation)
    if outline is None:
        return None
    corners = geometry.smallest_rectangle(tuple(p for ring in (outline.points, *outline.parts) for p in ring))
    return _as(annotation, "rotated_box", corners)


def _to_ellipse(annotation: Annotation) -> Annotation | None:
    if annotation.radius_px is None:
        return None
    (x, y), radius = annotation.points[0], annotation.radius_px
    return _as(annotation, "ellipse", ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)))


def _as(annotation: Annotation, shape: Shape, points: tuple[tuple[float, float], ...]) -> Annotation:
    return replace(annotation, shape=shape, points=points, radius_px=None, parts=(), mask=None)


_CONVERT: Final[Mapping[Shape, Callable[[Annotation], Annotation | None]]] = {
    "box": _to_box,
    "polygon": _to_polygon,
    "rotated_box": _to_rotated,
    "ellipse": _to_ellipse,
}


def rounded(annotation: Annotation, decimals: int | None, tally: Tally) -> Annotation | None:
    """Return an annotation whose coordinates have so many digits; None: it is smaller than that, which is counted."""
    if decimals is None or annotation.shape in ("mask", "tag"):
        return annotation

    def digits(ring: Ring) -> Ring:
        # Adding 0 turns -0.0 into 0.0.
        return tuple((round(x, decimals) + 0.0, round(y, decimals) + 0.0) for x, y in ring)

    radius = annotation.radius_px
    try:
        return replace(
            annotation,
            points=digits(annotation.points),
            parts=tuple(digits(ring) for ring in annotation.parts),
            radius_px=None if radius is None else round(radius, decimals),
        )
    except ValueError:
        tally.add(f"{{n}} annotation{{s}} smaller than {10**-decimals:g} px are left out.")
        return None
