"""``samples.csv`` of a run: one row a sample with what is known of it and from whom; empty cells are not known."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tidelab.domain.sample import ORIGINS, SAMPLE_COLUMNS, SAMPLE_FIELDS, Sample
from tidelab.runs.errors import RunError
from tidelab.runs.failures import FailedFile, InputError
from tidelab.runs.files import write_text
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.inputs.sample_table import utc_text
from tidelab.runs.inputs.samples import KnownSample, Samples
from tidelab.runs.inputs.source import Source
from tidelab.runs.limits import Limits
from tidelab.runs.names import sort_key, spreadsheet_safe
from tidelab.runs.not_counted import lost_by_sample

if TYPE_CHECKING:
    import pandas as pd

    from tidelab.runs.products import Scene

SAMPLES_FILE: Final = "samples.csv"
_TEXTS: Final = ("station", "platform", "instrument", "camera")


def write_samples(path: Path, samples: Samples, images: Sequence[str]) -> None:
    """Write ``samples.csv``: columns `tidelab.domain.sample.SAMPLE_COLUMNS`, sorted by sample.

    Parameters
    ----------
    path
        The file.
    samples
        Of the run.
    images
        Display names of the images that were used.
    """
    counts = Counter(samples.sample_id(image) for image in images)
    names = sorted({*counts, *samples.from_input}, key=sort_key)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SAMPLE_COLUMNS)
    for name in names:
        known = samples.record(name)
        cells = [_cell(getattr(known.sample, field)) for field in SAMPLE_FIELDS]
        origins = ";".join(
            f"{field}={known.origins[field]}" for field in SAMPLE_FIELDS if field in known.origins
        )
        writer.writerow((name, counts[name], *cells, origins))
    write_text(path, text.getvalue())


def read_records(frame: "pd.DataFrame") -> dict[str, KnownSample]:
    """Return the samples of the table of a run (`RunFolder.samples`), with the origins of their values.

    Raises
    ------
    RunError
        When the table holds what no run writes.
    """
    found = {}
    for row in frame.to_dict("records"):
        values = {name: row[name] for name in SAMPLE_FIELDS if str(row[name]) not in ("", "nan")}
        pairs = [pair.partition("=") for pair in str(row["origins"]).split(";") if pair]
        origins = {
            field: origin for field, _, origin in pairs if field in SAMPLE_FIELDS and origin in ORIGINS
        }
        sample_id = str(row["sample_id"])
        try:
            found[sample_id] = KnownSample(
                Sample.model_validate({"sample_id": sample_id[:255], **values}), origins
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise RunError(
                f"{SAMPLES_FILE} of the run is damaged (sample {sample_id[:60]}, {first['loc'][0] if first['loc'] else 'depth'}: "
                f"{first['msg']}). Run the analysis again: finished images are kept."
            ) from None
    return found


def samples_manifest(
    scene: "Scene", collection: Collection, failures: Sequence[FailedFile], limits: Limits
) -> dict[str, Any]:
    """Return what ``manifest.json`` says of the samples.

    What was asked for, what was given, the files that say the rest, what they do not say, particles that are not counted (sample ->
    number), and samples that ``samples.csv`` names and no image belongs to.
    """
    files: dict[str, Source] = {file.key: file for fact in collection.facts for file in fact.files}
    if collection.samples_table:
        files[collection.samples_table.key] = collection.samples_table
    declared = scene.use_case.samples
    return {
        "effort": declared.effort,
        "fields": list(declared.fields),
        "given": {name: _cell(value) for name, value in scene.samples.given.items()},
        "files": [{"file": file.name, "digest": _digest(file, limits)} for file in files.values()],
        "not_said": [note for fact in collection.facts for note in fact.notes],
        "not_counted": lost_by_sample(failures, scene.samples, collection.facts),
        "without_images": _without_images(scene),
    }


def _without_images(scene: "Scene") -> list[str]:
    """Return the samples that only ``samples.csv`` names: probably misspelt there, or of another day."""
    with (scene.folder / SAMPLES_FILE).open(newline="", encoding="utf-8") as stream:
        written = {row["sample_id"] for row in csv.DictReader(stream)}
    return sorted(set(scene.samples.known) - written, key=sort_key)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, str):
        return spreadsheet_safe(value)
    return utc_text(value)  # type: ignore[arg-type]  # what is left is a time


def _digest(source: Source, limits: Limits) -> str:
    try:
        return f"sha256:{source.digest(limits)}"
    except InputError as error:
        return f"unread: {error}"
