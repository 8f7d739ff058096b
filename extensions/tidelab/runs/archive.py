"""Zip files: listed, never unpacked to disk, and read member by member under limits that are counted, not believed."""

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath
from typing import BinaryIO, Final, cast

from tidelab.runs.beneath import open_file
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.sniff import READ_MAGIC
from tidelab.runs.inputs.source import Payload, Source, digest_of, os_failure, read_picture
from tidelab.runs.limits import Limits

_BOMB_FROM: Final = 16 * 2**20
_BYTES_PER_ENTRY: Final = 46
"""Least size of one entry in a zip's directory; so the directory's size bounds the number of entries."""


class Archive:
    """One open zip file.

    Parameters
    ----------
    path
        The zip file.
    limits
        See :class:`Limits`.

    Raises
    ------
    InputError
        Kinds ``zip-damaged``, ``zip-too-many``, and those of a file that cannot be opened.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self._limits = path, limits
        self._unpacked: dict[int, int] = {}
        self._total = 0
        try:
            self._stream: BinaryIO = os.fdopen(open_file(path), "rb")
        except OSError as error:
            raise os_failure(error) from None
        self._size = os.fstat(self._stream.fileno()).st_size
        try:
            self._check_directory()
            self._zip = zipfile.ZipFile(self._stream)
            self._infos = self._zip.infolist()
        except InputError:
            self.close()
            raise
        except Exception as error:
            # zipfile raises struct.error, ValueError, OverflowError and others on hostile directories.
            self.close()
            raise InputError("zip-damaged", detail=_detail(error)) from None
        if len(self._infos) > limits.zip_files:
            self.close()
            raise InputError("zip-too-many", limit=limits.zip_files)

    def members(self) -> Iterator[tuple[zipfile.ZipInfo, str | None]]:
        """Yield each entry that is not a folder, with the kind of failure that its directory entry alone shows."""
        seen: set[str] = set()
        for info in self._infos:
            if info.is_dir():
                continue
            yield info, _refusal(info, seen)
            seen.add(_path(info))

    def open(self, info: zipfile.ZipInfo) -> BinaryIO:
        """Open one entry; raises `InputError`."""
        try:
            return cast(BinaryIO, self._zip.open(info))
        except Exception as error:
            raise _zip_failure(error) from None

    def count(self, info: zipfile.ZipInfo, size: int) -> None:
        """Note how much an entry has unpacked to so far; raises `InputError` beyond a limit."""
        known = self._unpacked.get(info.header_offset, 0)
        if size > known:
            self._unpacked[info.header_offset] = size
            self._total += size - known
        # The packed size is the zip's own claim, so the size of the whole zip bounds it.
        packed = max(min(info.compress_size, self._size), 1)
        ratio = self._limits.zip_ratio
        if (size > _BOMB_FROM and size > ratio * packed) or self._total > max(_BOMB_FROM, ratio * self._size):
            raise InputError("zip-bomb", ratio=ratio)
        if self._total > self._limits.zip_mb * 2**20:
            raise InputError("zip-too-large", limit_mb=self._limits.zip_mb)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _check_directory(self) -> None:
        # Before zipfile builds an object for every entry: a 200 MB zip can list four million of them.
        read_end = getattr(zipfile, "_EndRecData", None)
        end = read_end(self._stream) if read_end else None
        self._stream.seek(0)
        if end and end[5] > self._limits.zip_files * _BYTES_PER_ENTRY * 10:
            raise InputError("zip-too-many", limit=self._limits.zip_files)


@dataclass
class ZipSource:
    """A file inside a zip.

    Parameters
    ----------
    name, key, sides
        See :class:`Source`.
    archive
        The zip file.
    info
        Its entry.
    """

    name: str
    key: str
    archive: Archive
    info: zipfile.ZipInfo
    sides: list[Source] = field(default_factory=list)

    def read(self, limits: Limits) -> Payload:
        """See :meth:`Source.read`."""
        try:
            with self.archive.open(self.info) as stream:
                return read_picture(
                    stream, self.key, limits, watch=lambda size: self.archive.count(self.info, size)
                )
        except Exception as error:
            raise _zip_failure(error) from None

    def digest(self, limits: Limits) -> str:
        """See :meth:`Source.digest`."""
        try:
            with self.archive.open(self.info) as stream:
                return digest_of(stream, limits, watch=lambda size: self.archive.count(self.info, size))
        except Exception as error:
            raise _zip_failure(error) from None

    def content(self, count: int) -> bytes:
        """See :meth:`Source.content`."""
        try:
            with self.archive.open(self.info) as stream:
                return stream.read(count)
        except Exception as error:
            raise _zip_failure(error) from None


def is_zip(path: Path) -> bool:
    """Return whether a file named ``.zip`` begins like a zip file (a picture may be named so too)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True  # opening it as a zip gives the message
    with os.fdopen(handle, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return False
        try:
            head = stream.read(8) or b""
        except OSError:
            return True
    return not head.startswith(READ_MAGIC)


def _refusal(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    written = info.filename.replace("\\", "/")
    if written.startswith("/") or ".." in written.split("/") or (len(written) > 1 and written[1] == ":"):
        return "zip-unsafe-path"
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "zip-link"
    if _path(info) in seen:
        return "zip-duplicate"
    if info.flag_bits & 0x1:
        return "zip-encrypted"
    return None


def _path(info: zipfile.ZipInfo) -> str:
    r"""Return the path of an entry in one spelling: ``./s/a.png`` and ``s\a.png`` are ``s/a.png``."""
    return normpath(info.filename.replace("\\", "/"))


def _zip_failure(error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    if isinstance(error, NotImplementedError):
        return InputError("zip-compression", detail=_detail(error))
    if isinstance(error, RuntimeError) and "password" in str(error):
        return InputError("zip-encrypted")
    if isinstance(error, MemoryError):
        return InputError("out-of-memory")
    if isinstance(error, OSError) and not isinstance(error, EOFError):
        return os_failure(error)
    if isinstance(error, zipfile.BadZipFile | zlib.error | lzma.LZMAError | EOFError):
        return InputError("zip-damaged", detail="this file inside it does not unpack")
    return InputError("zip-damaged", detail=_detail(error))


def _detail(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return text or type(error).__name__
