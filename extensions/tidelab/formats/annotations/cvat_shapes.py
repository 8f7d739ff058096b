"""Shapes as both kinds of CVAT XML 1.1 write them (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

Coordinates are continuous pixels with 2 digits behind the point; ``rotation`` is degrees clockwise about the centre; an ellipse has a
centre and two radii; the run lengths of a mask go along the rows of its own box.
"""

import math
from typing import Any, Final
from xml.etree import ElementTree

from tidelab.formats.annotations import geometry, rle
from tidelab.formats.annotations.model import Annotation, Ring, Scalar
from tidelab.formats.annotations.reading import Reading, number, pairs, whole
from tidelab.formats.annotations.rings import opened, plain
from tidelab.formats.annotations.xml import Element, xml_text

SHAPES: Final = ("box", "polygon", "polyline", "points", "ellipse", "mask")
NOT_READ: Final = ("cuboid", "skeleton")
_OWN: Final = ("occluded", "z_order", "group_id", "source")
_UPRIGHT_DEGREES: Final = 0.005


def values(element: Element, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return shape and points of an element, as `Annotation` takes them; raises `ValueError`."""
    get = element.attributes
    rotation = number(get.get("rotation") or "0", "rotation") % 360
    if element.tag == "box":
        left, top, right, bottom = (number(get.get(name), name) for name in ("xtl", "ytl", "xbr", "ybr"))
        if _UPRIGHT_DEGREES < rotation < 360 - _UPRIGHT_DEGREES:
            if not (left < right and top < bottom):
                raise ValueError(
                    f"box: {right - left:g} x {bottom - top:g} px, expected a width and a height above 0"
                )
            return {"shape": "rotated_box", "points": geometry.turned(left, top, right, bottom, rotation)}
        return {"shape": "box", "points": ((left, top), (right, bottom))}
    if element.tag == "ellipse":
        x, y, rx, ry = (number(get.get(name), name) for name in ("cx", "cy", "rx", "ry"))
        if not (rx > 0 and ry > 0):
            raise ValueError(f"ellipse: radii {rx:g} and {ry:g} px, expected numbers above 0")
        return {"shape": "ellipse", "points": _ends(x, y, rx, ry, rotation)}
    if element.tag == "mask":
        if size is None:
            raise ValueError("mask: the size of the picture is not known")
        runs = [whole(run, "rle", 0) for run in str(get.get("rle", "")).split(",") if run.strip()]
        box = tuple(whole(get.get(name), name) for name in ("left", "top", "width", "height"))
        return {"shape": "mask", "mask": rle.from_rows(runs, (box[0], box[1], box[2], box[3]), size)}
    points = _points(get.get("points", ""))
    shape = "point" if element.tag == "points" else element.tag
    return {"shape": shape, "points": opened(points) if shape == "polygon" else points}


def attributes(element: Element, reading: Reading) -> dict[str, Scalar]:
    """Return what else an element says: the attributes of its label, and whether it is hidden, grouped, layered."""
    found: dict[str, Scalar] = {}
    for one in element.children:
        if one.tag == "attribute" and one.attributes.get("name"):
            found[one.attributes["name"]] = one.text.strip()
    if element.attributes.get("occluded") == "1":
        found["occluded"] = True
    for name in ("z_order", "group_id"):
        value = element.attributes.get(name, "0")
        try:
            if whole(value, name) != 0:
                found[name] = whole(value, name)
        except ValueError:
            reading.tally.add(f"{{n}} {name} that is no whole number is left out.")
    source = element.attributes.get("source", "")
    if source not in ("", "manual", "file"):
        found["source"] = source
    return found


def to_element(parent: ElementTree.Element, one: Annotation, head: dict[str, str]) -> None:
    """Append an annotation as an element with the attributes of `head` first."""
    tag, own = _written(one)
    given = dict(head)
    given.setdefault("occluded", str(int(bool(one.attributes.get("occluded")))))
    given.update(own)
    if one.shape != "tag":
        given["z_order"] = str(_int(one.attributes.get("z_order")))
    if _int(one.attributes.get("group_id")) and "frame" not in head:
        given["group_id"] = str(_int(one.attributes.get("group_id")))
    if one.shape == "tag":
        given.pop("occluded")
    element = ElementTree.SubElement(parent, tag, {k: xml_text(v) for k, v in given.items()})
    for name, value in one.attributes.items():
        # A tag has no `occluded` of its own in CVAT.
        if name not in _OWN or (name == "occluded" and value and one.shape == "tag"):
            child = ElementTree.SubElement(element, "attribute", {"name": xml_text(name)})
            child.text = xml_text(_text(value))


def source_of(one: Annotation) -> str:
    """Return who made it, ``manual`` where that is not said."""
    return str(one.attributes.get("source") or "manual")


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _written(one: Annotation) -> tuple[str, dict[str, str]]:
    if one.shape == "tag":
        return "tag", {}
    if one.shape == "box":
        (left, top), (right, bottom) = one.points
        return "box", {"xtl": _px(left), "ytl": _px(top), "xbr": _px(right), "ybr": _px(bottom)}
    if one.shape == "rotated_box":
        x, y, width, height, angle = geometry.unturned(one.points)
        corners = {
            "xtl": _px(x - width / 2), "ytl": _px(y - height / 2), "xbr": _px(x + width / 2), "ybr": _px(y + height / 2),
        }  # fmt: skip
        return "box", {**corners, "rotation": plain(angle, 4)}
    if one.shape == "ellipse":
        (ax, ay), (bx, by), c, d = one.points
        angle = math.degrees(math.atan2(by - ay, bx - ax)) % 360
        written = {
            "cx": _px((ax + bx) / 2), "cy": _px((ay + by) / 2),
            "rx": _px(math.dist((ax, ay), (bx, by)) / 2), "ry": _px(math.dist(c, d) / 2),
        }  # fmt: skip
        return "ellipse", {**written, **({"rotation": plain(angle, 4)} if angle else {})}
    if one.mask is not None:
        runs, (left, top, width, height) = rle.to_rows(one.mask)
        return "mask", {
            "rle": ", ".join(map(str, runs)), "left": str(left), "top": str(top), "width": str(width), "height": str(height),
        }  # fmt: skip
    tag = "points" if one.shape == "point" else one.shape
    return tag, {"points": ";".join(f"{_px(x)},{_px(y)}" for x, y in one.points)}


def _ends(x: float, y: float, rx: float, ry: float, degrees: float) -> Ring:
    right = geometry.turned(x - rx, y - ry, x + rx, y + ry, degrees)
    # The middles of the sides of the box around it are the ends of its axes.
    mids = [
        ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(right, (*right[1:], right[0]), strict=True)
    ]
    top, right_end, bottom, left = mids
    return left, right_end, top, bottom


def _points(text: str) -> Ring:
    found: list[float] = []
    for pair in text.split(";"):
        if pair.strip():
            numbers = pair.split(",")
            if len(numbers) != 2:
                raise ValueError(f"points: {pair!r:.40}, expected x,y")
            found += [number(one.strip(), "points") for one in numbers]
    return pairs(found)


def _px(value: float) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def _int(value: Scalar) -> int:
    try:
        return int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
