"""The files of a bundle, in a folder or in a zip: listed once, opened under limits, never outside of the bundle."""

import os
import stat
import zipfile
from pathlib import Path
from posixpath import normpath
from typing import IO, Final, Protocol

from tidelab.formats.ecotaxa.errors import EcotaxaError

MAX_FILES: Final = 200_000
"""Files of one bundle; EcoTaxa itself names no limit for images."""

MAX_RATIO: Final = 200
"""Unpacked over packed size of a zip's entry above 16 MB."""

_BOMB_FROM: Final = 16 * 2**20
_DIRECTORY_BYTES: Final = MAX_FILES * 460
_STEP: Final = 2**20


class Store(Protocol):
    """Where the files of a bundle are."""

    names: frozenset[str]
    """Paths of the regular files, relative to the bundle, ``/`` between folders."""
    refused: dict[str, str]
    """Path -> why the file is not opened, in words (``is a link``)."""

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file; raises `EcotaxaError` when it is unreadable or longer than `limit` bytes."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class FolderStore:
    """A folder and all below it; links are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        found, self.refused = set(), dict[str, str]()

        def unlisted(error: OSError) -> None:
            name = Path(str(error.filename)).relative_to(self._root).as_posix()
            self.refused[f"{name}/"] = f"cannot be listed ({error.strerror})"

        for folder, folders, files in os.walk(self._root, onerror=unlisted):
            folders.sort()
            for name in files:
                path = Path(folder, name)
                relative = path.relative_to(self._root).as_posix()
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode):
                    found.add(relative)
                else:
                    self.refused[relative] = "is a link" if stat.S_ISLNK(mode) else "is no regular file"
            if len(found) > MAX_FILES:
                raise EcotaxaError(
                    f"The folder holds more than {MAX_FILES} files. Choose the folder of one import."
                )
        self.names = frozenset(found)

    def read(self, name: str, limit: int) -> bytes:
        """See :meth:`Store.read`."""
        try:
            handle = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as stream:
                return _read(stream, name, limit)
        except OSError as error:
            raise EcotaxaError(
                f"{name} cannot be read ({error.strerror or type(error).__name__}).", name
            ) from None

    def close(self) -> None:
        """See :meth:`Store.close`."""


class ZipStore:
    """A zip file, read entry by entry; nothing is unpacked to the disk."""

    def __init__(self, path: Path) -> None:
        try:
            self._size = path.stat().st_size
            with path.open("rb") as stream:
                end = getattr(zipfile, "_EndRecData", lambda _: None)(stream)
            # Before zipfile makes an object for each entry: a small zip can list millions.
            if end and end[5] > _DIRECTORY_BYTES:
                raise EcotaxaError(
                    f"{path.name} lists more than {MAX_FILES} files. Make one zip for each import."
                )
            self._zip = zipfile.ZipFile(path)
            infos = self._zip.infolist()
        except EcotaxaError:
            raise
        except Exception as error:
            # zipfile raises struct.error, OverflowError and others on hostile directories.
            reason = getattr(error, "strerror", None) or "it is damaged, or no zip file"
            raise EcotaxaError(f"{path.name} cannot be opened: {reason}. Make the zip again.") from None
        if len(infos) > MAX_FILES:
            self.close()
            raise EcotaxaError(
                f"{path.name} lists {len(infos)} files; at most {MAX_FILES} are read. Make one zip for each import."
            )
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self.refused: dict[str, str] = {}
        for info in infos:
            if info.is_dir():
                continue
            name = normpath(info.filename)
            reason = _refusal(info) or ("is in the zip twice" if name in self._infos else "")
            if reason:
                self.refused[name] = reason
            else:
                self._infos[name] = info
        self.names = frozenset(self._infos)

    def read(self, name: str, limit: int) -> bytes:
        """See :meth:`Store.read`."""
        info = self._infos[name]
        packed = max(min(info.compress_size, self._size), 1)
        try:
            with self._zip.open(info) as stream:
                return _read(stream, name, limit, at_most=max(_BOMB_FROM, MAX_RATIO * packed))
        except EcotaxaError:
            raise
        except Exception as error:
            # A damaged entry raises zlib.error, lzma.LZMAError, struct.error ...
            detail = " ".join(str(error).split())[:80] or type(error).__name__
            raise EcotaxaError(f"{name} cannot be unpacked ({detail}). Make the zip again.", name) from None

    def close(self) -> None:
        """See :meth:`Store.close`."""
        self._zip.close()


def open_store(path: Path) -> Store:
    """Return the files of a folder or of a zip.

    Raises
    ------
    EcotaxaError
        When there is nothing, or neither of the two, or more than `MAX_FILES` files.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise EcotaxaError(
            f"There is nothing at {path}: expected a folder or a zip. Check the path."
        ) from None
    if stat.S_ISDIR(mode):
        return FolderStore(path)
    if stat.S_ISREG(mode):
        return ZipStore(path)
    raise EcotaxaError(f"{path} is neither a folder nor a zip file.")


def _read(stream: IO[bytes], name: str, limit: int, at_most: int | None = None) -> bytes:
    parts, size = [], 0
    while block := stream.read(_STEP):
        size += len(block)
        if size > limit:
            raise EcotaxaError(f"{name} is larger than {limit // 2**20} MB, which is the limit here.", name)
        if at_most is not None and size > at_most:
            raise EcotaxaError(f"{name} unpacks to more than {MAX_RATIO} times its packed size.", name)
        parts.append(block)
    return b"".join(parts)


def _refusal(info: zipfile.ZipInfo) -> str:
    name = info.filename
    if "\\" in name:
        return "has a backslash in its name: make the zip with / between folders"
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        return "has a path that leads out of the zip"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link"
    return "is encrypted" if info.flag_bits & 0x1 else ""
