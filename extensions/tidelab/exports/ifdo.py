"""A run as an iFDO: the image set with where, when, with what, and the names that model and persons gave."""

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tidelab.domain.results import BOX_DECIMALS
from tidelab.domain.sample import Sample
from tidelab.exports.annotated import OBJECT_NOTE, Picture, count_of, pictures_of, without_object
from tidelab.exports.facts import DEMO_NOTE, Facts
from tidelab.exports.registry import Export, Exported, ExportError, Progress, not_finished
from tidelab.formats.ifdo import (
    WGS84,
    Annotation,
    Creator,
    Given,
    Item,
    Label,
    date_time,
    document,
    missing_fields,
    stable_uuid,
    to_bytes,
)
from tidelab.formats.ifdo_header import HEADER_FILE, HeaderError, read_header
from tidelab.runs import RunFolder
from tidelab.runs.beneath import is_file
from tidelab.runs.files import write_bytes
from tidelab.runs.owner import Owner

_PERSON: Final = "person:"


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the file; raises `ExportError` or `tidelab.runs.RunError`."""
    facts = Facts.of(run)
    try:
        given = _given_header(run)
        base = str(given.pop("image-handle", ""))
        items = [*_items(facts, base, progress)]
        content = document({**_header(facts), **given}, items, _labels(facts), _creators(facts))
    except HeaderError as error:
        raise ExportError(str(error)) from None
    except ValueError as error:
        raise ExportError(f"The iFDO cannot be made: {error}.") from None
    write_bytes(out, to_bytes(content))
    return Exported(out, tuple(_notes(facts, content)))


EXPORT: Final = Export(
    name="ifdo",
    title="iFDO 2.1.0",
    detail="for image repositories: the image set and its annotations as a FAIR digital object",
    media_type="application/json",
    suffix=".json",
    available=not_finished,
    write=write,
)


def _given_header(run: RunFolder) -> dict[str, Any]:
    # What lies in the folder of the run counts before what lies beside the images.
    owner = Owner.of(run)
    images = [
        Path(image)
        for image in run.request.images
        if image != "sample" and (owner is None or owner.may_read(image))
    ]
    for place in (run.path, *(image if image.is_dir() else image.parent for image in images[:1])):
        file = place / HEADER_FILE
        if is_file(file):
            return read_header(file)
    return {}


def _header(facts: Facts) -> dict[str, Any]:
    demo = f"{DEMO_NOTE} " if facts.is_demo else ""
    return {
        "image-set-name": f"{facts.title} {facts.run.run_id}",
        "image-set-uuid": stable_uuid(facts.slug, facts.run.run_id),
        "image-coordinate-reference-system": WGS84,
        "image-abstract": f"{demo}{_contents(facts)} by the model {facts.model_words}"
        " and, where an annotation says so, by a person.",
    }


def _contents(facts: Facts) -> str:
    if facts.run.finds_objects:
        return f"{count_of(facts)} images with {len(facts.determinations)} objects, found and named"
    return f"{len(facts.determinations)} images, named"


def _items(facts: Facts, base: str, progress: Progress | None) -> Iterator[Item]:
    total = count_of(facts)
    known = {name: _sample_fields(sample) for name, sample in facts.samples.items()}
    for done, one in enumerate(pictures_of(facts), start=1):
        fields = {
            "image-uuid": stable_uuid("image", facts.slug, facts.run.run_id, one.image),
            "image-hash-sha256": one.image_id.removeprefix("sha256:"),
            **known.get(one.sample_id, {}),
        }
        if one.time:
            fields["image-datetime"] = date_time(datetime.datetime.fromisoformat(one.time))
        if base:
            fields["image-handle"] = base.rstrip("/") + "/" + quote(one.image, errors="backslashreplace")
        yield Item(one.image, fields, [*_annotations(facts, one)])
        if progress:
            progress(done, total)


def _annotations(facts: Facts, picture: Picture) -> Iterator[Annotation]:
    for one in picture.marked:
        given = [*_given(facts, one.row)]
        if given and one.box is None:
            yield Annotation(given)
        elif given and one.box is not None:
            x, y, width, height = one.box
            corners = (x, y, x + width, y, x + width, y + height, x, y + height)
            yield Annotation(given, "rectangle", [round(value, BOX_DECIMALS) for value in corners])


def _given(facts: Facts, row: Mapping[str, Any]) -> Iterator[Given]:
    if row["predicted_label"]:
        finished = str(facts.manifest["finished"])
        yield Given(str(row["predicted_label"]), _model_id(facts), finished, float(row["score"]))
    if row["status"] == "validated":
        yield Given(str(row["label"]), f"{_PERSON}{row['validated_by']}", str(row["validated_at"]))


def _sample_fields(sample: Sample) -> dict[str, Any]:
    fields: dict[str, Any] = {"image-event": {"name": sample.sample_id}} if sample.sample_id else {}
    if sample.time is not None:
        fields["image-datetime"] = date_time(sample.time)
    if sample.latitude is not None and sample.longitude is not None:
        fields |= {"image-latitude": sample.latitude, "image-longitude": sample.longitude}
    # One depth is a height; a range is none, and its middle was not measured.
    if sample.depth_min_m is not None and sample.depth_min_m == sample.depth_max_m:
        fields["image-altitude-meters"] = -sample.depth_min_m + 0.0
    if sample.platform:
        fields["image-platform"] = {"name": sample.platform}
    sensor = ", ".join(part for part in (sample.instrument, sample.camera) if part)
    return {**fields, "image-sensor": {"name": sensor}} if sensor else fields


def _labels(facts: Facts) -> Iterator[Label]:
    table = facts.determinations
    for label in sorted({*table["label"], *table["predicted_label"]} - {""}):
        meaning = facts.meanings.of(label)
        aphia = f"AphiaID {meaning.aphia_id} ({meaning.aphia_words})" if meaning.aphia_id else ""
        parts = (
            meaning.kind or "of unknown kind",
            meaning.scientific_name,
            meaning.rank,
            meaning.life_stage,
            aphia,
        )
        yield Label(label, meaning.title or label, "; ".join(part for part in parts if part))


def _creators(facts: Facts) -> Iterator[Creator]:
    yield Creator(_model_id(facts), facts.model_words)
    for person in sorted(set(facts.determinations["validated_by"]) - {""}):
        yield Creator(f"{_PERSON}{person}", str(person))


def _model_id(facts: Facts) -> str:
    return f"model:{facts.manifest['model']['digest']}"


def _notes(facts: Facts, content: Mapping[str, Any]) -> Iterator[str]:
    if facts.is_demo:
        yield DEMO_NOTE
    header, item = missing_fields(content)
    if header or item:
        what = [f"in the header {', '.join(header)}"] if header else []
        what += [f"of images {', '.join(item)}"] if item else []
        yield (
            f"Not yet a complete iFDO. Required and not known: {'; '.join(what)}. Put what you know into a file {HEADER_FILE} beside the "
            "images or in the folder of the run, and export again; image-handle in it is the address of the folder where the images can be fetched."
        )
    if facts.run.finds_objects:
        yield OBJECT_NOTE
        if none := without_object(facts):
            yield f"{none} boxes in which a person saw no object are left out."
    where = "Position and depth" if facts.run.finds_objects else "Time, position and depth"
    yield (
        f"{where} are those of the sample. iFDO wants image-uuid inside the image files too; they were not changed."
    )
    unknown = int((facts.determinations["status"] == "unknown").sum())
    if unknown:
        yield f"{unknown} images that a person could not name carry the model's name alone."
    yield from facts.label_notes()
