"""Estimates are computed when asked for and kept under a key of everything they depend on."""

import contextlib
import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import ValidationError

import tidelab.science
from tidelab.catalogue.estimation import Estimation
from tidelab.domain.estimate import Estimates
from tidelab.models.bundle import CARD, HELD_OUT
from tidelab.runs.beneath import open_file, read
from tidelab.runs.errors import RunError
from tidelab.runs.estimates.compute import compute
from tidelab.runs.files import write_text
from tidelab.runs.folder import RunFolder
from tidelab.runs.meaning import label_meaning, use_case_of
from tidelab.runs.validation.audits import FILE_NAME as AUDITS_FILE
from tidelab.runs.validation.log import FILE_NAME as VALIDATIONS_FILE
from tidelab.runs.versions import package_version

ESTIMATES_FILE: Final = "estimates.json"
_FILES: Final = (
    "request.json", "results.csv", "samples.csv", "verdict.json", "probabilities.npy", "embeddings.npy", VALIDATIONS_FILE, AUDITS_FILE,
)  # fmt: skip
_LIBRARIES: Final = ("numpy", "scipy", "pandas", "scikit-learn", "quapy")
_MAX_BYTES: Final = 64 * 2**20


def estimates(folder: RunFolder) -> Estimates:
    """Return raw and corrected counts of a run.

    Raises
    ------
    RunError
        When the run has no results, or its validations or audits cannot be read.
    """
    key = estimates_key(folder)
    kept = _read(folder.path / ESTIMATES_FILE)
    if kept is not None and kept.key == key:
        return kept
    found = compute(folder, key)
    # A run in a folder that cannot be written (an archive, a full disk) is still worth its numbers.
    with contextlib.suppress(OSError):
        write_text(folder.path / ESTIMATES_FILE, found.model_dump_json(indent=1) + "\n")
    return found


def estimates_key(folder: RunFolder) -> str:
    """Return ``sha256:<hex>`` of everything that the estimates depend on: equal keys, equal estimates."""
    hasher = hashlib.sha256()
    try:
        model = Path(folder.request.model.folder)
    except RunError:
        model = folder.path
    for path in (*(folder.path / name for name in _FILES), model / CARD, model / HELD_OUT):
        hasher.update(f"{path.name}:{_digest(path)}\n".encode())
    use_case = use_case_of(folder)
    settings = use_case.estimation if use_case else Estimation()
    meanings = label_meaning(folder)
    question = {
        "settings": settings.model_dump(mode="json"),
        "kinds": {label: meanings.of(label).kind for label in meanings},
        "libraries": {name: package_version(name) for name in _LIBRARIES},
        "code": _code(),
    }
    hasher.update(json.dumps(question, sort_keys=True).encode())
    return f"sha256:{hasher.hexdigest()}"


def _digest(path: Path) -> str:
    try:
        # Of a model a file may be a link; of a run it is none.
        with path.open("rb") if path.name in (CARD, HELD_OUT) else os.fdopen(open_file(path), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "none"


@cache
def _code() -> str:
    """Digest of the code that answers."""
    hasher = hashlib.sha256()
    for folder in (Path(str(tidelab.science.__file__)).parent, Path(__file__).parent):
        for file in sorted(folder.glob("*.py")):
            hasher.update(file.read_bytes())
    return hasher.hexdigest()


def _read(path: Path) -> Estimates | None:
    try:
        return Estimates.model_validate_json(read(path, _MAX_BYTES))
    except (OSError, ValidationError):
        return None
