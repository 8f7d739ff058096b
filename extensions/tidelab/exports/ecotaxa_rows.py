"""What EcoTaxa is told of one image: object, annotation, sample, acquisition, process."""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import splitext
from typing import Any, Final

import numpy as np

from tidelab.domain.determination import ECOTAXA_STATUS
from tidelab.domain.sample import SAMPLE_FIELDS, Sample
from tidelab.formats.ecotaxa.rules import NUMBER, PREDEFINED, TEXT
from tidelab.formats.ecotaxa.write import Value
from tidelab.runs.meaning import LabelMeaning
from tidelab.science.biovolume import equivalent_diameter_um, sphere_um3

OBJECT_COLUMNS: Final = {
    "img_file_name": TEXT, "img_rank": NUMBER, "object_id": TEXT,
    "object_lat": NUMBER, "object_lon": NUMBER, "object_date": TEXT, "object_time": TEXT,
    "object_depth_min": NUMBER, "object_depth_max": NUMBER,
    "object_annotation_category": TEXT, "object_annotation_status": TEXT, "object_annotation_person_name": TEXT,
    "object_annotation_person_email": TEXT, "object_annotation_date": TEXT, "object_annotation_time": TEXT,
    "object_predicted_label": TEXT, "object_label_kind": TEXT, "object_image": TEXT, "object_image_id": TEXT, "object_score": NUMBER,
    "object_esd_um": NUMBER, "object_biovolume_sphere_um3": NUMBER,
}  # fmt: skip
"""Columns of every table; those of EcoTaxa's own that nothing is known of are left out."""

_ALWAYS: Final = ("img_file_name", "img_rank", "object_id")
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_MAX_STEM: Final = 160
_DIGEST_LETTERS: Final = 12
_NOT_LIVING: Final = {"non-living": "not-living", "artefact": "artefact"}
_STANDING_ALONE: Final = ("detritus", "artefact", "not-living")
"""Categories that EcoTaxa has without a parent in their name (``detritus`` is in its own test bundles)."""


def object_id(sample_id: str, image: str, image_id: str) -> str:
    """Return the name of an object: where the image is and what it is, so that the same image gets the same name in every run.

    >>> object_id("St 1", "St 1/roi 7.png", "sha256:" + "ab" * 32)
    'St_1_roi_7_abababababab'
    """
    digest, _, page = image_id.removeprefix("sha256:").partition("#")
    stem = splitext(image.partition("#")[0])[0].removeprefix("./")
    stem = stem if not sample_id or stem.startswith(sample_id) else f"{sample_id}/{stem}"
    parts = [
        _UNSAFE.sub("_", stem)[-_MAX_STEM:].strip("_"),
        digest[:_DIGEST_LETTERS],
        f"p{page}" if page else "",
    ]
    return "_".join(part for part in parts if part)


def category(meaning: LabelMeaning) -> str:
    """Return what EcoTaxa calls a class, as far as its declaration tells.

    A taxon by its scientific name; a life stage as ``stage<taxon``, what does not live as ``name<not-living`` and an artefact as
    ``name<artefact``, which is how EcoTaxa writes a category with its parent. EcoTaxa asks for every name that it does not know.
    """
    if meaning.kind == "life-stage" and meaning.scientific_name and meaning.life_stage:
        return f"{meaning.life_stage}<{meaning.scientific_name}"
    if meaning.kind == "taxon" and meaning.scientific_name:
        return meaning.scientific_name
    parent = _NOT_LIVING.get(meaning.kind)
    if parent is None or meaning.label.lower() in _STANDING_ALONE:
        return meaning.label.lower() if parent else meaning.label
    return f"{meaning.label}<{parent}"


def annotation(row: Mapping[str, Any], predicted: LabelMeaning, named: LabelMeaning) -> dict[str, Value]:
    """Return category, status, person and time of an image.

    Parameters
    ----------
    row
        Of the determinations.
    predicted, named
        What the model's label and the label in force mean.

    Returns
    -------
    Nothing at all for an image that nobody named. One that a person could not name is ``dubious`` with the model's name, which in
    EcoTaxa says: probably not this.
    """
    status = str(row["status"])
    meaning = predicted if status == "unknown" else named
    if not meaning.label:
        return {}
    found: dict[str, Value] = {
        "object_annotation_category": category(meaning),
        "object_annotation_status": ECOTAXA_STATUS[status],
    }
    if status != "predicted":
        person = str(row["validated_by"])
        found["object_annotation_person_name"] = person
        found["object_annotation_person_email"] = person if "@" in person else ""
        day, clock = _day_and_time(str(row["validated_at"]))
        found |= {"object_annotation_date": day, "object_annotation_time": clock}
    return found


def sample_values(sample: Sample) -> dict[str, Value]:
    """Return what is known of a sample, in the columns where EcoTaxa users keep it (`tidelab.domain.sample.SAMPLE_FIELDS`)."""
    values: dict[str, Value] = {}
    for name in sample.known():
        value = getattr(sample, name)
        if isinstance(value, datetime.datetime):
            values["object_date"], values["object_time"] = f"{value:%Y%m%d}", f"{value:%H%M%S}"
            continue
        column = next(iter(SAMPLE_FIELDS[name].ecotaxa), f"sample_{name}")
        # EcoTaxa keeps what is not of the object as text.
        values[column] = value if column in PREDEFINED or isinstance(value, str) else f"{value:.10g}"
    return values


def sizes(statistics: Mapping[str, float], um_per_px: float | None) -> dict[str, Value]:
    """Return equivalent spherical diameter and biovolume of a particle that was found in an image whose scale is known."""
    area = statistics.get("area_px", 0.0)
    if um_per_px is None or not area > 0:
        return {}
    diameter = equivalent_diameter_um(np.array([area]), um_per_px)
    return {
        "object_esd_um": float(diameter[0]),
        "object_biovolume_sphere_um3": float(sphere_um3(diameter)[0]),
    }


def process_values(manifest: Mapping[str, Any]) -> dict[str, Value]:
    """Return how the images were classified: software, model, threshold, run."""
    model, code = manifest["model"], manifest["code"]
    threshold = manifest["parameters"].get("threshold")
    return {
        "process_id": f"{model['name']}-{str(model['digest']).removeprefix('sha256:')[:_DIGEST_LETTERS]}-{manifest['run']}",
        "process_software": f"Tidelab {code['tidelab']}",
        "process_software_commit": str(code.get("commit") or ""),
        "process_use_case": str(manifest["use_case"]["slug"]),
        "process_model": str(model["name"]),
        "process_model_version": str(model["version"] or ""),
        "process_model_digest": str(model["digest"]),
        "process_demonstration_model": "yes: not for science" if model["demo"] else "no",
        "process_score_threshold": "" if threshold is None else f"{threshold:g}",
        "process_run": str(manifest["run"]),
    }


@dataclass
class Sheet:
    """The lines of a table, and the columns they need.

    Parameters
    ----------
    statistics
        Names of the image statistics, which become ``object_<name>``.
    """

    statistics: Sequence[str]
    rows: list[dict[str, Value]] = field(default_factory=list)

    def columns(self) -> dict[str, str]:
        """Return column -> type: those that hold at least one value, in a fixed order."""
        used = {column for row in self.rows for column, value in row.items() if value not in (None, "")}
        known = OBJECT_COLUMNS | {f"object_{name}": NUMBER for name in self.statistics}
        order = [column for column in known if column in used or column in _ALWAYS]
        others = sorted(used - set(known), key=lambda column: (_rank(column), column))
        return {column: known.get(column, TEXT) for column in (*order, *others)}


def _rank(column: str) -> tuple[int, bool]:
    prefix = column.partition("_")[0]
    return ("object", "sample", "acq", "process").index(prefix), column != f"{prefix}_id"


def _day_and_time(text: str) -> tuple[str, str]:
    try:
        moment = datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    except ValueError:
        return "", ""
    return f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
