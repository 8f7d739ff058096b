"""Archives of plain arrays (``.npz``) that may come from somebody else: nothing is unpacked that a few kilobytes merely claim to hold.

NumPy's own `numpy.load` believes the header of each array, so a small file can ask for all memory there is. Here sizes are bounded
before anything is unpacked, each header is compared with the bytes behind it, and pickles are never read.
"""

import io
import math
import os
import stat
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAXIMUM_ARRAYS: Final = 2000
_NO_ARCHIVE: Final = "it is not an archive of plain arrays, or it is cut short"
Arrays = dict[str, npt.NDArray[Any]]


class ArraysError(ValueError):
    """An archive that cannot be used; the text says what is wrong with it, without naming the file."""


def read_arrays(path: Path, maximum_bytes: int, kinds: Mapping[str, str]) -> Arrays:
    """Return the arrays of an archive whose names are known.

    Parameters
    ----------
    path
        The archive: a plain file, no link.
    maximum_bytes
        Most bytes that it may hold when unpacked.
    kinds
        Name -> NumPy kind (``f``, ``i``, ``u``, ``U``). A name that is not in the archive is left out of the answer; arrays with other
        names are not read.

    Raises
    ------
    ArraysError
        When it is no archive of arrays, is cut short, is too large, or an array is of another kind than it should be.
    """
    try:
        with _opened(path) as stream, zipfile.ZipFile(stream) as archive:
            entries = _entries(archive, maximum_bytes)
            return {name: _array(archive, entries[name], kinds[name]) for name in kinds if name in entries}
    except ArraysError:
        raise
    except Exception:
        # Whatever a hostile or torn archive provokes in zipfile, zlib or numpy: it is none.
        raise ArraysError(_NO_ARCHIVE) from None


def names_of(path: Path, maximum_bytes: int) -> tuple[str, ...]:
    """Return the names of the arrays in an archive; raises as `read_arrays`."""
    try:
        with _opened(path) as stream, zipfile.ZipFile(stream) as archive:
            return tuple(_entries(archive, maximum_bytes))
    except ArraysError:
        raise
    except Exception:
        raise ArraysError(_NO_ARCHIVE) from None


def need(arrays: Mapping[str, object], names: Collection[str]) -> None:
    """Raise `ArraysError` naming the arrays that are missing."""
    missing = sorted(set(names) - set(arrays))
    if missing:
        raise ArraysError(f"it has no {', '.join(missing)}")


def to_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an archive; equal arrays in the same order give equal bytes, so their digest can be compared."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))
    return buffer.getvalue()


def texts(values: tuple[str, ...]) -> npt.NDArray[np.str_]:
    """Return texts as an array, also when there are none."""
    return np.asarray(values, dtype=np.str_) if values else np.empty(0, dtype="U1")


def save(content: bytes, path: Path) -> Path:
    """Write a file in one step and return its path: a reader finds the old one or the new one, whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _opened(path: Path) -> io.BufferedReader:
    # Not to wait for a pipe, not to follow a link to somewhere else.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ArraysError("it is not a plain file")
    return os.fdopen(handle, "rb")


def _entries(archive: zipfile.ZipFile, maximum_bytes: int) -> dict[str, zipfile.ZipInfo]:
    found = archive.infolist()
    size = sum(one.file_size for one in found)
    if len(found) > MAXIMUM_ARRAYS:
        raise ArraysError(f"it holds {len(found)} arrays, more than the {MAXIMUM_ARRAYS} allowed")
    if size > maximum_bytes:
        raise ArraysError(
            f"it would hold {size / 2**20:.0f} MB, more than the {maximum_bytes // 2**20} MB allowed"
        )
    return {one.filename.removesuffix(".npy"): one for one in found}


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, kind: str) -> npt.NDArray[Any]:
    with archive.open(entry) as stream:
        # Never more than was declared, whatever the compressed bytes unpack to.
        content = io.BytesIO(stream.read(entry.file_size + 1))
    npy: Any = np.lib.format
    read = npy.read_array_header_1_0 if npy.read_magic(content) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(content)
    # Entries of no bytes: a file of a few hundred bytes could hold as many of them as it likes.
    if dtype.kind != kind or not dtype.itemsize or math.prod(shape) * dtype.itemsize > entry.file_size:
        if dtype.hasobject:
            raise ArraysError(_NO_ARCHIVE)
        raise ArraysError(f"{entry.filename.removesuffix('.npy')} holds {dtype} of shape {shape}")
    content.seek(0)
    found: npt.NDArray[Any] = npy.read_array(content, allow_pickle=False)
    return found
