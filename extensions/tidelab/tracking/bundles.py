"""A model version in the registry and the bundle in it: plain files named by a card, fetched and checked one by one."""

import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path

from tidelab.models import BundleError, ModelBundle
from tidelab.tracking.connection import Connection, connect
from tidelab.tracking.errors import TrackingError

CARD = "card.json"
LARGEST_CARD = 2 * 2**20
LARGEST_FILE = 500 * 2**20
ALLOWED_FILES = frozenset(
    {"model.onnx", "reference.npz", "heldout.npz", "weights.npz", "training_images.txt", "quality.png"}
)
"""Files a registered bundle may hold beside its card: data, never code."""

_API = "/api/2.0/mlflow"
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def load_version(name: str, version: str | int = "champion", folder: Path | None = None) -> Path:
    """Fetch one version of a registered model and return the folder of its bundle.

    Parameters
    ----------
    name
        Registered model: yours (``<use case>--<you>``), one that was shared with you, or a protected one.
    version
        Version number, or an alias such as ``champion``.
    folder
        Where bundles are kept; default ``~/tidelab/models``. A version that is already there and unchanged is not fetched
        again.

    Raises
    ------
    TrackingError
        If there is no such version, you may not read it, or its files are not what its card says.
    """
    connection = connect()
    number = resolve_version(connection, name, str(version))
    place = (folder or Path.home() / "tidelab" / "models") / name / number
    try:
        bundle = ModelBundle.load(place)
        if bundle.digest == _registered_digest(connection, name, number):
            return bundle.folder
    except BundleError:
        pass  # not there yet, or damaged
    shutil.rmtree(place, ignore_errors=True)
    return fetch_version(connection, name, number, place).folder


def resolve_version(connection: Connection, name: str, version: str) -> str:
    """Return a version number for a number or an alias; raises ``TrackingError`` if the alias points nowhere."""
    if _VERSION.fullmatch(version):
        return version
    answer = connection.get(f"{_API}/registered-models/alias", {"name": name, "alias": version})
    return str(answer["model_version"]["version"])


def fetch_version(connection: Connection, name: str, version: str, place: Path) -> ModelBundle:
    """Fetch exactly the files that a version's card lists into a new folder, checking each digest.

    Nothing else in the version is looked at: whatever lies beside the bundle never leaves the registry.

    Raises
    ------
    TrackingError
        If a file is missing, too large, not allowed or not what the card says. Then ``place`` does not exist.
    """
    from tidelab.domain.card import ModelCard

    raw = _file(connection, name, version, CARD, LARGEST_CARD)
    try:
        card = ModelCard.model_validate_json(raw)
    except ValueError as error:
        raise TrackingError(
            f"{CARD} of {name} version {version} is no model card: {_first_line(error)}"
        ) from None
    check_names(card.files, f"{name} version {version}")
    staging = place.parent / f".{place.name}-{secrets.token_hex(4)}"
    staging.mkdir(parents=True)
    try:
        for file, digest in sorted(card.files.items()):
            content = _file(connection, name, version, file, LARGEST_FILE)
            if hashlib.sha256(content).hexdigest() != digest:
                raise TrackingError(
                    f"{file} of {name} version {version} is not the file its card describes (sha256 differs). It was "
                    "changed after it was registered. Register the bundle again."
                )
            write_durably(staging / file, content)
        write_durably(staging / CARD, raw)
        staging.replace(place)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return ModelBundle.load(place)


def check_names(files: dict[str, str], what: str) -> None:
    """Raise ``TrackingError`` unless the card lists a model and no file that a bundle may not hold."""
    strange = sorted(set(files) - ALLOWED_FILES)
    if strange:
        raise TrackingError(
            f"The card of {what} lists {strange[0]!r}. A bundle holds {', '.join(sorted(ALLOWED_FILES))} and {CARD}: data "
            "files, never code. Export the model as a bundle (tidelab.models.write_bundle) and register it again."
        )
    if "model.onnx" not in files:
        raise TrackingError(f"The card of {what} does not list model.onnx, so there is no model in it.")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _registered_digest(connection: Connection, name: str, version: str) -> str:
    answer = connection.get(f"{_API}/model-versions/get", {"name": name, "version": version})
    tags = {tag["key"]: tag["value"] for tag in answer["model_version"].get("tags", [])}
    return str(tags.get("tidelab.digest", ""))


def _file(connection: Connection, name: str, version: str, path: str, limit: int) -> bytes:
    parameters = {"name": name, "version": version, "path": path}
    return connection.download("/model-versions/get-artifact", parameters, limit)


def _first_line(error: ValueError) -> str:
    return str(error).splitlines()[0][:200]
