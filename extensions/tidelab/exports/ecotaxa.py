"""A run as a zip that EcoTaxa imports: one table and the original images."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tidelab.domain.sample import Sample
from tidelab.exports.ecotaxa_rows import (
    Sheet,
    annotation,
    object_id,
    process_values,
    sample_values,
    sizes,
)
from tidelab.exports.facts import DEMO_NOTE, Facts, listed
from tidelab.exports.pictures import Picture, portable
from tidelab.exports.registry import Export, Exported, ExportError, Progress, no_objects_in_pictures
from tidelab.exports.zips import writing_zip
from tidelab.formats.ecotaxa.write import Value, write_table
from tidelab.runs import RunFolder
from tidelab.runs.originals import originals

_NAMED: Final = 5
"""Images that a note names; of the others it gives the number and the reason."""


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the zip.

    Images whose file is gone or was changed are left out, with a note: EcoTaxa has no object without an image.

    Raises
    ------
    ExportError
        When no image of the run can be had again.
    tidelab.runs.RunError
        When a file of the run is missing or damaged.
    """
    reason = no_objects_in_pictures(run)
    if reason:
        raise ExportError(reason)
    facts = Facts.of(run)
    maker = _Maker(facts)
    total = len(facts.determinations)
    with writing_zip(out) as archive:
        for done, (row, known_as, picture) in enumerate(_with_pictures(facts), start=1):
            if picture.problem:
                maker.left_out.setdefault(picture.problem, []).append(str(row["image"]))
            else:
                archive.add(maker.add(row, known_as, picture), picture.content, packed=False)
            if progress:
                progress(done, total)
        if not maker.sheet.rows:
            raise ExportError(_nothing(maker.left_out))
        archive.add(f"ecotaxa_{run.run_id}.tsv", write_table(maker.sheet.columns(), maker.sheet.rows))
    return Exported(out, tuple(maker.notes()))


def _with_pictures(facts: Facts) -> Iterator[tuple[dict[str, Any], str, Picture]]:
    rows = facts.determinations.to_dict("records")
    for row, original in zip(rows, originals(facts.run), strict=True):
        yield {str(name): value for name, value in row.items()}, original.object_id, portable(original)


class _Maker:
    """Turns images into lines, and keeps count of what a person must know."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._statistics = facts.run.statistics()
        self._by_id = dict(zip(self._statistics.index, self._statistics.to_numpy(), strict=True))
        self._process = process_values(facts.manifest)
        self._scales = {name: sample.um_per_px for name, sample in facts.samples.items()}
        self._samples = {name: sample_values(sample) for name, sample in facts.samples.items()}
        self._files: Counter[str] = Counter()
        self._images_of: Counter[str] = Counter()
        self._without_sample = self._converted = self._unnamed = 0
        self.sheet = Sheet([str(name) for name in self._statistics.columns])
        self.left_out: dict[str, list[str]] = {}

    def add(self, row: dict[str, Any], known_as: str, picture: Picture) -> str:
        """Add the line of an image; return where its picture goes in the zip.

        `known_as` is the object's name in the EcoTaxa bundle that was analysed: with it EcoTaxa finds the object again.
        """
        name = self._unique(object_id(str(row["sample_id"]), str(row["image"]), str(row["image_id"])))
        path = f"images/{name}{picture.suffix}"
        meaning = self._facts.meanings.of
        noted = annotation(row, meaning(str(row["predicted_label"])), meaning(str(row["label"])))
        self._unnamed += not noted
        self._converted += picture.converted
        measured = self._by_id.get(row["image_id"], ())
        known_as = known_as or name
        self._images_of[known_as] += 1
        scale = self._scales.get(str(row["sample_id"]))
        self.sheet.rows.append(
            {
                "img_file_name": path, "img_rank": self._images_of[known_as] - 1, "object_id": known_as,
                "object_image": str(row["image"]), "object_image_id": str(row["image_id"]),
                "object_predicted_label": str(row["predicted_label"]), "object_score": float(row["score"]),
                "object_label_kind": meaning(str(row["label"])).kind,
                **sizes(dict(zip(self.sheet.statistics, measured, strict=False)), scale),
                **{f"object_{column}": float(value) for column, value in zip(self.sheet.statistics, measured, strict=False)},
                **noted, **self._place(str(row["sample_id"])), **self._process,
            }
        )  # fmt: skip
        return path

    def _unique(self, name: str) -> str:
        # Copies of one image whose paths differ in signs that an object_id cannot hold.
        self._files[name] += 1
        return name if self._files[name] == 1 else f"{name}_{self._files[name]}"

    def _place(self, sample_id: str) -> dict[str, Value]:
        self._without_sample += not sample_id
        name = sample_id or f"no_sample_{self._facts.run.run_id}"
        known = self._samples.setdefault(sample_id, sample_values(Sample(sample_id=name)))
        # An acquisition of EcoTaxa belongs to one sample.
        return {"sample_id": name, "acq_id": f"acq_{name}", **known}

    def notes(self) -> Iterator[str]:
        """Yield what a person must know, most important first."""
        if self._facts.is_demo:
            yield DEMO_NOTE
        for problem, images in self.left_out.items():
            yield f"{_count(len(images), 'image was', 'images were')} left out ({listed(images, _NAMED)}): {problem}"
        if self._unnamed:
            yield f"{_count(self._unnamed, 'image has', 'images have')} no name: category and status are empty."
        if self._without_sample:
            yield (
                f"{_count(self._without_sample, 'image belongs', 'images belong')} to no known sample; in EcoTaxa they are in sample "
                f"no_sample_{self._facts.run.run_id}."
            )
        several = sum(number > 1 for number in self._images_of.values())
        if several:
            yield (
                f"{_count(several, 'object has', 'objects have')} several images, which the model names one by one; EcoTaxa keeps the "
                "name of the first."
            )
        missing = [name for name, value in self._gaps() if value]
        if missing:
            yield f"Not known, and therefore left empty for some or all samples: {', '.join(missing)}."
        if self._converted:
            yield f"{_count(self._converted, 'TIFF picture was', 'TIFF pictures were')} saved as PNG (8 bit), for EcoTaxa takes no TIFF."
        yield from self._facts.label_notes()
        yield (
            "EcoTaxa asks for every category and person that it does not know by these names, before anything is imported: "
            f"{listed(sorted({str(row['object_annotation_category']) for row in self.sheet.rows if row.get('object_annotation_category')}))}."
        )

    def _gaps(self) -> Iterator[tuple[str, bool]]:
        for title, column in (
            ("position", "object_lat"),
            ("date", "object_date"),
            ("depth", "object_depth_min"),
        ):
            yield title, any(row.get(column) in (None, "") for row in self.sheet.rows)


def _nothing(left_out: dict[str, list[str]]) -> str:
    problem, images = max(
        left_out.items(), key=lambda item: len(item[1]), default=("The run has no images.", [])
    )
    return (
        f"No image of the run can be had again, and EcoTaxa takes no object without one. {listed(images, _NAMED)}: {problem} "
        "Put the images back where they were, or analyse them again."
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


EXPORT: Final = Export(
    name="ecotaxa",
    title="EcoTaxa (zip)",
    detail="table and images, to import into a project of EcoTaxa",
    media_type="application/zip",
    suffix=".zip",
    available=no_objects_in_pictures,
    write=write,
)
