"""What an export is: a title, whether it can be made of a run, and the function that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidelab.runs import RunFolder


class ExportError(Exception):
    """A run cannot be exported; the text says what happened, what was expected and what to do next."""


Progress = Callable[[int, int], None]
"""Called with the images done and the images there are."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    path
        The file.
    notes
        Sentences for the person who takes it away: what was left out and why, what to do with it. Most important first.
    """

    path: Path
    notes: tuple[str, ...] = ()


class Write(Protocol):
    """Writes a run to `out`, in one step: never half a file."""

    def __call__(self, run: RunFolder, out: Path, progress: Progress | None = None) -> Exported:
        """Write the file; raises `ExportError` or `tidelab.runs.RunError` with a sentence for the person who asked."""
        ...


@dataclass(frozen=True)
class Export:
    """One format that a run can be exported to.

    Parameters
    ----------
    name
        What the command line calls it: lower-case letters, digits and hyphens.
    title
        What people read.
    detail
        What it is good for, in a few words.
    media_type, suffix
        Of the file that is written; the suffix begins with a dot.
    available
        Returns why the run cannot be exported, in a sentence, or nothing when it can. Quick: reads no image.
    write
        Writes it.
    """

    name: str
    title: str
    detail: str
    media_type: str
    suffix: str
    available: Callable[[RunFolder], str]
    write: Write

    def file_name(self, run: RunFolder) -> str:
        """Return the name of the file: the use case, the run and the format."""
        return f"{run.request.use_case}-{run.run_id}-{self.name}{self.suffix}"


def not_finished(run: RunFolder) -> str:
    """Return why no export can be made of a run: it is going on, it failed, or it has no results."""
    state = run.state()
    if not state.is_over:
        return "The run is not over yet; an export is made of its results."
    if state.status != "done":
        return f"The run did not finish ({state.status}); run it again, finished images are kept."
    return "" if (run.path / "results.csv").is_file() else "The run has no results."


def no_objects_in_pictures(run: RunFolder) -> str:
    """Return why a run is not exported to a format of images that hold one thing each: it is not over, or a detector's."""
    reason = not_finished(run)
    if reason or not run.finds_objects:
        return reason
    return (
        "This format wants images that hold one thing each, or counts of individuals; this run counts objects in pictures, and an "
        "animal that stays is counted in each. Take COCO or iFDO, or the use case's own files."
    )
