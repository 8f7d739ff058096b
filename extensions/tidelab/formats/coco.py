"""COCO annotations (https://cocodataset.org/#format-data): images, categories, and where on an image what is.

A class that is given to a whole image stands as one annotation whose box is the whole image, with the attribute ``image_level``:
COCO has no annotation without a box, and readers refuse one. Detections give their own box, and a mask where there is one.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Scalar = str | float | int | bool | None
Mask = Sequence[Sequence[float]] | Mapping[str, Any]
"""Polygons ``[[x1, y1, x2, y2, ...], ...]`` in pixels, or a run-length encoding ``{"size": [h, w], "counts": ...}``."""

_DECIMALS: Final = 2


@dataclass(frozen=True)
class Category:
    """A class: its name, what it is a kind of, and more about it (AphiaID, rank ...)."""

    name: str
    supercategory: str
    about: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Annotation:
    """What is on an image.

    Parameters
    ----------
    category
        Name of the class.
    box
        ``(x, y, width, height)`` in pixels from the top left corner, or None: the whole image.
    mask
        Its outline, where one is known.
    area_px2
        Area of the mask, square pixels; by default that of the box.
    attributes
        Score, status and whatever else is known of it.
    is_crowd
        Whether it stands for a crowd of things that were not told apart.
    """

    category: str
    box: tuple[float, float, float, float] | None = None
    mask: Mask | None = None
    area_px2: float | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    is_crowd: bool = False


@dataclass(frozen=True)
class Image:
    """An image: the name of its file, its size in pixels, what is on it (nothing: an image without a name), and more about it."""

    file_name: str
    width: int
    height: int
    annotations: Sequence[Annotation] = ()
    about: Mapping[str, Scalar] = field(default_factory=dict)


def document(
    info: Mapping[str, Scalar],
    categories: Sequence[Category],
    images: Iterable[Image],
    edges: Literal["refuse", "keep"] = "refuse",
) -> dict[str, Any]:
    """Return a COCO document.

    Ids count from 1: those of categories in the given order, so that equal class lists have equal ids; those of images and
    annotations in the order of the images.

    Parameters
    ----------
    info, categories, images
        What the document says.
    edges
        What to do with boxes that leave their image, as those of some programs do by a pixel or two: ``refuse`` or ``keep``.

    Raises
    ------
    ValueError
        Two categories or images have the same name, an annotation names a category that is not there, an image has no size, or a box
        leaves its image; the text names it.
    """
    ids = _ids([one.name for one in categories], "category")
    shown: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, image in enumerate(images, start=1):
        _check_image(image, names)
        names.add(image.file_name)
        shown.append({
            "id": number, "file_name": image.file_name, "width": image.width, "height": image.height, **dict(image.about),
        })  # fmt: skip
        for one in image.annotations:
            annotations.append(_annotation(len(annotations) + 1, number, image, one, ids, edges == "keep"))
    return {
        "info": dict(info),
        "licenses": [],
        "categories": [
            {"id": ids[one.name], "name": one.name, "supercategory": one.supercategory, **dict(one.about)}
            for one in categories
        ],
        "images": shown,
        "annotations": annotations,
    }


def to_bytes(content: Mapping[str, Any]) -> bytes:
    """Return a document as JSON (UTF-8); numbers that are none are refused with a `ValueError`."""
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _annotation(
    number: int, image_id: int, image: Image, one: Annotation, ids: Mapping[str, int], anywhere: bool
) -> dict[str, Any]:
    if one.category not in ids:
        raise ValueError(
            f"an annotation of {image.file_name!r} names the category {one.category!r}, which is not declared"
        )
    box = one.box or (0.0, 0.0, float(image.width), float(image.height))
    x, y, width, height = box
    inside = x >= 0 and y >= 0 and x + width <= image.width + 0.5 and y + height <= image.height + 0.5
    if not all(map(math.isfinite, box)) or width <= 0 or height <= 0 or not (inside or anywhere):
        raise ValueError(
            f"the box {box} leaves {image.file_name!r}, which is {image.width} x {image.height} px"
        )
    area = width * height if one.area_px2 is None else one.area_px2
    return {
        "id": number,
        "image_id": image_id,
        "category_id": ids[one.category],
        "bbox": [round(float(value), _DECIMALS) for value in box],
        "area": round(float(area), _DECIMALS),
        "segmentation": [] if one.mask is None else one.mask,
        "iscrowd": int(one.is_crowd),
        "attributes": {**({} if one.box else {"image_level": True}), **dict(one.attributes)},
    }


def _check_image(image: Image, names: set[str]) -> None:
    if image.file_name in names:
        raise ValueError(f"two images are called {image.file_name!r}; an image is found by its name")
    if image.width < 1 or image.height < 1:
        raise ValueError(f"{image.file_name!r} is {image.width} x {image.height} px; an image has a size")


def _ids(names: Sequence[str], what: str) -> dict[str, int]:
    ids = {name: number for number, name in enumerate(names, start=1)}
    if len(ids) < len(names):
        raise ValueError(
            f"two of the {what} names are the same: {sorted(n for n in ids if names.count(n) > 1)}"
        )
    return ids
