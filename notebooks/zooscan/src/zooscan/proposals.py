"""The lines that are proposed for the objects of a run, computed once: views, review, tables and zip all ask for them.

Kept below the run as one picture an object (1 bit, the pixels to become white), under the digest of the object, the least size and the versions of
what proposed it. It may be deleted at any time; what is missing or damaged is computed again.
"""

import hashlib
import io
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tidelab.runs import RunError, RunFolder
from tidelab.runs.files import write_bytes
from tidelab.runs.keys import LIBRARIES
from tidelab.runs.versions import package_version
from zooscan import separation
from zooscan.objects import Mask
from zooscan.separation import Separation, Separator, SeparatorError
from zooscan.separators import separator_of
from zooscan.settings import ProcessSettings
from zooscan.store import DAMAGE, Store, object_id

FOLDER: Final = "work/proposals"
"""Below the run."""


def proposal(run: RunFolder, store: Store, number: int, separator: Separator | None = None) -> Separation:
    """Return the lines proposed for an object of a run: those kept with it, or computed now.

    Parameters
    ----------
    run
        Where they are kept.
    store, number
        The scan of the object and its number there.
    separator
        Which says what belongs together; by default that of the run.

    Raises
    ------
    StoreError
        When the pixels of the object cannot be read.
    RunError
        When the separator cannot be used.
    """
    source = separator or separator_of(run)
    least = ProcessSettings(**store.scan.settings).min_area_px
    path = run.path / FOLDER / f"{_key(store.digests[number - 1], least, source)}.png"
    crop, mask = store.pixels(number)
    if mask.size <= separation.MAX_PIXELS:
        kept = _read(path, (mask.shape[0], mask.shape[1]))
        if kept is not None:
            return separation.apply(mask, kept, least) if kept.any() else separation.uncut(mask)
    try:
        found = separation.propose(crop, mask, least, source)
    except SeparatorError as error:
        name = object_id(store.scan.scan_id, number)
        raise RunError(f"No lines can be proposed for {name}: {error}") from None
    if not found.too_large:
        # A run that may only be read, or a full disk, costs time and nothing else.
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, _png(found.cut), durable=False)
    return found


def _key(digest: str, least: int, separator: Separator) -> str:
    versions = [separation.VERSION, separator.NAME, separator.VERSION]
    libraries = [f"{name}={package_version(name)}" for name in LIBRARIES]
    return hashlib.sha256("\n".join([digest, str(least), *versions, *libraries]).encode()).hexdigest()


def _read(path: Path, shape: tuple[int, int]) -> Mask | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if (image.height, image.width) != shape or image.mode != "1":
                return None
            return np.asarray(image, bool)
    except DAMAGE:
        return None


def _png(cut: Mask) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(cut).save(stream, "PNG")
    return stream.getvalue()
