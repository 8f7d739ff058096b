"""Everything a finished run leaves in its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidelab.catalogue import UseCase
from tidelab.domain.verdict import Verdict
from tidelab.models import ModelBundle
from tidelab.runs import tables
from tidelab.runs.cache import ResultCache
from tidelab.runs.failures import FailedFile
from tidelab.runs.files import write_json, write_text
from tidelab.runs.inputs.samples import Samples
from tidelab.runs.items import ImageResult
from tidelab.runs.log import RunLog
from tidelab.runs.methods import citation_text, methods_paragraph, package_note
from tidelab.runs.object_tables import DETECTIONS, OBJECTS, PICTURES, ObjectTables, write_objects
from tidelab.runs.objects import Thresholds
from tidelab.runs.request import RunRequest
from tidelab.runs.samples import SAMPLES_FILE, write_samples
from tidelab.runs.verdicts import reach_verdict

OUTPUTS: Final = (
    "results.csv", "counts.csv", "samples.csv", "failed_files.csv", "statistics.csv", "verdict.json", "methods.md", "CITATION.txt",
    "manifest.json",
)  # fmt: skip
"""What a person takes away, and what the RO-Crate lists: it lies in the package too, and must name nothing that is not there."""


OPTIONAL: Final = (PICTURES, DETECTIONS, OBJECTS)
"""What some runs give besides: those of a detector, and those whose reader measures objects."""


@dataclass(frozen=True)
class Scene:
    """What the products of a run are made of; `thresholds` are those of a detector, None for a model that names images."""

    folder: Path
    request: RunRequest
    use_case: UseCase
    bundle: ModelBundle
    samples: Samples
    cache: ResultCache
    log: RunLog
    thresholds: Thresholds | None = None


def write_tables(scene: Scene, results: Sequence[ImageResult], failures: Sequence[FailedFile]) -> Verdict:
    """Write tables, embeddings and verdict; return the verdict."""
    folder, use_case, card = scene.folder, scene.use_case, scene.bundle.card
    best = _write_names(scene, results)
    write_samples(folder / SAMPLES_FILE, scene.samples, [result.name for result in results])
    tables.write_failed(folder / "failed_files.csv", failures)
    tables.write_statistics(folder / "statistics.csv", results)
    tables.write_inputs(folder / "inputs.csv", results)
    tables.write_embeddings(folder / "embeddings.npy", results, card.embedding_dim)
    tables.write_probabilities(folder / "probabilities.npy", results, len(card.labels))
    write_objects(folder / OBJECTS, results)
    verdict = reach_verdict(
        results, best, scene.bundle, use_case, scene.cache, scene.log,
        sample_ids=[scene.samples.sample_id(result.name) for result in results],
    )  # fmt: skip
    write_text(folder / "verdict.json", verdict.model_dump_json(indent=2) + "\n")
    return verdict


def _write_names(scene: Scene, results: Sequence[ImageResult]) -> list[str]:
    """Write what the model said; return the label of each image for the verdict, of a picture without objects an empty one."""
    card, person = scene.bundle.card, scene.request.person
    aphia = tables.aphia_ids(scene.use_case, card)
    if scene.thresholds is not None:
        written = ObjectTables(results, card.labels, scene.thresholds, aphia, scene.samples, person)
        named = written.write(scene.folder)
        best = [_surest(result, card.labels) for result in results]
    else:
        threshold = float(scene.request.parameters.get("threshold") or 0.0)
        labelled = tables.label_images(results, card.labels, threshold)
        tables.write_results(scene.folder / "results.csv", results, labelled, aphia, scene.samples, person)
        named, best = [one.label for one in labelled], [one.best for one in labelled]
    tables.write_counts(scene.folder / "counts.csv", named, aphia)
    return best


def _surest(result: ImageResult, labels: Sequence[str]) -> str:
    # As the reference of a detector is made: the class of the surest stored object, whatever the thresholds.
    objects = result.detections
    return labels[int(objects.labels[0])] if objects is not None and len(objects) else ""


def write_provenance(
    folder: Path, use_case: UseCase, manifest: dict[str, Any], verdict: Verdict, log: RunLog
) -> None:
    """Write manifest, texts and RO-Crate; a crate that cannot be made is told in the log and in the manifest."""
    outputs = (*OUTPUTS, *OPTIONAL, *(str(one["file"]) for one in manifest.get("products", ())))
    there = [name for name in outputs if (folder / name).is_file() or name in OUTPUTS]
    write_text(folder / "methods.md", methods_paragraph(manifest, verdict, use_case.slug))
    write_text(folder / "CITATION.txt", citation_text(manifest, use_case))
    write_text(
        folder / "README.txt",
        package_note(manifest, (*there, "samples.csv", "inputs.csv", "ro-crate-metadata.json")),
    )
    write_json(folder / "manifest.json", manifest)
    try:
        from tidelab.runs.crate import write_crate

        write_crate(folder, manifest, use_case, there)
    except OSError:
        raise
    except Exception as error:
        log.error("The RO-Crate could not be made; manifest.json holds the same provenance", error)
        write_json(
            folder / "manifest.json", {**manifest, "ro_crate_problem": f"{type(error).__name__}: {error}"}
        )
