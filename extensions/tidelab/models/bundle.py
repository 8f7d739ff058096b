"""The model bundle: a folder of data files, checked before anything in it is used.

``model.onnx`` is the network or forest, ``card.json`` says everything else (`tidelab.domain.card.ModelCard`), ``reference.npz`` is
the drift reference. Nothing in a bundle is code: no pickle, no Keras file, no Python.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

from pydantic import ValidationError

from tidelab.domain.card import ModelCard
from tidelab.models.errors import BundleError

CARD: Final = "card.json"
MODEL: Final = "model.onnx"
REFERENCE: Final = "reference.npz"
HELD_OUT: Final = "heldout.npz"

_READ_BY_NAME: Final = ("weights.npz", "training_images.txt")
"""Files that a retraining reads from the folder of a bundle: there must be none that the card does not vouch for."""

_PLAIN_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_MAX_CARD_BYTES = 2 * 2**20
_MAX_FILE_BYTES = 2 * 2**30
_STEP = 2**20


@dataclass(frozen=True)
class ModelBundle:
    """A bundle whose files are what its card lists.

    Parameters
    ----------
    folder
        Where it lies.
    card
        Its card.
    onnx
        Bytes of ``model.onnx``, the very bytes whose digest was checked.
    digest
        ``sha256:<hex>`` that names model and card and nothing else: equal digests give equal predictions.
    """

    folder: Path
    card: ModelCard
    onnx: bytes
    digest: str

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a bundle and compare every file with the digest in its card.

        Raises
        ------
        BundleError
            Names the folder, the file and what is wrong with it.
        """
        place = Path(folder)
        if not place.is_dir():
            raise BundleError(
                f"There is no model in {place}: the folder does not exist. Expected a folder with {CARD} and {MODEL}."
            )
        card, raw = _read_card(place)
        if MODEL not in card.files:
            raise BundleError(
                f"{place / CARD}: `files` does not list {MODEL}, so the model cannot be checked. Export it again."
            )
        for name in _READ_BY_NAME:
            if name not in card.files and os.path.lexists(place / name):
                raise BundleError(
                    f"{place / name} is not listed in {CARD}, so it cannot be checked. Remove it, or export the model again."
                )
        for name, expected in card.files.items():
            if name != MODEL:
                _check_file(place, name, expected)
        onnx = _check_file(place, MODEL, card.files[MODEL], keep=True)
        digest = hashlib.sha256(hashlib.sha256(onnx).digest() + hashlib.sha256(raw).digest()).hexdigest()
        return cls(folder=place, card=card, onnx=onnx, digest=f"sha256:{digest}")

    @property
    def reference(self) -> Path | None:
        """The drift reference, or None when this bundle was made without one."""
        return self.folder / REFERENCE if REFERENCE in self.card.files else None

    @property
    def held_out(self) -> Path | None:
        """The held-out images that corrected counts rest on (`tidelab.models.heldout`), or None."""
        return self.folder / HELD_OUT if HELD_OUT in self.card.files else None


def write_bundle(folder: Path, card: ModelCard, files: Mapping[str, bytes]) -> ModelBundle:
    """Write a bundle in one step, replacing what is there, and return it as `ModelBundle.load` reads it.

    Parameters
    ----------
    folder
        Where it goes; its parent is created.
    card
        The card; ``files`` in it is computed here.
    files
        Name -> bytes, ``model.onnx`` among them.
    """
    for name in files:
        _check_name(folder, name)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    complete = card.model_copy(update={"files": digests})
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        text = json.dumps(complete.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        (fresh / CARD).write_text(text, encoding="utf-8")
        if folder.exists():
            if not (folder / CARD).exists() and any(folder.iterdir()):
                raise BundleError(
                    f"{folder} is not empty and holds no model; nothing was written there. Choose another folder."
                )
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
            folder.replace(old / folder.name)
            fresh.replace(folder)
            shutil.rmtree(old)
        else:
            fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return ModelBundle.load(folder)


def _read_card(folder: Path) -> tuple[ModelCard, bytes]:
    path = folder / CARD
    try:
        with _opened(path) as stream:
            raw = stream.read(_MAX_CARD_BYTES + 1)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}). A model folder holds {CARD}, {MODEL} and usually {REFERENCE}; "
            "choose the folder that holds these files."
        ) from None
    if len(raw) > _MAX_CARD_BYTES:
        raise BundleError(
            f"{path} is larger than {_MAX_CARD_BYTES // 2**20} MB; a model card is a few kilobytes."
        )
    try:
        return ModelCard.model_validate_json(raw), raw
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(
            f"{path}: {field}: {first['msg']}. The card was not written by this version; export the model again."
        ) from None


def _check_name(folder: Path, name: str) -> None:
    if not _PLAIN_NAME.match(name) or name == CARD:
        raise BundleError(
            f"{folder / CARD}: {name!r} in `files` is not the plain name of a data file; nothing was read."
        )


def _check_file(folder: Path, name: str, expected: str, *, keep: bool = False) -> bytes:
    """Compare a file with its digest, piece by piece; return its bytes where they are to be kept, the very bytes that were compared."""
    _check_name(folder, name)
    path = folder / name
    found, size, kept = hashlib.sha256(), 0, bytearray()
    try:
        with _opened(path) as stream:
            while piece := stream.read(_STEP):
                size += len(piece)
                if size > _MAX_FILE_BYTES:
                    raise BundleError(f"{path} is larger than 2 GB; no model is. Copy the model again.")
                found.update(piece)
                if keep:
                    kept += piece
    except OSError as error:
        raise BundleError(
            f"{path} is listed in {CARD} but cannot be read ({error.strerror}). Copy the model again."
        ) from None
    actual = found.hexdigest()
    if actual != expected:
        raise BundleError(
            f"{path} is not the file that was exported: its sha256 is {actual[:12]}…, the card says {expected[:12]}…. "
            "It was changed or only partly copied. Copy or export the model again."
        )
    return bytes(kept)


def _opened(path: Path) -> BinaryIO:
    """Open a plain file: no link is followed, and a pipe is not waited for."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _no_plain_file(path) from None
        raise
    stream = os.fdopen(handle, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        stream.close()
        raise _no_plain_file(path)
    return stream


def _no_plain_file(path: Path) -> BundleError:
    return BundleError(
        f"{path} is a link, or no plain file; a bundle holds plain files. Copy the model again."
    )
