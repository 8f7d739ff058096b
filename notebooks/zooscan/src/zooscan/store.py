"""What was computed of one scan, in one zip: its facts, and crop, mask and measurements of each object.

A zip because it is read object by object, opens with any program, and is linked instead of copied from the person's cache into a run.
Nothing in it is believed: sizes are bounded and compared with what its index says.
"""

import hashlib
import io
import json
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from tidelab.runs.files import replacing
from zooscan.objects import Grey, Mask

FORMAT: Final = 2
_MAX_INDEX: Final = 256 * 2**20
_MAX_SIDE: Final = 30_000
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_RULE: Final = "tidelab.zooscan-object:1"

DAMAGE: Final = (
    OSError, EOFError, KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, SyntaxError, OverflowError, struct.error,
    zlib.error, zipfile.BadZipFile, Image.DecompressionBombError,
)  # fmt: skip
"""What zipfile, zlib, json and Pillow raise at bytes that are not what they were."""


class StoreError(Exception):
    """A file of scan objects that is missing or damaged; the text says which."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a scan.

    Parameters
    ----------
    number
        1, 2, ... within the scan.
    x_px, y_px, width_px, height_px
        Its box in the processed picture.
    features
        `zooscan.features.measure` of it; None where a value is not measured.
    """

    number: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    features: Mapping[str, float | None]


@dataclass(frozen=True)
class StoredScan:
    """A processed scan without its pixels.

    Parameters
    ----------
    scan_id, sample_id, fraction
        Of the scan.
    header
        What its header said, lower-case ZooProcess key -> text.
    log
        Section -> key -> text of its scanning log.
    settings
        `zooscan.settings.ProcessSettings` as a mapping.
    quality
        ``{name, value, good, words}`` of the legacy software's quality words.
    facts
        Other figures of the processing (levels, medians, B/W ratio, blanks, size).
    objects
        In the order of their numbers.
    """

    scan_id: str
    sample_id: str
    fraction: str
    header: Mapping[str, str]
    log: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, Any]
    quality: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any]
    objects: tuple[StoredObject, ...] = field(default=())

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel, mm: 25.4 / dpi."""
        return 25.4 / float(self.settings["dpi"])


def object_id(scan_id: str, number: int) -> str:
    """Return the name of an object as ZooProcess and EcoTaxa have it: ``<scan>_<number>``."""
    return f"{scan_id}_{number}"


def object_digest(crop: Grey, mask: Mask, dpi: int) -> str:
    """Return the digest that stands for one object: sha256 over rule, resolution, shape, grey levels and mask."""
    hasher = hashlib.sha256(f"{_RULE}\n{dpi}\n{crop.shape[0]},{crop.shape[1]}\n".encode())
    hasher.update(np.ascontiguousarray(crop).tobytes())
    hasher.update(np.packbits(mask).tobytes())
    return hasher.hexdigest()


def write(path: Path, scan: StoredScan, pixels: Iterable[tuple[Grey, Mask]]) -> None:
    """Write a scan in one step; `pixels` are crop and mask of each object, in their order."""
    digests = []
    with (
        replacing(path, durable=False) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive,
    ):
        for one, (crop, mask) in zip(scan.objects, pixels, strict=True):
            digests.append(object_digest(crop, mask, int(scan.settings["dpi"])))
            archive.writestr(_entry(f"crops/{one.number}.png"), _png(crop))
            archive.writestr(_entry(f"masks/{one.number}.png"), _png(mask))
        index = {"format": FORMAT, **asdict(scan), "digests": digests}
        archive.writestr(_entry("scan.json"), json.dumps(index, allow_nan=False), zipfile.ZIP_DEFLATED)


_MOST_OPEN: Final = 8
"""Files that are open at once in this process: a project has hundreds of scans, and each open one costs its list of contents."""

_recent: "OrderedDict[int, Store]" = OrderedDict()
_recent_lock = threading.Lock()


class Store:
    """The objects of one scan, read one at a time. The file is open only while it is one of the last that were read.

    Raises
    ------
    StoreError
        When the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        self._lock = threading.Lock()
        try:
            with zipfile.ZipFile(path) as archive:
                entry = archive.getinfo("scan.json")
                if entry.file_size > _MAX_INDEX:
                    raise StoreError(f"{path.name}: its index is larger than {_MAX_INDEX // 2**20} MB")
                index = json.loads(archive.read(entry))
            if index.pop("format") != FORMAT:
                raise StoreError(f"{path.name} was written by another version")
            self.digests: list[str] = index.pop("digests")
            objects = tuple(StoredObject(**one) for one in index.pop("objects"))
            self.scan = StoredScan(**{**index, "quality": tuple(index["quality"])}, objects=objects)
        except DAMAGE as error:
            raise StoreError(f"{path.name} is missing or damaged ({type(error).__name__})") from None

    def close(self) -> None:
        """Close the file; who reads of it later opens it again."""
        with _recent_lock:
            _recent.pop(id(self), None)
        self._close()

    def check(self) -> None:
        """Read the whole file once; raises `StoreError` when something of it is missing or damaged."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                numbers = [one.number for one in self.scan.objects]
                names = {f"{kind}/{number}.png" for kind in ("crops", "masks") for number in numbers}
                if not names <= set(archive.namelist()) or len(self.digests) != len(numbers):
                    raise StoreError(f"{self.path.name}: objects are missing")
                bad = archive.testzip()
        except DAMAGE as error:
            raise StoreError(f"{self.path.name} is missing or damaged ({type(error).__name__})") from None
        if bad is not None:
            raise StoreError(f"{self.path.name}: {bad} is damaged")

    def discard(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def pixels(self, number: int) -> tuple[Grey, Mask]:
        """Return crop and mask (without holes) of an object."""
        one = self.scan.objects[number - 1]
        shape = (one.height_px, one.width_px)
        crop = self._picture(f"crops/{number}.png", shape)
        mask = self._picture(f"masks/{number}.png", shape) > 0
        return crop, mask

    def _picture(self, name: str, shape: tuple[int, int]) -> Grey:
        try:
            with Image.open(io.BytesIO(self._read(name)), formats=("PNG",)) as image:
                if (image.height, image.width) != shape or max(shape) > _MAX_SIDE:
                    raise StoreError(f"{self.path.name}: {name} has not the size of its box")
                return np.asarray(image.convert("L"))
        except DAMAGE as error:
            raise StoreError(f"{self.path.name}: {name} is damaged ({type(error).__name__})") from None

    def _read(self, name: str) -> bytes:
        with self._lock:
            if self._archive is None:
                self._archive = zipfile.ZipFile(self.path)
            content = self._archive.read(name)
        with _recent_lock:
            _recent[id(self)] = self
            _recent.move_to_end(id(self))
            late = [_recent.popitem(last=False)[1] for _ in range(len(_recent) - _MOST_OPEN)]
        # Without the lock of this store: no two stores ever wait for each other.
        for other in late:
            other._close()
        return content

    def _close(self) -> None:
        with self._lock:
            if self._archive is not None:
                self._archive.close()
                self._archive = None


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, _EPOCH)


def _png(pixels: Grey | Mask) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
