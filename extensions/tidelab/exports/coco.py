"""A run as a COCO file: every image with its name in force, for tools that read COCO (CVAT, FiftyOne, detectron ...)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tidelab.catalogue.task import NO_OBJECT
from tidelab.exports.annotated import OBJECT_NOTE, Marked, count_of, pictures_of, without_object
from tidelab.exports.facts import DEMO_NOTE, Facts
from tidelab.exports.registry import Export, Exported, ExportError, Progress, not_finished
from tidelab.formats.coco import Annotation, Category, Image, Scalar, document, to_bytes
from tidelab.runs import RunFolder
from tidelab.runs.files import write_bytes
from tidelab.runs.meaning import LabelMeaning

UNKNOWN_KIND: Final = "unknown kind"
CONVENTION: Final = (
    "A class of a whole image is an annotation whose box is the whole image, with the attribute image_level; an image without one has "
    "no name."
)


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the file; raises `ExportError` or `tidelab.runs.RunError`."""
    facts = Facts.of(run)
    categories = [_category(meaning) for meaning in _meanings(facts)]
    try:
        content = document(_info(facts), categories, _images(facts, progress))
    except ValueError as error:
        raise ExportError(
            f"The COCO file cannot be made: {error}. Run the analysis again: finished images are kept."
        ) from None
    write_bytes(out, to_bytes(content))
    return Exported(out, tuple(_notes(facts)))


EXPORT: Final = Export(
    name="coco",
    title="COCO annotations",
    detail="for annotation and training tools: one JSON file; the images stay where they are",
    media_type="application/json",
    suffix=".json",
    available=not_finished,
    write=write,
)


def _info(facts: Facts) -> dict[str, Scalar]:
    demo = f"{DEMO_NOTE} " if facts.is_demo else ""
    return {
        "description": f"{demo}{facts.title}, run {facts.run.run_id}. {OBJECT_NOTE if facts.run.finds_objects else CONVENTION}",
        "version": "1.0",
        "date_created": str(facts.manifest["finished"]),
        "contributor": str(facts.manifest["person"]),
        "model": facts.model_words,
    }


def _meanings(facts: Facts) -> Iterator[LabelMeaning]:
    # What a person calls no object is no class of objects.
    yield from (
        one for one in facts.meanings.values() if one.label != NO_OBJECT or not facts.run.finds_objects
    )
    for label in sorted(set(facts.determinations["label"]) - {"", *facts.meanings}):
        yield facts.meanings.of(label)


def _category(meaning: LabelMeaning) -> Category:
    known: dict[str, Scalar] = {
        "title": meaning.title if meaning.title != meaning.label else "",
        "aphia_id": meaning.aphia_id,
        "rank": meaning.rank,
        "life_stage": meaning.life_stage,
        "scientific_name": meaning.scientific_name,
    }
    return Category(
        meaning.label, meaning.kind or UNKNOWN_KIND, {key: value for key, value in known.items() if value}
    )


def _images(facts: Facts, progress: Progress | None) -> Iterator[Image]:
    total = count_of(facts)
    for done, one in enumerate(pictures_of(facts), start=1):
        about: dict[str, Scalar] = {"sha256": one.image_id.removeprefix("sha256:")}
        if one.sample_id:
            about["sample_id"] = one.sample_id
        if one.time:
            about["date_captured"] = one.time
        annotations = [_annotation(marked) for marked in one.marked if marked.row["label"]]
        yield Image(one.image, one.width, one.height, annotations, about)
        if progress:
            progress(done, total)


def _annotation(marked: Marked) -> Annotation:
    row = marked.row
    attributes: dict[str, Scalar] = {
        "status": str(row["status"]),
        "predicted_label": str(row["predicted_label"]),
    }
    # The score is the model's for its own name, and says nothing of a person's.
    attributes["score"] = float(row["score"])
    for key in ("validated_by", "validated_at", "audit"):
        if row[key]:
            attributes[key] = str(row[key])
    return Annotation(str(row["label"]), box=marked.box, attributes=attributes)


def _notes(facts: Facts) -> Iterator[str]:
    if facts.is_demo:
        yield DEMO_NOTE
    objects = facts.run.finds_objects
    yield OBJECT_NOTE if objects else CONVENTION
    table = facts.determinations
    unnamed = int((table["label"] == "").sum())
    if unnamed:
        yield f"{unnamed} of {len(table)} {'objects' if objects else 'images'} have no name and no annotation."
    if none := without_object(facts):
        yield f"{none} boxes in which a person saw no object are left out."
    yield from facts.label_notes()
    yield "The images are not in the file: file_name is their path below what was analysed."
