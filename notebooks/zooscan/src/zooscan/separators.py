"""Which separator a run has: the watershed of the outline, or the ONNX file that was chosen, kept with the run.

A copy lies in the run's folder under the digest of its content: review, tables and zip are made again long after the analysis, and a file that changed
meanwhile must not change what was proposed.
"""

import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from tidelab.runs import RunError, RunFolder
from tidelab.runs.files import write_bytes, write_text
from zooscan.onnx_separator import OnnxSeparator, read_separator
from zooscan.separation import Separator, SeparatorError, ShapeWatershed

PARAMETER: Final = "separator"
TITLE: Final = "Separator"
FOLDER: Final = "work/separator"
"""Below the run."""

ABOUT: Final = "about.json"
_loading = threading.Lock()


def keep_separator(chosen: str, folder: Path) -> None:
    """Check the separator that a person chose and keep it with the run.

    Parameters
    ----------
    chosen
        Path of an ONNX file; empty: the watershed.
    folder
        Of the run.

    Raises
    ------
    RunError
        When it cannot be used.
    OSError
        When it cannot be kept.
    """
    if not chosen.strip():
        return
    try:
        found, content = read_separator(Path(chosen))
    except SeparatorError as error:
        raise RunError(
            f"The separator cannot be used: {error} Choose another file as '{TITLE}' ({PARAMETER}), or none: then the outline alone decides."
        ) from None
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    write_bytes(target / f"{found.digest}.onnx", content, durable=False)
    write_text(target / ABOUT, json.dumps(found.about()), durable=False)


def about_separator(run: RunFolder) -> dict[str, Any]:
    """Return what is said of the separator of a run: its title, and of a file its name, digest and runtime."""
    if not run.request.parameters.get(PARAMETER):
        return {"title": ShapeWatershed.NAME}
    try:
        about = json.loads((run.path / FOLDER / ABOUT).read_text(encoding="utf-8"))
        if isinstance(about, dict) and isinstance(about.get("sha256"), str):
            return about
    except (OSError, ValueError):
        pass
    raise RunError("The separator of this run is gone or damaged. Run the analysis again.")


def separator_of(run: RunFolder) -> Separator:
    """Return the separator of a run.

    Raises
    ------
    RunError
        When it is gone or damaged.
    """
    if not run.request.parameters.get(PARAMETER):
        return ShapeWatershed()
    about = about_separator(run)
    with _loading:
        return _loaded(run.path / FOLDER, str(about["sha256"]), str(about.get("file", "separator.onnx")))


def proposer(run: RunFolder) -> str:
    """Return what proposes the lines of a run, for a sentence; raises `RunError` where that is gone."""
    title = str(about_separator(run)["title"])
    return "a watershed of the outline" if title == ShapeWatershed.NAME else f"the model {title}"


def said_by(run: RunFolder) -> str:
    """Return what stands beside a decision to keep lines: empty for the watershed of the outline."""
    about = about_separator(run)
    return f"onnx {about['sha256']}" if "sha256" in about else ""


@lru_cache(maxsize=2)
def _loaded(folder: Path, digest: str, shown: str) -> OnnxSeparator:
    try:
        found, _ = read_separator(folder / f"{digest}.onnx")
    except SeparatorError as error:
        raise RunError(
            f"The separator of this run is gone or damaged: {error} Run the analysis again."
        ) from None
    if found.digest != digest:
        raise RunError("The separator of this run was changed. Run the analysis again.")
    return found
