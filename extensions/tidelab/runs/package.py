"""The zip that a person takes away: what the run found, what people said of it since, and the texts as they are true now."""

import contextlib
import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tidelab.runs.errors import RunError
from tidelab.runs.files import replacing
from tidelab.runs.folder import RunFolder
from tidelab.runs.methods import PACKAGE_FILES, package_note
from tidelab.runs.own_products import FOLDER, products_of
from tidelab.runs.progress import STATE_FILE
from tidelab.runs.sizes_table import classes_csv
from tidelab.runs.texts import current_citation, current_methods, estimates_of

_NOTE: Final = "README.txt"
MOST_PRODUCT_BYTES: Final = 500_000_000
"""Largest file of a use case's own that goes into the package."""
_SOURCES: Final = (
    STATE_FILE,
    "manifest.json",
    "validations.jsonl",
    "audits.json",
    "estimates.json",
    "ifdo-header.json",
)
"""Files after whose last change a package is stale: the last that an attempt or a remake of products writes, and those that people change."""


def package_path(folder: RunFolder) -> Path:
    """Return where the package of a run lies."""
    return folder.path / "products" / f"{folder.request.use_case}-{folder.run_id}.zip"


def is_current(folder: RunFolder) -> bool:
    """Whether the package was made after the last attempt ended and after the last word of a person."""
    path, state = package_path(folder), folder.path / STATE_FILE
    if not path.is_file() or not state.is_file():
        return False
    made = path.stat().st_mtime_ns
    files = (folder.path / name for name in _SOURCES)
    return all(file.stat().st_mtime_ns <= made for file in files if file.is_file())


def make_package(folder: RunFolder, path: Path | None = None, more: Mapping[str, str] | None = None) -> Path:
    """Zip the results of a run that is over; of a failed run, what there is.

    Parameters
    ----------
    folder
        The run.
    path
        Where it goes; by default :func:`package_path`.
    more
        File name -> text that goes in besides.
    """
    out = path or package_path(folder)
    out.parent.mkdir(exist_ok=True, parents=True)
    written = {**_current_texts(folder), **(more or {})}
    lying = {name: folder.path / name for name in PACKAGE_FILES if name not in written}
    there = {name: file for name, file in lying.items() if file.is_file() and not file.is_symlink()}
    there |= _products(folder)
    # A run that failed before it wrote where its results come from has no note; its state says why.
    with contextlib.suppress(RunError, KeyError):
        written[_NOTE] = package_note(folder.manifest(), {*written, *there})
    inside = f"{folder.request.use_case}-{folder.run_id}"
    with replacing(out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in dict.fromkeys((_NOTE, *PACKAGE_FILES, *there)):
            if name in written:
                archive.writestr(f"{inside}/{name}", written[name])
            elif name in there:
                archive.write(there[name], f"{inside}/{name}")
    return out


def _products(folder: RunFolder) -> dict[str, Path]:
    """Return the use case's own files; a very large one (a video) stays in the run's folder and has its own download."""
    own = products_of(folder)
    return {f"{FOLDER}/{one.name}": one.path for one in own if one.size <= MOST_PRODUCT_BYTES}


def determinations_csv(folder: RunFolder) -> str:
    """Return the names in force as a table (UTF-8, comma, one row an image in the order of the results)."""
    table = folder.determinations()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.to_dict("records"):
        writer.writerow([f"{value:.4f}" if isinstance(value, float) else value for value in row.values()])
    return text.getvalue()


def _current_texts(folder: RunFolder) -> dict[str, str]:
    """Return the texts that say more than when the run wrote them; one that cannot be made leaves the run's own in its place."""
    texts = {}
    makers = {
        "determinations.csv": determinations_csv,
        "methods.md": current_methods,
        "CITATION.txt": current_citation,
        "estimates.json": _estimates_json,
        "classes.csv": classes_csv,
    }
    for name, make in makers.items():
        try:
            text = make(folder)
        except (RunError, KeyError):
            continue
        if text:
            texts[name] = text
    return texts


def _estimates_json(folder: RunFolder) -> str:
    found = estimates_of(folder)
    return found.model_dump_json(indent=2) + "\n" if found else ""
