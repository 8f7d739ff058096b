"""The verdict of a run: always one, grey with its reason when nothing can be said, and never a reason for a run to fail."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

import tidelab.drift
import tidelab.science
from tidelab.catalogue import UseCase
from tidelab.domain.verdict import Verdict
from tidelab.drift import Reference, Timeline, assess, cannot_tell
from tidelab.drift.timeline import SEVERAL, Flag
from tidelab.models import ModelBundle
from tidelab.runs.cache import ResultCache
from tidelab.runs.errors import RunError
from tidelab.runs.folder import RunFolder
from tidelab.runs.items import ImageResult
from tidelab.runs.log import RunLog
from tidelab.runs.request import SAMPLE
from tidelab.runs.versions import package_version


def reach_verdict(
    results: Sequence[ImageResult],
    labels: Sequence[str],
    bundle: ModelBundle,
    use_case: UseCase,
    cache: ResultCache,
    log: RunLog,
    sample_ids: Sequence[str] | None = None,
) -> Verdict:
    """Compare the images of a run with the reference of its model.

    Parameters
    ----------
    results
        Predicted images.
    labels
        Most probable class of each, whatever the threshold: the reference counts its classes the same way.
    bundle, use_case, cache, log
        Of the run. The same question is answered from the cache: its permutations cost more than all else in a repeated run.
    sample_ids
        Sample of each image, empty where not known.
    """
    demo = bundle.card.demo
    if not results:
        return cannot_tell("No image could be used.", demo=demo)
    key = _key(results, labels, bundle, use_case, sample_ids)
    known = _known(cache, key)
    if known:
        return known
    try:
        reference = Reference.load(bundle.reference) if bundle.reference else None
        verdict = assess(
            np.stack([result.embedding for result in results]),
            [result.statistics for result in results],
            labels,
            reference,
            use_case.drift,
            demo,
            image_ids=[result.image_id for result in results],
            images=[result.name for result in results],
            sample_ids=sample_ids,
        )
    except Exception as error:
        log.error("The comparison with the reference failed", error)
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        return cannot_tell(
            f"The comparison with the model's reference images failed: {first}",
            demo=demo,
            n_images=len(results),
        )
    cache.put_verdict(key, verdict.model_dump_json())
    return verdict


def _known(cache: ResultCache, key: bytes) -> Verdict | None:
    text = cache.get_verdict(key)
    try:
        return Verdict.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _key(
    results: Sequence[ImageResult],
    labels: Sequence[str],
    bundle: ModelBundle,
    use_case: UseCase,
    sample_ids: Sequence[str] | None,
) -> bytes:
    """Digest of the question, and of the code and libraries that answer it."""
    hasher = hashlib.sha256()
    for package in (tidelab.drift, tidelab.science):
        for file in sorted(Path(str(package.__file__)).parent.glob("*.py")):
            hasher.update(file.read_bytes())
    question = (
        {name: package_version(name) for name in ("numpy", "scipy", "pandas", "frouros")},
        # The card, and with it the digest of the reference.
        bundle.digest,
        use_case.drift.model_dump(mode="json"),
        list(labels),
        list(sample_ids) if sample_ids is not None else None,
        [(result.image_id, result.name, sorted(result.statistics.items())) for result in results],
    )
    hasher.update(json.dumps(question).encode())
    for result in results:
        hasher.update(result.embedding.tobytes())
    return hasher.digest()


def remember_verdict(folder: RunFolder, verdict: Verdict, log: RunLog) -> None:
    """Add the verdict to the person's timeline; a timeline that cannot be written is told in the log."""
    request = folder.request
    flags: list[Flag] = ["demo"] if request.model.demo else []
    if request.images == [SAMPLE]:
        flags.append("sample")
    if request.usage.purpose == "test":
        flags.append("test")
    site, camera, instrument = _place(folder)
    try:
        Timeline(folder.runs_root).append(
            verdict,
            use_case=request.use_case,
            model=request.model.name,
            version=request.model.version,
            model_digest=request.model.digest,
            run=request.run_id,
            flags=tuple(flags),
            site=site,
            camera=camera,
            instrument=instrument,
        )
    except OSError as error:
        log.write(f"The verdict was not added to the timeline: {error.strerror}.")


def _place(folder: RunFolder) -> tuple[str, str, str]:
    """Return site, camera and instrument that all samples of the run share; '' where not known, `SEVERAL` where they differ."""
    try:
        table = folder.samples()
    except RunError:
        return "", "", ""
    found = []
    for column in ("station", "camera", "instrument"):
        values = {str(value) for value in table[column].dropna() if str(value)} if column in table else set()
        found.append(values.pop() if len(values) == 1 else SEVERAL if values else "")
    return found[0], found[1], found[2]
