"""A run as a COCO file: every image with its name in force, for tools that read COCO (CVAT, FiftyOne, detectron ...)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tidelab.exports.facts import DEMO_NOTE, Facts
from tidelab.exports.registry import Export, Exported, ExportError, Progress, not_finished
from tidelab.formats.coco import Annotation, Category, Image, Scalar, document, to_bytes
from tidelab.runs import RunFolder
from tidelab.runs.files import write_bytes
from tidelab.runs.meaning import LabelMeaning

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_KIND: Final = "unknown kind"
CONVENTION: Final = (
    "A class of a whole image is an annotation whose box is the whole image, with the attribute image_level; an image without one has "
    "no name."
)


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the file; raises `ExportError` or `tidelab.runs.RunError`."""
    facts = Facts.of(run)
    sizes = _sizes(run)
    categories = [_category(meaning) for meaning in _meanings(facts)]
    try:
        content = document(_info(facts), categories, _images(facts, sizes, progress))
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
        "description": f"{demo}{facts.title}, run {facts.run.run_id}. {CONVENTION}",
        "version": "1.0",
        "date_created": str(facts.manifest["finished"]),
        "contributor": str(facts.manifest["person"]),
        "model": facts.model_words,
    }


def _meanings(facts: Facts) -> Iterator[LabelMeaning]:
    yield from facts.meanings.values()
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


def _images(facts: Facts, sizes: Mapping[str, tuple[int, int]], progress: Progress | None) -> Iterator[Image]:
    total = len(facts.determinations)
    for done, row in enumerate(facts.rows(), start=1):
        width, height = sizes[str(row["image"])]
        about: dict[str, Scalar] = {"sha256": str(row["image_id"]).removeprefix("sha256:")}
        if row["sample_id"]:
            about["sample_id"] = str(row["sample_id"])
        annotations = [_annotation(row)] if row["label"] else []
        yield Image(str(row["image"]), width, height, annotations, about)
        if progress:
            progress(done, total)


def _annotation(row: Mapping[str, Any]) -> Annotation:
    attributes: dict[str, Scalar] = {
        "status": str(row["status"]),
        "predicted_label": str(row["predicted_label"]),
    }
    # The score is the model's for its own name, and says nothing of a person's.
    attributes["score"] = float(row["score"])
    for key in ("validated_by", "validated_at", "audit"):
        if row[key]:
            attributes[key] = str(row[key])
    return Annotation(str(row["label"]), attributes=attributes)


def _sizes(run: RunFolder) -> dict[str, tuple[int, int]]:
    table: pd.DataFrame = run.statistics()
    try:
        names = run.results()["image"]
        widths, heights = table["width_px"].astype(int), table["height_px"].astype(int)
        return dict(zip(names, zip(widths, heights, strict=True), strict=True))
    except (KeyError, ValueError):
        raise ExportError(
            f"{run.path / 'statistics.csv'} does not hold the size of every image. Run the analysis again: finished images are kept."
        ) from None


def _notes(facts: Facts) -> Iterator[str]:
    if facts.is_demo:
        yield DEMO_NOTE
    yield CONVENTION
    table = facts.determinations
    unnamed = int((table["label"] == "").sum())
    if unnamed:
        yield f"{unnamed} of {len(table)} images have no name and no annotation."
    yield from facts.label_notes()
    yield "The images are not in the file: file_name is their path below what was analysed."
