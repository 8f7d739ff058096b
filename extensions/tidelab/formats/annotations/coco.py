"""COCO object detection (https://cocodataset.org/#format-data): boxes, polygons, masks, crowds.

Coordinates are pixels from the upper left corner; ``bbox`` is x, y, width, height. What COCO has no field for (score, track, rotation)
stands in ``attributes``, where CVAT and Datumaro put it too; a tag of a whole picture is a box as large as the picture with the
attribute ``image_level``. Ids are numbered anew from 1, those of categories in the order of the classes.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from tidelab.formats import coco
from tidelab.formats.annotations import geometry, rle
from tidelab.formats.annotations.errors import AnnotationError, shown
from tidelab.formats.annotations.format import DECIMALS, Format, Writing
from tidelab.formats.annotations.model import AnnotatedImage, Annotation, Dataset, Ring, Scalar
from tidelab.formats.annotations.reading import Reading, number, pairs, scalars, size, whole
from tidelab.formats.annotations.rings import opened
from tidelab.formats.annotations.source import Source

_LISTS: Final = ("images", "annotations", "categories")
_IMAGE_FIELDS: Final = frozenset(("id", "file_name", "width", "height", "frame"))
_CATEGORY_FIELDS: Final = frozenset(("id", "name", "supercategory"))
_ANGLE_ZERO: Final = 0.005
_BOX_TOLERANCE_PX: Final = 1.0


def read(reading: Reading) -> Dataset:
    """Read the JSON file, or all of a folder or zip that are COCO (several are put together, classes by name)."""
    files = _files(reading.source)
    if not files:
        raise AnnotationError(f"{reading.source.path} holds no COCO file (.json with {', '.join(_LISTS)}).")
    images: dict[str, AnnotatedImage] = {}
    labels: dict[str, dict[str, Scalar]] = {}
    for file in files:
        for image in _Document(reading, file, labels).images():
            if image.file_name in images:
                reading.fault(
                    file,
                    "images",
                    "file_name",
                    f"{shown(image.file_name)} stands there twice; the first is taken",
                )
            else:
                images[image.file_name] = image
    return reading.dataset(
        "coco", images.values(), labels, {name: about for name, about in labels.items() if about}
    )


def recognises(source: Source) -> bool:
    """Return whether a JSON file begins like COCO."""
    return bool(_files(source))


def _files(source: Source) -> list[str]:
    return [name for name in source.ending_in(".json") if _is_coco(source, name)]


def _is_coco(source: Source, name: str) -> bool:
    try:
        content = source.read(name)
    except AnnotationError:
        return False
    return b'"annotations"' in content and (b'"images"' in content or b'"categories"' in content)


def _load(reading: Reading, file: str) -> dict[str, Any]:
    try:
        content = json.loads(reading.source.read(file))
    except (ValueError, RecursionError) as error:
        raise AnnotationError(
            f"{file} is no JSON that can be read: {shown(error)}. Was it cut short? Export it again."
        ) from None
    if not isinstance(content, dict):
        raise AnnotationError(f"{file} is no COCO file: expected an object with {', '.join(_LISTS)}.")
    missing = [name for name in _LISTS if not isinstance(content.get(name), list)]
    if missing:
        raise AnnotationError(f"{file} is no COCO file: it has no list {' and no list '.join(missing)}.")
    return content


class _Document:
    """One file."""

    def __init__(self, reading: Reading, file: str, labels: dict[str, dict[str, Scalar]]) -> None:
        self._reading, self._file = reading, file
        self._content = _load(reading, file)
        self._labels = self._categories(labels)

    def images(self) -> list[AnnotatedImage]:
        """Return its images with their annotations."""
        heads = self._heads()
        found: dict[int, list[Annotation]] = {key: [] for key in heads}
        seen: set[object] = set()
        for n, row in enumerate(self._content["annotations"]):
            where = f"annotations[{n}]"
            try:
                record = _record(row)
                key = whole(record.get("image_id"), "image_id")
                if key not in heads:
                    raise ValueError(f"image_id: {key} is not among the images")
                # Files without ids are read; the same id twice is a mistake.
                if record.get("id") is not None and (own := whole(record["id"], "id")) in seen:
                    raise ValueError(f"id: {own} stands there twice; the first is taken")
                seen.add(record.get("id"))
                values = self._values(record, heads[key])
            except (ValueError, TypeError) as error:
                self._fault(where, error)
                continue
            one = self._reading.build(self._file, where, **values)
            if one is not None:
                found[key].append(one)
        return [_with(head, found[key]) for key, head in heads.items()]

    def _categories(self, labels: dict[str, dict[str, Scalar]]) -> dict[int, str]:
        known: dict[int, str] = {}
        about: dict[int, dict[str, Scalar]] = {}
        for n, row in enumerate(self._content["categories"]):
            where = f"categories[{n}]"
            try:
                record = _record(row)
                key = whole(record.get("id"), "id")
                if key in known:
                    raise ValueError(f"id: {key} stands there twice; the first is taken")
            except ValueError as error:
                self._fault(where, error)
                continue
            name = self._reading.label(self._file, where, record.get("name"))
            if name:
                known[key] = name
                about[key] = scalars({k: v for k, v in record.items() if k not in ("id", "name")})
        for key in sorted(known):
            labels.setdefault(known[key], about[key])
        return known

    def _heads(self) -> dict[int, AnnotatedImage]:
        heads: dict[int, AnnotatedImage] = {}
        for n, row in enumerate(self._content["images"]):
            where = f"images[{n}]"
            try:
                record = _record(row)
                key = whole(record.get("id"), "id")
                if key in heads:
                    raise ValueError(f"id: {key} stands there twice; the first is taken")
                width, height = size(record.get("width"), record.get("height"))
                frame = record.get("frame")
                name = self._reading.file_name(self._file, where, record.get("file_name"))
                if name:
                    about = scalars({k: v for k, v in record.items() if k not in _IMAGE_FIELDS})
                    heads[key] = AnnotatedImage(
                        name,
                        width,
                        height,
                        (),
                        None if frame is None else whole(frame, "frame", 0),
                        "",
                        about,
                    )
            except ValueError as error:
                self._fault(where, error)
        return heads

    def _values(self, record: Mapping[str, Any], image: AnnotatedImage) -> dict[str, Any]:
        key = whole(record.get("category_id"), "category_id")
        if key not in self._labels:
            raise ValueError(f"category_id: {key} is not among the categories")
        given = record.get("attributes")
        attributes = scalars(given) if isinstance(given, Mapping) else {}
        if record.get("iscrowd") not in (None, 0, False):
            attributes["iscrowd"] = True
        score = attributes.pop("score", None) if record.get("score") is None else record["score"]
        track = attributes.pop("track_id", None) if record.get("track_id") is None else record["track_id"]
        rotation = number(attributes.pop("rotation", 0.0) or 0.0, "rotation") % 360
        if record.get("keypoints"):
            self._reading.tally.add("Keypoints of {n} annotation{s} are left out; box and outline are read.")
        if attributes.pop("image_level", False):
            shape: dict[str, Any] = {"shape": "tag"}
        else:
            shape = self._shape(record, image, rotation)
        return {
            "label": self._labels[key],
            **shape,
            "score": None if score is None else number(score, "score"),
            "track_id": None if track is None else whole(track, "track_id"),
            "attributes": attributes,
        }

    def _shape(self, record: Mapping[str, Any], image: AnnotatedImage, rotation: float) -> dict[str, Any]:
        segmentation = record.get("segmentation")
        box = _box(record.get("bbox"))
        if isinstance(segmentation, Mapping):
            return {"shape": "mask", "mask": _mask(segmentation, image)}
        rings = self._rings(segmentation)
        turned = _ANGLE_ZERO < rotation < 360 - _ANGLE_ZERO
        if rings:
            if turned and len(rings) == 1 and geometry.is_rectangle(rings[0], 0.05):
                return {"shape": "rotated_box", "points": rings[0]}
            self._compare(box, rings)
            return {"shape": "polygon", "points": rings[0], "parts": tuple(rings[1:])}
        if box is None:
            raise ValueError("bbox: there is none, and no segmentation")
        left, top, width, height = box
        if not (width > 0 and height > 0):
            raise ValueError(f"bbox: {width:g} x {height:g} px, expected a width and a height above 0")
        if turned:
            # As CVAT writes it: the box before it was turned, and the angle.
            return {
                "shape": "rotated_box",
                "points": geometry.turned(left, top, left + width, top + height, rotation),
            }
        return {"shape": "box", "points": ((left, top), (left + width, top + height))}

    def _rings(self, segmentation: object) -> list[Ring]:
        if segmentation is None or segmentation == []:
            return []
        if not isinstance(segmentation, list):
            raise ValueError(f"segmentation: {shown(segmentation)}, expected outlines or run lengths")
        outlines = segmentation if isinstance(segmentation[0], list) else [segmentation]
        rings = []
        for one in outlines:
            if not isinstance(one, list):
                raise ValueError("segmentation: expected lists of x and y by turns")
            ring = opened(pairs([number(value, "segmentation") for value in one]))
            if len(ring) < 3:
                self._reading.tally.add("Outlines of fewer than 3 points are left out: {n}.")
            else:
                rings.append(ring)
        return rings

    def _compare(self, box: tuple[float, float, float, float] | None, rings: list[Ring]) -> None:
        if box is None:
            return
        xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
        around = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
        if max(abs(a - b) for a, b in zip(box, around, strict=True)) > _BOX_TOLERANCE_PX:
            self._reading.tally.add(
                "{n} box{s} differed by more than 1 px from the outline; the outline is taken."
            )

    def _fault(self, where: str, error: Exception) -> None:
        field, _, message = str(error).partition(": ")
        self._reading.fault(self._file, where, field if message else "", message or field)


def write(writing: Writing) -> None:
    """Write one JSON file."""
    data = writing.dataset
    categories = [
        coco.Category(
            name,
            str(about.get("supercategory") or ""),
            {k: v for k, v in about.items() if k not in _CATEGORY_FIELDS},
        )
        for name in data.labels
        for about in (data.about.get(name, {}),)
    ]
    images = (
        coco.Image(
            image.file_name, image.width or 0, image.height or 0, [_annotation(one) for one in image.annotations],
            {
                **{k: v for k, v in image.attributes.items() if k not in _IMAGE_FIELDS},
                **({} if image.frame is None else {"frame": image.frame}),
            },
        )
        for image in data.images
    )  # fmt: skip
    document = coco.document({"description": "Converted by Tidelab"}, categories, images, edges="keep")
    writing.path.write_bytes(coco.to_bytes(document))


def _annotation(one: Annotation) -> coco.Annotation:
    attributes = {name: value for name, value in one.attributes.items() if name != "iscrowd"}
    if one.score is not None:
        attributes["score"] = round(one.score, 6)
    if one.track_id is not None:
        attributes["track_id"] = one.track_id
    mask: Any = None
    limits = geometry.bounds(one)
    if one.mask is not None:
        mask = {"size": [one.mask.height, one.mask.width], "counts": rle.to_text(one.mask)}
    elif one.shape in ("polygon", "rotated_box"):
        mask = [[round(v, DECIMALS) for point in ring for v in point] for ring in (one.points, *one.parts)]
    if one.shape == "rotated_box":
        angle = round(geometry.unturned(one.points)[4], 4)
        if _ANGLE_ZERO < angle < 360 - _ANGLE_ZERO:
            attributes["rotation"] = angle
        else:
            mask = None
    box = None if limits is None else (limits[0], limits[1], limits[2] - limits[0], limits[3] - limits[1])
    return coco.Annotation(
        one.label,
        box,
        mask,
        geometry.area_px2(one) if box else None,
        attributes,
        bool(one.attributes.get("iscrowd")),
    )


def _record(row: object) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"{shown(row)}, expected an object")
    return row


def _box(value: object) -> tuple[float, float, float, float] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"bbox: {shown(value)}, expected x, y, width, height")
    x, y, width, height = (number(one, "bbox") for one in value)
    return x, y, width, height


def _mask(segmentation: Mapping[str, Any], image: AnnotatedImage) -> rle.Mask:
    sides, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(sides, list) or len(sides) != 2:
        raise ValueError(f"segmentation: size {shown(sides)}, expected height and width")
    height, width = whole(sides[0], "segmentation size", 1), whole(sides[1], "segmentation size", 1)
    if image.size is not None and image.size != (width, height):
        raise ValueError(
            f"segmentation: a mask of {width} x {height} px, the picture is {image.width} x {image.height} px"
        )
    if isinstance(counts, str):
        return rle.from_text(counts, height, width)
    if isinstance(counts, list):
        return rle.Mask(height, width, tuple(whole(run, "segmentation counts", 0) for run in counts))
    raise ValueError(f"segmentation: counts {shown(counts)}, expected run lengths")


def _with(head: AnnotatedImage, annotations: list[Annotation]) -> AnnotatedImage:
    return AnnotatedImage(
        head.file_name, head.width, head.height, tuple(annotations), head.frame, "", head.attributes
    )


FORMAT: Final = Format(
    name="coco",
    title="COCO",
    definition="https://cocodataset.org/#format-data",
    shapes=frozenset(("box", "rotated_box", "polygon", "mask", "tag")),
    carries=frozenset(
        ("parts", "score", "track", "attributes", "negatives", "frame", "order", "size", "names")
    ),
    ending=".json",
    read=read,
    write=write,
    recognises=recognises,
    needs_size=True,
)
