"""Execute one run, from its request to its products. However it ends, ``state.json`` says so in words."""

import errno
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelab import paths
from tidelab.catalogue import CatalogueError, UseCase, load_usecase
from tidelab.domain.state import RunState
from tidelab.models import ModelBundle, ModelError, Predictor, load_predictor
from tidelab.runs.cache import ResultCache
from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.folder import LOCK_FILE, LOG_FILE, RunFolder
from tidelab.runs.hooks import Hooks, load_hooks
from tidelab.runs.inputs.collect import Collection, collect
from tidelab.runs.inputs.decode import configure_pillow
from tidelab.runs.inputs.reading import ReaderContext, call_reader
from tidelab.runs.inputs.samples import Samples, given_values, samples_of
from tidelab.runs.inputs.taken import TIME_ZONE, checked_time_zone
from tidelab.runs.items import Finding
from tidelab.runs.keys import KeyMaker
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.manifest import detection_manifest, make_manifest
from tidelab.runs.measuring import Measure, Measuring
from tidelab.runs.methods import detection_words
from tidelab.runs.objects import Thresholds
from tidelab.runs.own_products import RESTS_ON, make_products, words_of_people
from tidelab.runs.pipeline import Pipeline
from tidelab.runs.policy import cache_file, honest
from tidelab.runs.processes import FileLock
from tidelab.runs.products import Scene, write_provenance, write_tables
from tidelab.runs.progress import CANCEL_FILE, Progress, now
from tidelab.runs.reader import running_context
from tidelab.runs.request import SAMPLE, RunRequest
from tidelab.runs.samples import samples_manifest
from tidelab.runs.slots import slot
from tidelab.runs.sweep import forget_upload, sweep_quietly
from tidelab.runs.tables import write_failed
from tidelab.runs.thumbnails import ThumbnailWriter
from tidelab.runs.usage import Counted, count_run
from tidelab.runs.validation.adopt import adopt_earlier
from tidelab.runs.verdicts import remember_verdict
from tidelab.science.particle_size import MEASURE, particle_size

_LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class _Ready:
    request: RunRequest
    use_case: UseCase
    bundle: ModelBundle
    predictor: Predictor
    hooks: Hooks
    thresholds: Thresholds | None
    time_zone: str


def execute(folder: RunFolder, *, own_process: bool = False, stop: threading.Event | None = None) -> RunState:
    """Execute a run in this process and return its last state; never raises for anything that inputs or models do.

    Parameters
    ----------
    folder
        Made by `tidelab.runs.prepare`. A run that is done stays as it is; one that failed, was cancelled or was interrupted goes
        on from what the cache holds.
    own_process
        Whether this process does nothing else, so that a cancellation may end it.
    stop
        Set from outside to cancel.

    Raises
    ------
    RunError
        When the folder is no run, or another process executes it.
    """
    request = folder.request
    sweep_quietly(folder.runs_root)
    lock = FileLock(folder.path / LOCK_FILE)
    until = time.monotonic() + _LOCK_SECONDS
    while not lock.acquire():
        # A reader looks at the lock for an instant; only a run holds it for longer.
        if time.monotonic() > until:
            raise RunError(
                f"Run {folder.run_id} is being executed by another process. Wait for it, or cancel it first."
            )
        time.sleep(0.05)
    try:
        before = folder.state()
        if before.status == "done":
            return before
        if before.is_over:
            # The wish to cancel belonged to the attempt before.
            (folder.path / CANCEL_FILE).unlink(missing_ok=True)
        with Progress(folder.path, own_process=own_process, cancelled=stop) as progress:
            _attempt(folder, progress)
            if request.policy == "ephemeral":
                forget_upload(folder)
            return progress.state
    finally:
        lock.release()


def _attempt(folder: RunFolder, progress: Progress) -> None:
    log = RunLog(folder.path / LOG_FILE)
    log.write("The run begins.")
    kept = folder.request.policy != "ephemeral"

    def finish(*, status: str, step: str, message: str) -> None:
        progress.finish(status=status, step=step, message=honest(message, kept=kept))

    try:
        _in_a_slot(folder, progress, log)
    except RunCancelled:
        log.write("The run was cancelled.")
        finish(status="cancelled", step="", message="The run was cancelled. Finished images are kept.")
    except (RunError, CatalogueError, ModelError) as error:
        log.write(f"The run failed: {error}")
        finish(status="failed", step="", message=str(error))
    except Exception as error:
        log.error("The run failed", error)
        # The disk may be too full to say so: then the reader finds a run whose process is gone, and says that.
        with suppress(OSError):
            finish(status="failed", step="", message=_sentence(error))


def _in_a_slot(folder: RunFolder, progress: Progress, log: RunLog) -> None:
    def waiting(ahead: int) -> None:
        if progress.cancelled.is_set():
            raise RunCancelled
        words = f"{ahead} run{'s' if ahead != 1 else ''} ahead" if ahead else "next in line"
        progress.update(status="queued", step=f"Waiting for a free place: {words}")

    def work() -> None:
        progress.update(status="running", step="Loading the model", started=now())
        _run(folder, progress, log)

    _with_slot(work, waiting, log)


def _with_slot(work: Callable[[], None], waiting: Callable[[int], None], log: RunLog) -> None:
    places = paths.data() / "run-slots"
    try:
        places.mkdir(parents=True, exist_ok=True)
        (places / "last").touch()
    except OSError as error:
        log.write(
            f"The data folder cannot be written ({error.strerror}); the number of runs at once is not limited."
        )
        return work()
    with slot(places, waiting):
        return work()


def _run(folder: RunFolder, progress: Progress, log: RunLog) -> None:
    started, clock = now(), time.monotonic()
    ready = _load(folder.request)
    limits = Limits.of(ready.use_case)
    configure_pillow(limits)
    context = running_context(folder, ready.use_case, limits, progress, log)
    try:
        _run_in(context, folder, ready, progress, started, clock)
    finally:
        context.clean()
    log.write("The run is done.")
    progress.finish(status="done", step="", message="")


def _run_in(
    context: ReaderContext, folder: RunFolder, ready: _Ready, progress: Progress, started: str, clock: float
) -> None:
    log, limits = context.log, context.limits
    progress.update(step="Looking at the files")
    collection = _collect(ready, context)
    samples = _samples(ready, collection, log)
    slug, kind = ready.use_case.slug, ready.request.policy
    path = cache_file(folder.runs_root, slug, kind)
    try:
        with ResultCache(path, log.write, f"{slug}/{folder.run_id}") as cache:
            pipeline = _predict_all(folder, ready, collection, cache, limits, progress, log)
            progress.update(step="Writing the results")
            scene = Scene(
                folder.path, ready.request, ready.use_case, ready.bundle, samples, pipeline.cache, log,
                thresholds=ready.thresholds,
            )  # fmt: skip
            verdict = write_tables(scene, pipeline.results, pipeline.failures)
            computed = cache.computed()
        pipeline.thumbnails.finish()
        manifest = make_manifest(
            ready.request, ready.use_case, ready.bundle, ready.predictor, pipeline, started, folder.runs_root
        )
        manifest["side_files"] = [source.name for source in collection.side_files]
        manifest["samples"] = samples_manifest(scene, collection, pipeline.failures, limits)
        manifest |= _of_hooks(ready, pipeline, log)
        write_provenance(folder.path, ready.use_case, manifest, verdict, log)
        # Before the files are made: what people said of the same images stands in them.
        adopt_earlier(folder, log)
        if ready.hooks.products:
            progress.update(step="Making the files of this use case")
            manifest[RESTS_ON] = words_of_people(folder)
            made = make_products(folder, ready.use_case, ready.hooks.products, context)
            manifest |= {**made.manifest(), "finished": now()}
            write_provenance(folder.path, ready.use_case, manifest, verdict, log)
        counted = Counted(
            [result.image_id for result in pipeline.results],
            pipeline.work.predicted if computed is None else computed,
            remember=kind != "ephemeral",
        )
        count_run(folder.path, manifest, ready.request.usage, counted, time.monotonic() - clock, log)
        remember_verdict(folder, verdict, log)
    finally:
        collection.close()


def _of_hooks(ready: _Ready, pipeline: Pipeline, log: RunLog) -> dict[str, Any]:
    """Return what the manifest says of hooks and of a detector's objects."""
    found: dict[str, Any] = {}
    if digests := ready.hooks.digests():
        found["hooks"] = {"sources": digests, "measures": dict(ready.hooks.key)}
    if ready.thresholds is not None:
        said = detection_manifest(pipeline.results, ready.bundle.card, ready.thresholds)
        log.write(detection_words(said))
        found["detection"] = said
    return found


def _load(request: RunRequest) -> _Ready:
    use_case = load_usecase(Path(request.use_case_folder))
    bundle = ModelBundle.load(Path(request.model.folder))
    if bundle.digest != request.model.digest:
        raise RunError(
            f"The model in {request.model.folder} is not the one this run was asked with: it changed in between. "
            "Start the analysis again as a new run."
        )
    hooks, task = load_hooks(use_case), use_case.task
    predictor = load_predictor(bundle, task.predictor, search=[str(use_case.source_folder)])
    given = request.parameters.get("threshold")
    thresholds = Thresholds.of(bundle.card, given) if task.finds_objects else None
    zone = checked_time_zone(request.parameters.get(TIME_ZONE))
    return _Ready(request, use_case, bundle, predictor, hooks, thresholds, zone)


def _collect(ready: _Ready, context: ReaderContext) -> Collection:
    log = context.log
    sample = ready.request.images == [SAMPLE]
    given = (
        [ready.use_case.sample_folder.resolve()] if sample else [Path(path) for path in ready.request.images]
    )
    reader = ready.hooks.reader
    collection = collect(given, context.limits, call_reader(*reader, context) if reader else None)
    for note in collection.notes:
        log.write(note)
    if collection.ignored:
        log.write(f"Hidden and system files that were passed over: {collection.ignored}.")
    if collection.side_files:
        log.write(
            f"Tables and texts beside the images that belong to no image: {len(collection.side_files)}."
        )
    return collection


def _predict_all(
    folder: RunFolder,
    ready: _Ready,
    collection: Collection,
    cache: ResultCache,
    limits: Limits,
    progress: Progress,
    log: RunLog,
) -> Pipeline:
    finding = Finding(ready.thresholds, ready.time_zone) if ready.thresholds is not None else None
    progress.update(step="Looking for objects in the pictures" if finding else "Classifying the images")
    # The particle of an image is measured, and a picture with many objects is no image of one.
    sizes = ready.use_case.samples.measures_sizes and finding is None
    measures: dict[str, Measure] = {"particle size": particle_size} if sizes else {}
    changing: dict[str, Any] = {"measure": MEASURE} if sizes else {}
    if ready.hooks.measures:
        changing["measures"] = ready.hooks.key
    pipeline = Pipeline(
        measuring=Measuring({**measures, **ready.hooks.measures}),
        finding=finding,
        predictor=ready.predictor,
        n_labels=len(ready.bundle.card.labels),
        cache=cache,
        keys=KeyMaker(ready.bundle, ready.predictor, changing),
        limits=limits,
        progress=progress,
        thumbnails=ThumbnailWriter(folder.path),
        log=log,
        failures=list(collection.failures),
    )
    try:
        pipeline.run(collection.sources)
    except BaseException:
        pipeline.thumbnails.discard()
        raise
    if not pipeline.results:
        pipeline.thumbnails.discard()
        write_failed(folder.path / "failed_files.csv", pipeline.failures)
        raise _nothing_left(pipeline)
    return pipeline


def _samples(ready: _Ready, collection: Collection, log: RunLog) -> Samples:
    """Bring together what is known of the samples; what is wrong with it is told like a file that cannot be used."""
    label = SAMPLE if ready.request.images == [SAMPLE] else collection.label
    samples, problems = samples_of(collection, label, given_values(ready.request.parameters))
    collection.failures += problems
    for fact in collection.facts:
        for note in fact.notes:
            log.write(note)
    return samples


def _nothing_left(pipeline: Pipeline) -> RunError:
    # What is wrong with a table is a row too, and not why there is nothing to show.
    first = next(
        (row for row in pipeline.failures if not row.kind.startswith("samples-")), pipeline.failures[0]
    )
    count = len(pipeline.failures)
    files = "The only file" if count == 1 else f"None of the {count} files"
    verb = "could not be used" if count == 1 else "could be used"
    return RunError(f"{files} {verb}. The first: {first.image}: {first.reason} {first.next_step}")


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return (
            "There is not enough memory. Close other programs or ask for a larger server, then run it again."
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or (isinstance(error, sqlite3.Error) and "full" in str(error)):
        return "The disk is full. Free some space and run it again: finished images are kept."
    if isinstance(error, OSError):
        place = f" ({Path(error.filename).name})" if isinstance(error.filename, str) else ""
        return f"A file of the run could not be written or read{place}: {error.strerror}. Run it again: finished images are kept."
    return (
        f"Something went wrong that should not ({type(error).__name__}). log.txt in the run's folder says what: "
        "send it to the maintainers. Finished images are kept."
    )
