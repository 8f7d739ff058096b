"""The results package: tables, names in force, provenance, citation, methods, and which other formats the run can be had in."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tidelab.exports.registry import Export, Exported, ExportError, Progress
from tidelab.runs import RunError, RunFolder
from tidelab.runs.package import make_package


def available(run: RunFolder) -> str:
    """Return why there is no package yet, or nothing; a failed run has one too, with what there is."""
    return "" if run.state().is_over else "The run is not over yet; the package is made of its results."


def write(run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
    """Write the package; raises `ExportError` or `tidelab.runs.RunError`."""
    from tidelab.exports import EXPORTS

    reason = available(run)
    if reason:
        raise ExportError(reason)
    others = [export for export in EXPORTS.values() if export.name != EXPORT.name]
    make_package(run, out, {"exports.txt": exports_text(run, others)})
    if progress:
        progress(1, 1)
    return Exported(out)


EXPORT: Final = Export(
    name="package",
    title="Results package",
    detail="tables, names in force, provenance, citation and a methods paragraph",
    media_type="application/zip",
    suffix=".zip",
    available=available,
    write=write,
)


def exports_text(run: RunFolder, others: Iterable[Export]) -> str:
    """Return a line for each other format: how to get it, or why it cannot be made."""
    lines = ["This run in other formats", ""]
    for one in others:
        reason = _reason(one.available, run)
        lines.append(
            f"{one.title} ({one.name}): {reason or f'`tidelab export {run.run_id} {one.name}`; {one.detail}'}"
        )
    return "\n".join(lines) + "\n"


def _reason(check: Callable[[RunFolder], str], run: RunFolder) -> str:
    try:
        return check(run)
    except RunError as error:
        return str(error)
