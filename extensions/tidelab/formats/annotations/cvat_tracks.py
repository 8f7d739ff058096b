"""What a CVAT track says of the frames between its key frames.

Source: ``TrackManager.get_interpolated_shapes`` of https://github.com/cvat-ai/cvat (apps/dataset_manager/annotation.py), read in 2026. Boxes
and ellipses move in a straight line and turn the shorter way; so does a single point. Several points keep their place. Polygons and
lines: each corner is paired with the one at the nearest share of the other outline's length, pairs move in a straight line, and
corners that thereby come too near are thinned out. Masks keep their place. Nothing is there from a frame with ``outside`` to the
next key frame; the last shape stays to the end of the task.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tidelab.formats.annotations import geometry
from tidelab.formats.annotations.model import Annotation, Point, Ring


@dataclass(frozen=True)
class Key:
    """A shape of a track in one frame; `outside`: from here on it is not seen."""

    frame: int
    annotation: Annotation
    outside: bool


def spread(keys: Sequence[Key], frames: range) -> Iterator[tuple[int, Annotation]]:
    """Yield the frame and the shape of every frame in which a track is seen.

    Parameters
    ----------
    keys
        Of one track, in order, each frame once.
    frames
        The frames of the task, in order.
    """
    for number, key in enumerate(keys):
        if key.outside:
            continue
        if key.frame in frames:
            yield key.frame, key.annotation
        after = keys[number + 1] if number + 1 < len(keys) else None
        for frame in _between(frames, key.frame, None if after is None else after.frame):
            if after is None:
                yield frame, key.annotation
            else:
                share = (frame - key.frame) / (after.frame - key.frame)
                yield frame, between(key.annotation, after.annotation, share)


def between(first: Annotation, second: Annotation, share: float) -> Annotation:
    """Return the shape at a share (0 to 1) of the way from one key frame to the next; what is no shape keeps the first one's."""
    if first.shape in ("box", "rotated_box") and second.shape in ("box", "rotated_box"):
        return _box(first, second, share)
    if first.shape != second.shape:
        return first
    if first.shape == "ellipse":
        return _ellipse(first, second, share)
    if first.shape == "point" and len(first.points) == len(second.points) == 1:
        return replace(first, points=(_on_line(first.points[0], second.points[0], share),))
    if first.shape == "polyline":
        return _with_ring(first, _outline(first.points, second.points, share))
    if first.shape == "polygon":
        closed = [(*one.points, one.points[0]) for one in (first, second)]
        return _with_ring(first, _outline(closed[0], closed[1], share)[:-1])
    return first


def _between(frames: range, after: int, before: int | None) -> range:
    stop = len(frames) if before is None else bisect_left(frames, before)
    return frames[bisect_right(frames, after) : stop]


def _box(first: Annotation, second: Annotation, share: float) -> Annotation:
    a, b = _unturned(first), _unturned(second)
    x, y, width, height = (u + (v - u) * share for u, v in zip(a[:4], b[:4], strict=True))
    angle = _angle(a[4], b[4], share)
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if first.shape == second.shape == "box":
        return replace(first, points=((left, top), (right, bottom)))
    return replace(first, shape="rotated_box", points=geometry.turned(left, top, right, bottom, angle))


def _unturned(one: Annotation) -> tuple[float, float, float, float, float]:
    return geometry.unturned(geometry.box_corners(one) if one.shape == "box" else one.points)


def _ellipse(first: Annotation, second: Annotation, share: float) -> Annotation:
    (x0, y0, rx0, ry0, t0), (x1, y1, rx1, ry1, t1) = _axes(first.points), _axes(second.points)
    x, y, rx, ry = (u + (v - u) * share for u, v in zip((x0, y0, rx0, ry0), (x1, y1, rx1, ry1), strict=True))
    t = math.radians(_angle(t0, t1, share))
    across, down = (rx * math.cos(t), rx * math.sin(t)), (-ry * math.sin(t), ry * math.cos(t))
    ends = (
        (x - across[0], y - across[1]), (x + across[0], y + across[1]), (x - down[0], y - down[1]), (x + down[0], y + down[1]),
    )  # fmt: skip
    return replace(first, points=ends)


def _axes(ends: Ring) -> tuple[float, float, float, float, float]:
    a, b, c, d = ends
    angle = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0])) % 360
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, math.dist(a, b) / 2, math.dist(c, d) / 2, angle


def _angle(first: float, second: float, share: float) -> float:
    difference = (second - first + 180) % 360 - 180
    return (first + difference * share) % 360


def _on_line(first: Point, second: Point, share: float) -> Point:
    return first[0] + (second[0] - first[0]) * share, first[1] + (second[1] - first[1]) * share


def _with_ring(annotation: Annotation, ring: Ring) -> Annotation:
    # Thinned to fewer corners than the shape needs: it stays as it was.
    least = 3 if annotation.shape == "polygon" else 2
    return replace(annotation, points=ring) if len(ring) >= least else annotation


def _outline(first: Ring, second: Ring, share: float) -> Ring:
    pairs = _pairs(_shares(first), _shares(second))
    moved = [[_on_line(first[i], second[j], share) for j in pairs[i]] for i in range(len(first))]
    return _thinned(moved, pairs, first, second)


def _shares(ring: Ring) -> list[float]:
    """Return at which share of its length each corner of a line lies."""
    lengths = [0.0]
    for a, b in itertools.pairwise(ring):
        lengths.append(lengths[-1] + math.dist(a, b))
    return [one / lengths[-1] if lengths[-1] else 0.0 for one in lengths]


def _pairs(first: Sequence[float], second: Sequence[float]) -> list[list[int]]:
    """Return for each corner of the first line those of the second it moves to; every corner of both has one at least."""
    pairs = [[_nearest(one, second)] for one in first]
    reached = {pair[0] for pair in pairs}
    for j, one in enumerate(second):
        if j not in reached:
            pairs[_nearest(one, first)].append(j)
    return [sorted(pair) for pair in pairs]


def _nearest(value: float, curve: Sequence[float]) -> int:
    return min(range(len(curve)), key=lambda k: abs(value - curve[k]))


def _thinned(moved: list[list[Point]], pairs: list[list[int]], first: Ring, second: Ring) -> Ring:
    """Put moved corners together; those that share a partner are thinned to half of their mean spacing."""
    out: list[Point] = []
    start: int | None = None
    for i, pair in enumerate(pairs):
        if len(pair) == 1:
            if start is None:
                start = i
            elif pair[0] != pairs[start][0]:
                out += _run(moved, first, start, i - 1)
                start = i
            continue
        if start is not None:
            out += _run(moved, first, start, i - 1)
            start = None
        spacing = _length(second[pair[0] : pair[-1] + 1]) / (2 * (pair[-1] - pair[0] + 1))
        out += _spaced(moved[i], spacing)
    if start is not None:
        out += _run(moved, first, start, len(pairs) - 1)
    return tuple(out)


def _run(moved: list[list[Point]], first: Ring, start: int, stop: int) -> list[Point]:
    if start == stop:
        return [moved[start][0]]
    spacing = _length(first[start : stop + 1]) / (2 * (stop - start + 1))
    return _spaced([moved[i][0] for i in range(start, stop + 1)], spacing)


def _spaced(points: Sequence[Point], least: float) -> list[Point]:
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(kept[-1], point) >= least:
            kept.append(point)
    kept.append(points[-1])
    if len(kept) == 2 and math.dist(points[0], points[-1]) < least:
        return [((kept[0][0] + kept[1][0]) / 2, (kept[0][1] + kept[1][1]) / 2)]
    return kept


def _length(ring: Ring) -> float:
    return sum(math.dist(a, b) for a, b in itertools.pairwise(ring))
