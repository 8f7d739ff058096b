"""Pictures as files of plain rows: read and written some rows at a time, so that a scan of 0.7 GB needs a few megabytes."""

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tifffile

from zooscan.objects import CancelledError, Grey, ScanError

MAX_PIXELS: Final = 2_000_000_000
STRIP_PX: Final = 4_000_000
"""Pixels handled at a time."""
_UNIT_INCH: Final = {2: 1.0, 3: 2.54}


@dataclass(frozen=True, slots=True)
class RowsFile:
    """A picture stored row after row.

    Attributes
    ----------
    path : Path
        The file.
    width, height : int
        Size in px.
    dtype : numpy dtype
        Of a pixel, byte order included.
    offset : int
        Where the first row begins, bytes.
    dpi : float or None
        Resolution where the file says one.
    """

    path: Path
    width: int
    height: int
    dtype: np.dtype[Any]
    offset: int = 0
    dpi: float | None = None

    @property
    def strip_rows(self) -> int:
        """Rows handled at a time."""
        return max(1, STRIP_PX // max(self.width, 1))

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows `start` to `stop`.

        Raises
        ------
        ScanError
            When the file is shorter than it says.
        """
        count = (stop - start) * self.width
        begin = self.offset + start * self.width * self.dtype.itemsize
        pixels = np.fromfile(self.path, self.dtype, count=count, offset=begin)
        if pixels.size != count:
            raise ScanError(
                f"{self.path.name} ends at row {start + pixels.size // max(self.width, 1)} of {self.height}; copy it again."
            )
        return pixels.reshape(stop - start, self.width)

    def strips(self, top: int = 0, bottom: int | None = None) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield (first row, rows), in order."""
        bottom = self.height if bottom is None else bottom
        for start in range(top, bottom, self.strip_rows):
            yield start, self.read(start, min(start + self.strip_rows, bottom))

    def write_rows(self, start: int, rows: Grey) -> None:
        """Replace the rows from `start` on."""
        with self.path.open("r+b") as file:
            file.seek(self.offset + start * self.width * self.dtype.itemsize)
            file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())

    def write_columns(self, start: int, columns: Grey) -> None:
        """Replace the columns from `start` on, all rows."""
        mapped = np.memmap(self.path, self.dtype, "r+", self.offset, (self.height, self.width))
        mapped[:, start : start + columns.shape[1]] = columns
        del mapped  # gives the pages back


def new_rows_file(path: Path, width: int, height: int) -> RowsFile:
    """Make an 8-bit file of black rows; takes its place on the disk at once."""
    with path.open("wb") as file:
        file.truncate(width * height)
    return RowsFile(path, width, height, np.dtype(np.uint8))


def new_tiff(path: Path, width: int, height: int, dpi: int) -> RowsFile:
    """Make an uncompressed 8-bit TIFF whose rows can be replaced."""
    mapped = tifffile.memmap(
        path,
        shape=(height, width),
        dtype=np.uint8,
        photometric="minisblack",
        resolution=(dpi, dpi),
        resolutionunit="INCH",
    )
    offset = int(mapped.offset)
    del mapped
    return RowsFile(path, width, height, np.dtype(np.uint8), offset, float(dpi))


def open_scan(path: Path, scratch: Path, cancelled: Callable[[], None] = lambda: None) -> RowsFile:
    """Open a grey TIFF of 8 or 16 bits as rows; a compressed one is unpacked into `scratch`, part by part.

    Raises
    ------
    ScanError
        When it cannot be read, is no single grey picture, or is impossibly large.
    """
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages.first
            _check(path, page)
            height, width = (int(side) for side in page.shape)
            dtype = np.dtype(page.dtype).newbyteorder(file.byteorder)
            if page.is_memmappable:
                return RowsFile(path, width, height, dtype, int(page.dataoffsets[0]), _dpi(page))
            if shutil.disk_usage(scratch).free < 2 * width * height * dtype.itemsize:
                raise ScanError(
                    f"{path.name} is compressed and there is no room to unpack it in {scratch}; make room."
                )
            return _unpack(page, scratch / f"{path.stem}.rows", cancelled)
    except (ScanError, CancelledError):
        raise
    except OSError as error:
        raise ScanError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # a damaged TIFF can fail anywhere in its parser
        raise ScanError(
            f"{path.name} is not a TIFF that can be read ({type(error).__name__}: {str(error)[:100]})."
        ) from None


def _check(path: Path, page: Any) -> None:
    if (
        len(page.shape) != 2
        or page.dtype is None
        or np.dtype(page.dtype) not in (np.dtype("u1"), np.dtype("u2"))
    ):
        raise ScanError(
            f"{path.name} has the shape {tuple(page.shape)} and {page.dtype}; expected one grey picture of 8 or 16 bits."
        )
    if not 0 < page.shape[0] * page.shape[1] <= MAX_PIXELS:
        raise ScanError(
            f"{path.name} has {page.shape[1]} x {page.shape[0]} px; expected at most {MAX_PIXELS:,} pixels."
        )
    if math.prod(page.chunks) > 4 * max(page.shape[0] * page.shape[1], STRIP_PX):
        raise ScanError(f"{path.name} has parts of {page.chunks} px, larger than the picture; it is damaged.")


def _dpi(page: Any) -> float | None:
    tag, unit = page.tags.get("XResolution"), page.tags.get("ResolutionUnit")
    if tag is None or unit is None or int(unit.value) not in _UNIT_INCH:
        return None
    above, below = tag.value
    value = above / below * _UNIT_INCH[int(unit.value)] if below else 0.0
    return value if 10 <= value <= 50_000 else None


def _unpack(page: Any, target: Path, cancelled: Callable[[], None]) -> RowsFile:
    height, width = (int(side) for side in page.shape)
    dtype = np.dtype(page.dtype)
    with target.open("wb") as file:
        file.truncate(height * width * dtype.itemsize)
    for decoded, index, shape in page.segments(maxworkers=1):
        cancelled()
        if decoded is None:
            continue
        row, column = int(index[-3]), int(index[-2])
        part = np.asarray(decoded)[0, : min(shape[-3], height - row), : min(shape[-2], width - column), 0]
        mapped = np.memmap(target, dtype, "r+", shape=(height, width))
        mapped[row : row + part.shape[0], column : column + part.shape[1]] = part
        del mapped
    return RowsFile(target, width, height, dtype, 0, _dpi(page))
