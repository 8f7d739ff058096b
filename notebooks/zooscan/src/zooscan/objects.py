"""What a processed scan consists of: a picture and the objects found in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from zooscan.settings import ProcessSettings

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Runs = npt.NDArray[np.int32]
"""Runs of a region, one row each: (row, first column, column after the last), sorted by row, then column."""


class ScanError(ValueError):
    """A scan cannot be processed; the message says which file, what is wrong and what to do."""


class CancelledError(Exception):
    """The person asked for the processing to stop."""


@dataclass(frozen=True, slots=True)
class ScanObject:
    """One object of a scan: connected pixels (8 neighbours) at or below the threshold.

    Attributes
    ----------
    id : int
        1, 2, ... in the order in which a line by line search from the top left meets the objects.
    x_px, y_px, width_px, height_px : int
        Box in the processed picture, top left corner from 0.
    runs : Runs
        Pixels of the object without its holes, relative to the box.
    area_exc_px : int
        Pixels at or below the threshold.
    area_px : int
        The same with holes filled, which is ImageJ's ``Area`` of an object ("include holes").
    """

    id: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    runs: Runs
    area_exc_px: int
    area_px: int

    def mask(self) -> Mask:
        """Return True where the object is, without its holes, shape (height_px, width_px)."""
        mask = np.zeros((self.height_px, self.width_px), bool)
        for row, start, stop in self.runs:
            mask[row, start:stop] = True
        return mask

    def crop(self, picture: Grey) -> Grey:
        """Return the box cut from a picture, as a copy."""
        box = picture[self.y_px : self.y_px + self.height_px, self.x_px : self.x_px + self.width_px]
        return np.array(box, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Limits:
    """The part of a picture within the scanner's frame: first and after-last column and row."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area_px(self) -> int:
        """Pixels within."""
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass(frozen=True, slots=True)
class QualityWord:
    """One thing the legacy software says of a scan.

    Attributes
    ----------
    name : str
        ``bw_ratio``, ``background``, ...
    value : float or str
        The figure behind it.
    good : bool
        Whether it is as it should be.
    words : str
        What a person reads.
    """

    name: str
    value: float | str
    good: bool
    words: str


@dataclass(frozen=True, slots=True)
class ProcessedScan:
    """A scan after conversion, background removal and segmentation.

    Attributes
    ----------
    picture_file : Path
        Uncompressed 8-bit TIFF: white background, objects darker, frame cleared.
    width_px, height_px : int
        Its size.
    objects : sequence of ScanObject
        In the order of their ids.
    quality : sequence of QualityWord
        What the legacy software says of the scan.
    median, mean : float
        Grey levels of the 16-bit scan, averaged over its slices.
    level_min, level_max : int
        16-bit grey levels that became 0 and 255.
    bw_ratio : float or None
        Pixels at or below the threshold over those above it, in the whole picture with its frame cleared (legacy B/W ratio); None where
        no pixel is above it.
    limits : Limits
        The part within the scanner's frame; outside it the picture was cleared, and objects that touch it are left out.
    settings : ProcessSettings
        What it was processed with.
    """

    picture_file: Path
    width_px: int
    height_px: int
    objects: Sequence[ScanObject]
    quality: Sequence[QualityWord]
    median: float
    mean: float
    level_min: int
    level_max: int
    bw_ratio: float | None
    limits: Limits
    settings: ProcessSettings

    def picture(self) -> Grey:
        """Return the picture as a read-only memory map: only what is looked at is read."""
        mapped: Grey = tifffile.memmap(self.picture_file, mode="r")
        return mapped
