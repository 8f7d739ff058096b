"""The reader of the use case: a ZooProcess project becomes the objects of its scans.

What was computed of a scan is kept in the person's cache under the digests of the scan and its blanks, the settings and the versions of the
code: a second run, or one that goes on after a stop, segments nothing again. A scan that cannot be processed costs itself and is told.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tidelab.runs.errors import RunError
from tidelab.runs.failures import FailedFile
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection, SampleFacts
from tidelab.runs.inputs.source import FileSource, Source
from tidelab.runs.names import display_name, sort_key
from zooscan import features, kept, scan, separation, store
from zooscan.header import sample_facts
from zooscan.legacy_text import TextError, read_text
from zooscan.objects import ScanError
from zooscan.project import Project, ProjectError, Scan, is_project, read_project
from zooscan.settings import ProcessSettings, SettingsError
from zooscan.sources import ObjectSource
from zooscan.store import StoreError

VERSIONS: Final[Mapping[str, tuple[str, bool]]] = {
    "zooscan.kept:VERSION": (kept.VERSION, False),
    "zooscan.store:FORMAT": (str(store.FORMAT), False),
    "zooscan.scan:VERSION": (scan.VERSION, True),
    "zooscan.features:VERSION": (features.VERSION, True),
    "zooscan.separation:VERSION": (separation.VERSION, True),
}
"""What stands for the code behind kept scans and proposals, and whether for the modules too that the named one computes with.
``tests/support/inference_digests.py`` sees to it that changed code gets another version."""

STATES_FILE: Final = "scans.json"
"""In the run's scratch folder: what became of each scan of the projects, for views and sums."""

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
        left = context.limits.images - len(found.sources) - len(objects)
        objects += _objects(project, found, context, states, left)
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
    project: Project, found: Collection, context: ReaderContext, states: dict[str, Any], left: int
) -> Iterator[Source]:
    """Yield the objects of the scans, at most `left`: what does not fit is told and remains for another run."""
    every = context.parameters.get("scans", "new") == "all"
    facts: dict[str, SampleFacts] = {}
    settings = _settings(project, found)
    waiting: list[Scan] = []
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
        if waiting:
            waiting.append(one)
            continue
        context.stop_if_cancelled()
        try:
            opened = kept.stored(one, settings, context, place, len(project.scans))
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
        number = len(opened.scan.objects)
        if number > left:
            opened.discard()
            waiting.append(one)
            continue
        left -= number
        found.cleanups.append(opened.close)
        state |= {"status": "processed", "reasons": [], "objects": number}
        _remember_sample(one, facts, found)
        for source in (ObjectSource(opened, each.number) for each in opened.scan.objects):
            found.sample_of[source.name] = display_name(one.header.sample_id)
            found.object_of[source.name] = store.object_id(one.scan_id, source.number)
            yield source
    found.facts += facts.values()
    _tell_waiting(waiting, found, context, states)


def _tell_waiting(
    waiting: Sequence[Scan], found: Collection, context: ReaderContext, states: dict[str, Any]
) -> None:
    """Say which scans the largest number of objects left out."""
    if not waiting:
        return
    most = f"One analysis takes at most {context.limits.images:,} objects"
    next_step = "Analyse them next: copy the project, leave only the raw scans that remain in it, and choose the copy."
    for one in waiting:
        words = f"{most}; this scan remains for another one."
        states["scans"][one.scan_id] |= {"status": "remains", "reasons": [words]}
        found.failures.append(
            _failed(
                one.raw.name, words, f"Scans of together up to {context.limits.images:,} objects.", next_step
            )
        )
    names = ", ".join(display_name(one.scan_id) for one in waiting)
    found.notes.append(f"{most}: {len(waiting)} scans remain for another one ({names}). {next_step}")


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
