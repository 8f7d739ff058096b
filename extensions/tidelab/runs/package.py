"""The zip that a person takes away."""

import zipfile
from pathlib import Path
from typing import Final

from tidelab.runs.files import replacing
from tidelab.runs.folder import RunFolder
from tidelab.runs.products import OUTPUTS
from tidelab.runs.progress import STATE_FILE

CONTENT: Final = (*OUTPUTS, "inputs.csv", "ro-crate-metadata.json")
_NOTE: Final = "README.txt"


def package_path(folder: RunFolder) -> Path:
    """Return where the package of a run lies."""
    return folder.path / "products" / f"{folder.request.use_case}-{folder.run_id}.zip"


def is_current(folder: RunFolder) -> bool:
    """Whether the package was made after the last attempt ended; the state is the last file an attempt writes."""
    path, state = package_path(folder), folder.path / STATE_FILE
    return path.is_file() and state.is_file() and path.stat().st_mtime_ns >= state.stat().st_mtime_ns


def make_package(folder: RunFolder) -> Path:
    """Zip the results of a run that is over; of a failed run, what there is."""
    path = package_path(folder)
    path.parent.mkdir(exist_ok=True)
    inside = path.stem
    with replacing(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (_NOTE, *CONTENT):
            file = folder.path / name
            if file.is_file():
                archive.write(file, f"{inside}/{name}")
    return path
