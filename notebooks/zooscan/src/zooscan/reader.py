"""The reader of the use case: a ZooProcess project becomes the objects of its scans.

What was computed of a scan is kept in the person's cache under the digests of the scan and its blanks, the settings and the versions of the
code: a second run, or one that goes on after a stop, segments nothing again. A scan that cannot be processed costs itself and is told.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tidelab.runs.errors import RunError
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.inputs.source import FileSource, Source
from tidelab.runs.names import sort_key
from zooscan import features, kept, scan, separation, store
from zooscan.chosen import PARAMETER, choose
from zooscan.gathering import Gathering, failed, nothing_new
from zooscan.project import Project, ProjectError, is_project, read_project
from zooscan.separators import PARAMETER as SEPARATOR
from zooscan.separators import keep_separator
from zooscan.zipped import unpack_projects

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

UNPACKED: Final = "unpacked"
"""In the run's scratch folder while it is read: projects that came in zip files."""

_DEEP: Final = 3


def read(given: Sequence[Path], found: Collection, context: ReaderContext) -> None:
    """Take ZooProcess projects, in folders or zip files, out of an input; see `tidelab.runs.hooks`.

    Raises
    ------
    RunError
        When the input holds no project, a scan is wanted that is not there, or nothing can be analysed.
    """
    context.keep_scratch = True  # products and the review page cut objects apart later
    context.scratch.mkdir(parents=True, exist_ok=True)
    unpacked = context.scratch / UNPACKED
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        _read(given, found, context, unpacked)
    finally:
        # The objects lie in files of their own by now.
        shutil.rmtree(unpacked, ignore_errors=True)


def _read(given: Sequence[Path], found: Collection, context: ReaderContext, unpacked: Path) -> None:
    roots = [root for path in given for root in _projects(path)]
    for root in roots:
        _leave_out(found, root, given)
    if context.scratch.parent == context.folder:  # not where originals are read again
        # Before anything is unpacked or processed: half an hour later is late for a file that is no separator.
        keep_separator(str(context.parameters.get(SEPARATOR) or ""), context.folder)
    context.progress("Looking into the project", 0, 0)
    roots += unpack_projects(found, unpacked, context.limits, context.stop_if_cancelled)
    if not roots:
        raise RunError(_no_project(found))
    projects = [read_project(root) for root in roots]
    wanted = choose(
        str(context.parameters.get(PARAMETER) or ""), [one for project in projects for one in project.scans]
    )
    taken = Gathering(found, context, wanted, context.limits.images - len(found.sources))
    states: dict[str, Any] = {"scans": taken.states, "expected": {}, "faults": []}
    objects: list[Source] = []
    for project in projects:
        _tell(project, found, states)
        objects += taken.objects(project)
    taken.tell_passed_over()
    taken.tell_waiting()
    found.sources = sorted([*found.sources, *objects], key=lambda source: sort_key(source.key))
    (context.scratch / STATES_FILE).write_text(json.dumps(states), encoding="utf-8")
    if not objects and not found.failures:
        raise RunError(nothing_new(taken.states))


def _no_project(found: Collection) -> str:
    # A zip that cannot be opened is the reason, where there is one.
    why = " ".join(f"{row.image}: {row.reason}" for row in found.failures[:2] if row.kind.startswith("zip-"))
    return (
        "There is no ZooProcess project in the input: expected a folder, or a zip of it, with Zooscan_scan/_raw (or raw) beside Zooscan_config "
        f"and Zooscan_meta. {why + ' ' if why else ''}Choose the project's own folder, or a zip of that folder."
    )


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


def _tell(project: Project, found: Collection, states: dict[str, Any]) -> None:
    counts = {status: len(project.by_status(status)) for status in ("new", "done", "incomplete")}
    found.notes.append(
        f"{project.root.name}: {len(project.scans)} scans, {counts['new']} new, {counts['done']} processed by ZooProcess, "
        f"{counts['incomplete']} incomplete."
    )
    for fault in project.faults:
        found.failures.append(
            failed(
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


__all__ = ["ProjectError", "read"]
