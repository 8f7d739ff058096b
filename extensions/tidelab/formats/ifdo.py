"""iFDO 2.1.0, the FAIR digital object of an image set (https://www.ifdo-schema.org/standard/v2.1.0/): header, items, annotations.

Schoening et al. (2022), Making marine image data FAIR, Scientific Data 9, https://doi.org/10.1038/s41597-022-01491-3. A field that
nobody knows is left out, never filled in; `missing_fields` says which required ones that leaves open.
"""

import datetime
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

VERSION: Final = "v2.1.0"
SCHEMA: Final = "https://marine-imaging.com/fair/schemas/ifdo-v2.1.0.json"
WGS84: Final = "EPSG:4326"

REQUIRED_HEADER: Final = (
    "image-set-name", "image-set-uuid", "image-set-handle", "image-set-ifdo-version", "image-datetime", "image-latitude",
    "image-longitude", "image-altitude-meters", "image-coordinate-reference-system", "image-coordinate-uncertainty-meters",
    "image-context", "image-project", "image-event", "image-platform", "image-sensor", "image-pi", "image-creators", "image-license",
    "image-copyright", "image-abstract",
)  # fmt: skip
REQUIRED_ITEM: Final = ("image-uuid", "image-hash-sha256", "image-handle")
NAMED: Final = (
    "image-context", "image-project", "image-event", "image-platform", "image-sensor", "image-pi", "image-license",
)  # fmt: skip
"""Fields that hold an object with a ``name`` and, where there is one, a ``uri``."""


@dataclass(frozen=True)
class Label:
    """A class that annotations use: its id, its name, what it means."""

    id: str
    name: str
    info: str = ""


@dataclass(frozen=True)
class Creator:
    """Who annotated, a person or a model."""

    id: str
    name: str


@dataclass(frozen=True)
class Given:
    """One name that one annotator gave to an image, with the confidence where there is one (0 to 1)."""

    label: str
    creator: str
    created_at: str
    confidence: float | None = None


@dataclass(frozen=True)
class Annotation:
    """Names for the whole image, or for a shape on it.

    Parameters
    ----------
    given
        The names, one or more.
    shape
        One of iFDO's: whole-image, rectangle, polygon, single-pixel, circle, ellipse, polyline.
    coordinates
        Pixels ``x1, y1, x2, y2, ...``; none for the whole image.
    """

    given: Sequence[Given]
    shape: str = "whole-image"
    coordinates: Sequence[float] = ()


@dataclass(frozen=True)
class Item:
    """One image: the name of its file, its fields (`image-...`), and what is on it."""

    file_name: str
    fields: Mapping[str, Any]
    annotations: Sequence[Annotation] = ()


def document(
    header: Mapping[str, Any], items: Sequence[Item], labels: Iterable[Label], creators: Iterable[Creator]
) -> dict[str, Any]:
    """Return an iFDO.

    A field that every item has goes into the header, as the standard asks: with one value it stands there alone, with several the
    header holds the first item's and each item its own. A field that only some items have stays with these, so that the others do not
    inherit a value that nobody measured.

    Raises
    ------
    ValueError
        Two items have the same file name.
    """
    if len({item.file_name for item in items}) < len(items):
        raise ValueError("two images have the same file name; an item is found by it")
    head = {"image-set-ifdo-version": VERSION, **header}
    common = _shared_fields(items)
    head |= {name: value for name, (value, _) in common.items() if name not in head}
    alone = {name for name, (_, same) in common.items() if same and head[name] == common[name][0]}
    head["image-annotation-labels"] = [
        _filled({"id": one.id, "name": one.name, "info": one.info}) for one in labels
    ]
    head["image-annotation-creators"] = [{"id": one.id, "name": one.name} for one in creators]
    return {
        "$schema": SCHEMA,
        "image-set-header": head,
        "image-set-items": {item.file_name: _item(item, alone) for item in items},
    }


def missing_fields(content: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the required fields that are not there: of the header, and of at least one item."""
    head, items = content["image-set-header"], content["image-set-items"].values()
    return (
        [name for name in REQUIRED_HEADER if name not in head],
        [name for name in REQUIRED_ITEM if any(name not in item for item in items)],
    )


def to_bytes(content: Mapping[str, Any]) -> bytes:
    """Return a document as JSON (UTF-8)."""
    return (json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def stable_uuid(*parts: str) -> str:
    """Return an identifier in the form of a version 4 UUID, which iFDO demands, that is equal for equal parts.

    >>> stable_uuid("a", "b") == stable_uuid("a", "b") != stable_uuid("ab")
    True
    """
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def date_time(moment: datetime.datetime) -> str:
    """Return a moment as iFDO writes it by default, in UTC: ``YYYY-MM-DD hh:mm:ss.sss``."""
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def _shared_fields(items: Sequence[Item]) -> dict[str, tuple[Any, bool]]:
    if not items:
        return {}
    found = {}
    for name, value in items[0].fields.items():
        if name not in REQUIRED_ITEM and all(name in item.fields for item in items):
            found[name] = (value, all(item.fields[name] == value for item in items))
    return found


def _item(item: Item, alone: set[str]) -> dict[str, Any]:
    fields = {name: value for name, value in item.fields.items() if name not in alone}
    if item.annotations:
        fields["image-annotations"] = [_annotation(one) for one in item.annotations]
    return fields


def _annotation(one: Annotation) -> dict[str, Any]:
    given = []
    for name in one.given:
        entry: dict[str, Any] = {
            "label": name.label,
            "annotator": name.creator,
            "created-at": name.created_at,
        }
        given.append(entry if name.confidence is None else {**entry, "confidence": name.confidence})
    return {"shape": one.shape, "coordinates": [list(one.coordinates)], "labels": given}


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
