"""The reader of the use case: a ZooProcess project becomes the objects of its scans.

What was computed of a scan is kept in the person's cache under the digests of the scan and its blanks, the settings and the versions of the
code: a second run, or one that goes on after a stop, segments nothing again. A scan that cannot be processed costs itself and is told.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.failures import FailedFile
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.source import FileSource, Source
from tidelab.runs.names import display_name, sort_key
from zooscan import features, scan, store
from zooscan.counted import measured, store_path
from zooscan.header import sample_facts
from zooscan.legacy_text import TextError, read_text
from zooscan.objects import CancelledError, Grey, Mask, ProcessedScan, ScanError
from zooscan.project import Project, ProjectError, Scan, is_project, read_project
from zooscan.settings import ProcessSettings, SettingsError
from zooscan.sources import ObjectSource
from zooscan.store import Store, StoredObject, StoredScan, StoreError

VERSION: Final = "2"
STATES_FILE: Final = "scans.json"
"""In the run's scratch folder: what became of each scan of the projects, for views and sums."""

_MEMO: Final = "digests.json"
_BLOCK: Final = 2**22
_DEEP: Final = 3


def read(given: Sequence[Path], found: Collection, context: ReaderContext) -> None:
    """Take ZooProcess projects out of an input; see `tidelab.runs.hooks`.

    Raises
    ------
    RunError
        When the input holds no project, or nothing of it can be analysed.
    """
    context.keep_scratch = True  # products and the review page cut objects apart later
    roots = [root for path in given for root in _projects(path)]
    if not roots:
        raise RunError(
            "There is no ZooProcess project in the input: expected a folder with Zooscan_scan/_raw (or raw) beside Zooscan_config and "
            "Zooscan_meta. Choose the project's own folder, unpacked."
        )
    states: dict[str, Any] = {"scans": {}, "expected": {}, "faults": []}
    objects: list[Source] = []
    for root in roots:
        project = read_project(root)
        _leave_out(found, root, given)
        _tell(project, found, context, states)
        objects += _objects(project, found, context, states)
    found.sources = sorted([*found.sources, *objects], key=lambda source: sort_key(source.key))
    context.scratch.mkdir(parents=True, exist_ok=True)
    (context.scratch / STATES_FILE).write_text(json.dumps(states), encoding="utf-8")
    if not objects and not found.failures:
        raise RunError(_nothing_new(states))


def _projects(path: Path, depth: int = _DEEP) -> Iterator[Path]:
    """Yield the projects at or below a folder."""
    if is_project(path):
        yield path
    elif depth and path.is_dir():
        for inner in sorted(path.iterdir()):
            if not inner.is_symlink():
                yield from _projects(inner, depth - 1)


def _leave_out(found: Collection, root: Path, given: Sequence[Path]) -> None:
    """Take every file of a project from the collection: its pictures are scans and blanks, none is one of one object."""
    base = root.resolve()

    def outside(source: Source) -> bool:
        return not (isinstance(source, FileSource) and source.path.resolve().is_relative_to(base))

    found.sources = [source for source in found.sources if outside(source)]
    found.side_files = [source for source in found.side_files if outside(source)]
    # What the general reader disliked there (no picture, a zip of ZooProcess) is not about pictures. Its names are relative to what was given.
    tops = [*given, Path(os.path.commonpath([path.parent for path in given]))]
    found.failures = [
        row for row in found.failures if not any((top / row.image).is_relative_to(root) for top in tops)
    ]


def _tell(project: Project, found: Collection, context: ReaderContext, states: dict[str, Any]) -> None:
    counts = {status: len(project.by_status(status)) for status in ("new", "done", "incomplete")}
    found.notes.append(
        f"{project.root.name}: {len(project.scans)} scans, {counts['new']} new, {counts['done']} processed by ZooProcess, "
        f"{counts['incomplete']} incomplete."
    )
    for fault in project.faults:
        found.failures.append(
            _failed(
                fault.file,
                str(fault),
                "A file as ZooProcess writes it.",
                "Correct it in the project and run again.",
            )
        )
        states["faults"].append(str(fault))
    for one in project.scans:
        found.notes += one.notes
    states["expected"] |= {sample: list(names) for sample, names in project.expected.items()}


def _objects(
    project: Project, found: Collection, context: ReaderContext, states: dict[str, Any]
) -> Iterator[Source]:
    every = context.parameters.get("scans", "new") == "all"
    facts: dict[str, SampleFacts] = {}
    settings = _settings(project, found)
    for place, one in enumerate(project.scans):
        state = {
            "sample_id": one.header.sample_id,
            "status": one.status,
            "reasons": list(one.reasons),
            "objects": 0,
        }
        states["scans"][one.scan_id] = state
        if one.status == "incomplete" or (
            one.status == "done" and (not every or one.blanks is None or one.size is None)
        ):
            if one.status == "incomplete" or every:
                found.failures.append(_incomplete(one))
            continue
        if settings is None:
            state |= {"status": "incomplete", "reasons": ["The configuration of the project cannot be used."]}
            continue
        context.stop_if_cancelled()
        try:
            opened = _stored(one, settings, context, place, len(project.scans))
        except (ScanError, StoreError, ValueError, OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in (28, 122):  # a full disk is no scan's fault
                raise
            words = str(error) or type(error).__name__
            state |= {"status": "failed", "reasons": [words]}
            found.failures.append(
                _failed(
                    one.raw.name,
                    words,
                    "A raw scan of ZooScan with its two blanks.",
                    "Scan it again, or leave it out.",
                )
            )
            continue
        found.cleanups.append(opened.close)
        state |= {"status": "processed", "reasons": [], "objects": len(opened.scan.objects)}
        _remember_sample(one, facts, found)
        for source in _sources(opened):
            found.sample_of[source.name] = display_name(one.header.sample_id)
            found.object_of[source.name] = store.object_id(one.scan_id, source.number)
            yield source
    found.facts += facts.values()


def _settings(project: Project, found: Collection) -> ProcessSettings | None:
    if project.config is None or project.lut is None:
        return None
    try:
        return ProcessSettings.from_config(read_text(project.config), read_text(project.lut))
    except (SettingsError, TextError) as error:
        words = f"The configuration of {project.root.name} cannot be used: {error}"
        found.failures.append(
            _failed(
                project.config.name,
                words,
                "The configuration as ZooProcess writes it.",
                "Correct it and run again.",
            )
        )
        return None


def _sources(opened: Store) -> Iterator[ObjectSource]:
    known = opened.scan
    for one in known.objects:
        values: dict[str, float | str] = {
            "object_id": store.object_id(known.scan_id, one.number), "scan": known.scan_id, "fraction": known.fraction,
        }  # fmt: skip
        values |= {name: float("nan") if value is None else value for name, value in one.features.items()}
        yield ObjectSource(opened, one.number, values)


def _remember_sample(one: Scan, facts: dict[str, SampleFacts], found: Collection) -> None:
    sample_id = display_name(one.header.sample_id)
    if sample_id in facts:
        return
    values, faults = sample_facts(one.header)
    for fault in faults:
        found.failures.append(
            _failed(
                fault.file,
                str(fault),
                "A header as ZooProcess writes it.",
                "Correct the header and run again.",
            )
        )
    facts[sample_id] = SampleFacts(sample_id, values)


def _stored(one: Scan, settings: ProcessSettings, context: ReaderContext, place: int, total: int) -> Store:
    """Return the objects of a scan: from the cache, or processed now."""
    assert one.blanks is not None

    def tell(step: str, done: int, of: int) -> None:
        share = f"{100 * done // of} %" if of else "..."
        context.progress(f"{one.scan_id}, {step}: {share}; scans", place, total)

    tell("reading", 0, 1)
    key = _key(one, settings, context)
    kept = context.cache / f"{key}.zip"
    if not _usable(kept):
        context.cache.mkdir(parents=True, exist_ok=True)
        work = context.scratch / "process"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            blanks = (one.blanks.first, one.blanks.second)
            processed = scan.process_scan(one.raw, blanks, settings, work, tell, context.cancelled)
            _keep(kept, one, processed)
        except CancelledError:
            raise RunCancelled from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
    mine = (
        store_path(context.scratch.parent, one.scan_id)
        if context.scratch.parent == context.folder
        else context.scratch / f"{key}.zip"
    )
    return Store(_linked(kept, mine))


def _key(one: Scan, settings: ProcessSettings, context: ReaderContext) -> str:
    assert one.blanks is not None
    files = [_digest(path, context) for path in (one.raw, one.blanks.first, one.blanks.second)]
    header = [one.scan_id, dict(one.header.values), {name: dict(values) for name, values in one.log.items()}]
    versions = [VERSION, store.FORMAT, features.VERSION, scan.VERSION]
    text = json.dumps([files, header, asdict(settings), versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(path: Path, one: Scan, processed: ProcessedScan) -> None:
    assert one.blanks is not None
    picture = processed.picture()
    found = [
        StoredObject(
            each.id,
            each.x_px,
            each.y_px,
            each.width_px,
            each.height_px,
            measured(each.crop(picture), each.mask(), each.x_px, each.y_px),
        )
        for each in processed.objects
    ]
    for number, each in enumerate(found, start=1):
        if each.number != number:
            raise ScanError(f"object {number} of {one.scan_id} has the number {each.number}")
    facts = {
        "width_px": processed.width_px, "height_px": processed.height_px, "median_16bit": processed.median, "mean_16bit": processed.mean,
        "level_min": processed.level_min, "level_max": processed.level_max, "bw_ratio": processed.bw_ratio,
        "blank": one.blanks.first.name, "raw": one.raw.name,
    }  # fmt: skip
    quality = tuple(
        {"name": word.name, "value": word.value, "good": word.good, "words": word.words}
        for word in processed.quality
    )
    log = {name: dict(values) for name, values in one.log.items()}
    header = dict(one.header.values)
    stored = StoredScan(
        one.scan_id,
        one.header.sample_id,
        one.header.fraction,
        header,
        log,
        asdict(processed.settings),
        quality,
        facts,
        tuple(found),
    )

    def pixels() -> Iterator[tuple[Grey, Mask]]:
        for each in processed.objects:
            yield each.crop(picture), each.mask()

    store.write(path, stored, pixels())


def _usable(path: Path) -> bool:
    try:
        Store(path).close()
    except StoreError:
        path.unlink(missing_ok=True)
        return False
    return True


def _linked(kept: Path, mine: Path) -> Path:
    """Put a file of the cache into the run: clearing the cache then takes nothing from the run."""
    mine.parent.mkdir(parents=True, exist_ok=True)
    temporary = mine.with_name(f".{mine.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        temporary.hardlink_to(kept)
    except OSError:  # another disk
        shutil.copyfile(kept, temporary)
    temporary.replace(mine)
    temporary.unlink(missing_ok=True)  # of one file with two names a rename takes none away
    return mine


def _digest(path: Path, context: ReaderContext) -> str:
    """Return the sha256 of a file; one that was not touched since is not read again."""
    status = path.stat()
    name = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}"
    memo_path = context.cache / _MEMO
    try:
        memo: Mapping[str, str] = json.loads(memo_path.read_text(encoding="utf-8"))
        known = memo.get(name, "") if isinstance(memo, dict) else ""
    except (OSError, ValueError):
        memo, known = {}, ""
    if isinstance(known, str) and len(known) == 64:
        return known
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
            context.stop_if_cancelled()
    context.cache.mkdir(parents=True, exist_ok=True)
    temporary = memo_path.with_name(f".{_MEMO}.{os.getpid()}")
    temporary.write_text(
        json.dumps({**(memo if isinstance(memo, dict) else {}), name: hasher.hexdigest()}), encoding="utf-8"
    )
    temporary.replace(memo_path)
    return hasher.hexdigest()


def _incomplete(one: Scan) -> FailedFile:
    return _failed(
        one.raw.name,
        " ".join(one.reasons),
        "A raw scan with its log and two blanks taken before it.",
        "Complete the project and run again.",
    )


def _failed(name: str, reason: str, expected: str, next_step: str) -> FailedFile:
    return FailedFile(display_name(name), "zooscan", display_name(reason), expected, next_step)


def _nothing_new(states: Mapping[str, Any]) -> str:
    done = [name for name, state in states["scans"].items() if state["status"] == "done"]
    if done:
        return f"There is nothing new: {len(done)} scans were processed by ZooProcess. Choose 'all' to process them again."
    return "There is nothing to analyse: the scans hold no objects. Look at the project in ZooProcess."


__all__ = ["Project", "ProjectError", "read"]
