"""Plane geometry of annotations: boxes, turned boxes, outlines. Pixels, y down, angles clockwise as one sees it."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from tidelab.formats.annotations.model import Annotation, Point, Ring
from tidelab.formats.annotations.rle import Mask

Bounds = tuple[float, float, float, float]

CIRCLE_CORNERS: Final = 64
"""Corners of the polygon that stands for a circle or ellipse; its area is 0.16 % smaller."""


def bounds(annotation: Annotation) -> Bounds | None:
    """Return left, top, right, bottom of what the annotation covers; None of a tag and of a mask without pixels."""
    if annotation.shape == "mask" and annotation.mask is not None:
        return annotation.mask.bounds()
    if annotation.shape == "circle" and annotation.radius_px is not None:
        (x, y), radius = annotation.points[0], annotation.radius_px
        return x - radius, y - radius, x + radius, y + radius
    if annotation.shape == "ellipse":
        return _ellipse_bounds(annotation.points)
    rings = (annotation.points, *annotation.parts)
    points = [point for ring in rings for point in ring]
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def area_px2(annotation: Annotation) -> float:
    """Return the area an annotation covers, square pixels; 0 of points, lines and tags. Parts of a polygon are added up."""
    if annotation.mask is not None:
        return float(annotation.mask.area_px2)
    if annotation.radius_px is not None:
        return math.pi * annotation.radius_px**2
    if annotation.shape == "box":
        (left, top), (right, bottom) = annotation.points
        return (right - left) * (bottom - top)
    if annotation.shape == "ellipse":
        a, b, c, d = annotation.points
        return math.pi * math.dist(a, b) * math.dist(c, d) / 4
    if annotation.shape in ("polygon", "rotated_box"):
        return sum(_shoelace(ring) for ring in (annotation.points, *annotation.parts))
    return 0.0


def box_corners(annotation: Annotation) -> Ring:
    """Return the corners of a box, clockwise from the upper left one."""
    (left, top), (right, bottom) = annotation.points
    return (left, top), (right, top), (right, bottom), (left, bottom)


def turned(left: float, top: float, right: float, bottom: float, degrees: float) -> Ring:
    """Return the corners of a box turned clockwise about its centre; the first is the upper left one before."""
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return tuple(_turn(x, y, middle_x, middle_y, degrees) for x, y in corners)


def unturned(corners: Ring) -> tuple[float, float, float, float, float]:
    """Return centre x, centre y, width, height and the clockwise angle (0 to 360) of four corners of a turned box."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    centre_x, centre_y = (x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4
    # Opposite sides are averaged, so that rounded corners give the nearest rectangle.
    across = ((x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2)
    down = ((x3 - x0 + x2 - x1) / 2, (y3 - y0 + y2 - y1) / 2)
    angle = math.degrees(math.atan2(across[1], across[0])) % 360
    return centre_x, centre_y, math.hypot(*across), math.hypot(*down), angle


def is_rectangle(corners: Ring, tolerance_px: float) -> bool:
    """Return whether four corners are a rectangle: no corner is further than `tolerance_px` from the nearest one."""
    if len(corners) != 4:
        return False
    centre_x, centre_y, width, height, angle = unturned(corners)
    if min(width, height) <= tolerance_px:
        return False
    ideal = turned(
        centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2, angle
    )
    if not _clockwise(corners):
        return False
    return all(math.dist(a, b) <= tolerance_px for a, b in zip(corners, ideal, strict=True))


def rectangle(corners: Ring, tolerance_px: float) -> tuple[Ring, bool]:
    """Return four corners clockwise from the first, and whether the box is upright (its sides along the picture's within tolerance)."""
    ring = corners if _clockwise(corners) else (corners[0], *reversed(corners[1:]))
    left, top = min(x for x, _ in ring), min(y for _, y in ring)
    right, bottom = max(x for x, _ in ring), max(y for _, y in ring)
    upright = all(
        min(abs(x - left), abs(x - right)) <= tolerance_px
        and min(abs(y - top), abs(y - bottom)) <= tolerance_px
        for x, y in ring
    )
    return ring, upright


def smallest_rectangle(points: Ring) -> Ring:
    """Return the rectangle of the smallest area around points, its corners clockwise.

    One side of it lies along a side of the convex hull (Freeman and Shapira, Commun. ACM 18(7), 1975).
    """
    hull = np.asarray(_hull(points), dtype=np.float64)
    best: tuple[float, Ring] | None = None
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        angle = math.degrees(math.atan2(float(b[1] - a[1]), float(b[0] - a[0])))
        flat = _turned_array(hull, -angle)
        (left, top), (right, bottom) = flat.min(axis=0), flat.max(axis=0)
        size = float((right - left) * (bottom - top))
        if best is None or size < best[0] - 1e-9:
            square = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
            best = size, tuple((float(x), float(y)) for x, y in _turned_array(square, angle))
    if best is None:
        raise ValueError("points: none")
    return best[1]


def round_outline(annotation: Annotation) -> Ring:
    """Return a circle or ellipse as a polygon of `CIRCLE_CORNERS` corners on it."""
    if annotation.radius_px is not None:
        (x, y), radius = annotation.points[0], annotation.radius_px
        ends: Ring = ((x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius))
    else:
        ends = annotation.points
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = ends
    middle = (ax + bx) / 2, (ay + by) / 2
    angles = [2 * math.pi * k / CIRCLE_CORNERS for k in range(CIRCLE_CORNERS)]
    return tuple(
        (
            middle[0] + math.cos(t) * (bx - ax) / 2 + math.sin(t) * (dx - cx) / 2,
            middle[1] + math.cos(t) * (by - ay) / 2 + math.sin(t) * (dy - cy) / 2,
        )
        for t in angles
    )


def mask_outlines(mask: Mask) -> list[Ring]:
    """Return the outer outlines of a mask's parts along the edges of its pixels, the largest first; holes are filled.

    Pixels that touch at a corner alone are parts of their own.
    """
    limits = mask.bounds()
    if limits is None:
        return []
    left, top, right, bottom = limits
    loops = _loops(_edges(np.pad(mask.pixels()[top:bottom, left:right], 1)))
    # Edges have the pixels to their right: outlines turn clockwise, holes the other way.
    rings = [tuple((x + left - 1.0, y + top - 1.0) for x, y in loop) for loop in loops if _clockwise(loop)]
    return sorted(rings, key=_shoelace, reverse=True)


def _edges(pixels: npt.NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return start -> ends of the edges around pixels, the pixel to the right of each."""
    inner = pixels[1:-1, 1:-1]
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for outside, start, end in (
        (~pixels[:-2, 1:-1], (0, 0), (1, 0)),
        (~pixels[1:-1, 2:], (1, 0), (1, 1)),
        (~pixels[2:, 1:-1], (1, 1), (0, 1)),
        (~pixels[1:-1, :-2], (0, 1), (0, 0)),
    ):
        for y, x in np.argwhere(inner & outside).tolist():
            # One more for the row and the column that were put around.
            a, b = (x + 1 + start[0], y + 1 + start[1]), (x + 1 + end[0], y + 1 + end[1])
            found.setdefault(a, []).append(b)
    return found


def _loops(edges: dict[tuple[int, int], list[tuple[int, int]]]) -> list[Ring]:
    """Join edges to closed outlines, corners alone; where two pixels touch at a corner, each keeps to itself."""
    loops: list[Ring] = []
    # The first of what is left is the upper end of a left side: a corner.
    for start in sorted(edges):
        while start in edges:
            loop: list[Point] = []
            at, way = start, (0, 0)
            while at in edges:
                ends = edges[at]
                right_turn = (at[0] - way[1], at[1] + way[0])
                after = right_turn if len(ends) > 1 and right_turn in ends else ends[0]
                ends.remove(after)
                if not ends:
                    del edges[at]
                if (after[0] - at[0], after[1] - at[1]) != way:
                    loop.append((float(at[0]), float(at[1])))
                way, at = (after[0] - at[0], after[1] - at[1]), after
            loops.append(tuple(loop))
    return loops


def joined(rings: tuple[Ring, ...]) -> Ring:
    """Return one outline around several: from the first, the pen goes to the nearest corner of each other and back the same way.

    That adds no area, and what was one thing stays one thing.
    """
    main, others = rings[0], rings[1:]
    if not others:
        return main
    tree = cKDTree(np.asarray(main))
    loops: dict[int, list[Point]] = {}
    for ring in others:
        distances, nearest = tree.query(np.asarray(ring))
        there = int(np.argmin(distances))
        loops.setdefault(int(nearest[there]), []).extend(
            (*ring[there:], *ring[: there + 1], main[int(nearest[there])])
        )
    outline: list[Point] = []
    for number, point in enumerate(main):
        outline += [point, *loops.get(number, ())]
    return tuple(outline)


def clipped(ring: Ring, width: float, height: float) -> Ring:
    """Return the part of a polygon that lies in the picture (Sutherland and Hodgman); empty where there is none."""
    points = list(ring)
    for axis, limit, keep_below in ((0, 0.0, False), (0, width, True), (1, 0.0, False), (1, height, True)):
        points = _cut(points, axis, limit, keep_below)
    return tuple(points)


def _cut(points: list[Point], axis: int, limit: float, keep_below: bool) -> list[Point]:
    kept: list[Point] = []
    for before, point in zip([points[-1], *points[:-1]] if points else [], points, strict=True):
        was, is_in = ((p[axis] <= limit) if keep_below else (p[axis] >= limit) for p in (before, point))
        if was != is_in:
            share = (limit - before[axis]) / (point[axis] - before[axis])
            crossing = [before[k] + share * (point[k] - before[k]) for k in (0, 1)]
            crossing[axis] = limit
            kept.append((crossing[0], crossing[1]))
        if is_in:
            kept.append(point)
    return kept


def _ellipse_bounds(ends: Ring) -> Bounds:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = ends
    middle_x, middle_y = (ax + bx) / 2, (ay + by) / 2
    reach_x, reach_y = math.hypot(bx - ax, dx - cx) / 2, math.hypot(by - ay, dy - cy) / 2
    return middle_x - reach_x, middle_y - reach_y, middle_x + reach_x, middle_y + reach_y


def _turn(x: float, y: float, about_x: float, about_y: float, degrees: float) -> Point:
    # With y down, the usual formula turns clockwise as one sees it.
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    dx, dy = x - about_x, y - about_y
    return about_x + dx * cosine - dy * sine, about_y + dx * sine + dy * cosine


def _turned_array(points: npt.NDArray[np.float64], degrees: float) -> npt.NDArray[np.float64]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    moved: npt.NDArray[np.float64] = points @ np.array([[cosine, sine], [-sine, cosine]])
    return moved


def _hull(points: Ring) -> list[Point]:
    """Return the convex hull (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    halves: list[list[Point]] = []
    for run in (ordered, ordered[::-1]):
        half: list[Point] = []
        for point in run:
            while len(half) > 1 and _cross(half[-2], half[-1], point) <= 0:
                half.pop()
            half.append(point)
        halves.append(half[:-1])
    return halves[0] + halves[1]


def _cross(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _signed(ring: Ring) -> float:
    pairs = zip(ring, (*ring[1:], ring[0]), strict=True)
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs) / 2


def _shoelace(ring: Ring) -> float:
    return abs(_signed(ring))


def _clockwise(ring: Ring) -> bool:
    # With y down, a positive area is clockwise as one sees it.
    return _signed(ring) > 0
