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
from tidelab.runs.log import RunLog
from tidelab.runs.methods import citation_text, methods_paragraph, package_note
from tidelab.runs.pipeline import ImageResult
from tidelab.runs.request import RunRequest
from tidelab.runs.samples import SAMPLES_FILE, write_samples
from tidelab.runs.verdicts import reach_verdict

OUTPUTS: Final = (
    "results.csv", "counts.csv", "samples.csv", "failed_files.csv", "statistics.csv", "verdict.json", "methods.md", "CITATION.txt",
    "manifest.json",
)  # fmt: skip
"""What a person takes away, and what the RO-Crate lists: it lies in the package too, and must name nothing that is not there."""


@dataclass(frozen=True)
class Scene:
    """What the products of a run are made of."""

    folder: Path
    request: RunRequest
    use_case: UseCase
    bundle: ModelBundle
    samples: Samples
    cache: ResultCache
    log: RunLog


def write_tables(scene: Scene, results: Sequence[ImageResult], failures: Sequence[FailedFile]) -> Verdict:
    """Write tables, embeddings and verdict; return the verdict."""
    folder, use_case = scene.folder, scene.use_case
    threshold = float(scene.request.parameters.get("threshold", 0.0))
    aphia = tables.aphia_ids(use_case, scene.bundle.card)
    labelled = tables.label_images(results, scene.bundle.card.labels, threshold)
    tables.write_results(
        folder / "results.csv", results, labelled, aphia, scene.samples, scene.request.person
    )
    write_samples(folder / SAMPLES_FILE, scene.samples, [result.name for result in results])
    tables.write_counts(folder / "counts.csv", labelled, aphia)
    tables.write_failed(folder / "failed_files.csv", failures)
    tables.write_statistics(folder / "statistics.csv", results)
    tables.write_inputs(folder / "inputs.csv", results)
    tables.write_embeddings(folder / "embeddings.npy", results, scene.bundle.card.embedding_dim)
    tables.write_probabilities(folder / "probabilities.npy", results, len(scene.bundle.card.labels))
    verdict = reach_verdict(
        results, [one.best for one in labelled], scene.bundle, use_case, scene.cache, scene.log,
        sample_ids=[scene.samples.sample_id(result.name) for result in results],
    )  # fmt: skip
    write_text(folder / "verdict.json", verdict.model_dump_json(indent=2) + "\n")
    return verdict


def write_provenance(scene: Scene, manifest: dict[str, Any], verdict: Verdict) -> None:
    """Write manifest, texts and RO-Crate; a crate that cannot be made is told in the log and in the manifest."""
    folder, use_case = scene.folder, scene.use_case
    write_text(folder / "methods.md", methods_paragraph(manifest, verdict, use_case.slug))
    write_text(folder / "CITATION.txt", citation_text(manifest, use_case))
    write_text(
        folder / "README.txt",
        package_note(manifest, (*OUTPUTS, "samples.csv", "inputs.csv", "ro-crate-metadata.json")),
    )
    write_json(folder / "manifest.json", manifest)
    try:
        from tidelab.runs.crate import write_crate

        write_crate(folder, manifest, use_case, OUTPUTS)
    except OSError:
        raise
    except Exception as error:
        scene.log.error("The RO-Crate could not be made; manifest.json holds the same provenance", error)
        write_json(
            folder / "manifest.json", {**manifest, "ro_crate_problem": f"{type(error).__name__}: {error}"}
        )
