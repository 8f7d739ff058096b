"""Masks as run lengths: COCO's (by columns, whole picture) and CVAT's (by rows, within a box).

Source of COCO's compressed text: ``rleToString``/``rleFrString`` of https://github.com/cocodataset/cocoapi (common/maskApi.c): six bits a
character from ``chr(48)``, least significant first, from the fourth run on as the difference to the run before the last one.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MAX_PIXELS: Final = 500_000_000
MAX_RUNS: Final = 20_000_000


@dataclass(frozen=True)
class Mask:
    """Which pixels of a picture belong to a thing.

    Parameters
    ----------
    height, width
        Of the picture, pixels.
    counts
        Run lengths down the columns, from left to right, beginning with the pixels that do not belong (perhaps 0): COCO's order.

    Raises
    ------
    ValueError
        When the runs are negative or do not add up to the picture.
    """

    height: int
    width: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.height * self.width > MAX_PIXELS:
            raise ValueError(
                f"mask: {self.height} x {self.width} px, expected a picture of 1 to {MAX_PIXELS} px"
            )
        if any(run < 0 for run in self.counts) or sum(self.counts) != self.height * self.width:
            raise ValueError(
                f"mask: the runs add up to {sum(self.counts)}, expected {self.height} x {self.width} px"
            )

    @property
    def area_px2(self) -> int:
        """Pixels that belong to the thing."""
        return sum(self.counts[1::2])

    def pixels(self) -> npt.NDArray[np.bool_]:
        """Return a bool array of shape ``(height, width)``."""
        values = np.arange(len(self.counts)) % 2 == 1
        flat: npt.NDArray[np.bool_] = np.repeat(values, self.counts)
        return flat.reshape((self.height, self.width), order="F")

    def bounds(self) -> tuple[int, int, int, int] | None:
        """Return left, top, right, bottom of the smallest box around the pixels; None: there are none."""
        ends = np.cumsum(self.counts)[1::2]
        starts = ends - np.asarray(self.counts[1::2], dtype=np.int64)
        there = ends > starts
        starts, last = starts[there], ends[there] - 1
        if not len(starts):
            return None
        left, right = int(starts[0] // self.height), int(last[-1] // self.height)
        crosses = bool((starts // self.height != last // self.height).any())
        top = 0 if crosses else int((starts % self.height).min())
        bottom = self.height - 1 if crosses else int((last % self.height).max())
        return left, top, right + 1, bottom + 1


def mask_of(pixels: npt.NDArray[np.bool_]) -> Mask:
    """Return the mask of a bool array of shape ``(height, width)``."""
    height, width = pixels.shape
    return Mask(height, width, tuple(_runs(pixels.ravel(order="F"))))


def from_text(text: str, height: int, width: int) -> Mask:
    """Read COCO's compressed run lengths; raises `ValueError` where they are damaged."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            code = ord(text[at]) - 48 if at < len(text) else -1
            if not 0 <= code < 64 or shift > 40:
                raise ValueError("mask: damaged run lengths (COCO's compressed text)")
            value |= (code & 0x1F) << shift
            more, at, shift = bool(code & 0x20), at + 1, shift + 5
            if not more and code & 0x10:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        if len(counts) > MAX_RUNS:
            raise ValueError(f"mask: more than {MAX_RUNS} runs")
    return Mask(height, width, tuple(counts))


def to_text(mask: Mask) -> str:
    """Return COCO's compressed run lengths."""
    out = []
    for number, count in enumerate(mask.counts):
        value = count - mask.counts[number - 2] if number > 2 else count
        more = True
        while more:
            code = value & 0x1F
            value >>= 5
            more = value != (-1 if code & 0x10 else 0)
            out.append(chr((code | 0x20 if more else code) + 48))
    return "".join(out)


def from_rows(runs: Sequence[int], box: tuple[int, int, int, int], size: tuple[int, int]) -> Mask:
    """Read CVAT's run lengths.

    Parameters
    ----------
    runs
        Lengths along the rows of `box`, beginning with pixels that do not belong.
    box
        Left, top, width, height in pixels.
    size
        Width and height of the picture; what of the box lies outside is left out.
    """
    left, top, width, height = box
    if not (1 <= width <= size[0] and 1 <= height <= size[1]) or len(runs) > MAX_RUNS:
        raise ValueError(f"mask: {width} x {height} px, expected a box no larger than the picture")
    if any(run < 0 for run in runs) or sum(runs) != width * height:
        raise ValueError(f"rle: the runs add up to {sum(runs)}, expected {width} x {height} px")
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"mask: a picture of {size[0]} x {size[1]} px is too large for masks here")
    inner = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    pixels = np.zeros((size[1], size[0]), dtype=np.bool_)
    x, y = max(left, 0), max(top, 0)
    inside = (
        inner[y - top : size[1] - top, x - left : size[0] - left]
        if top < size[1] and left < size[0]
        else inner[:0]
    )
    if inside.size:
        pixels[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    if not pixels.any():
        raise ValueError("mask: no pixel of it lies in the picture")
    return mask_of(pixels)


def to_rows(mask: Mask) -> tuple[list[int], tuple[int, int, int, int]]:
    """Return CVAT's run lengths, and left, top, width, height of the box they fill."""
    bounds = mask.bounds()
    if bounds is None:
        raise ValueError("mask: it holds no pixel")
    left, top, right, bottom = bounds
    inner = mask.pixels()[top:bottom, left:right]
    return _runs(inner.ravel()), (left, top, right - left, bottom - top)


def _runs(flat: npt.NDArray[np.bool_]) -> list[int]:
    changes: Iterable[int] = (np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist()
    edges = [0, *changes, len(flat)]
    runs = [after - before for before, after in itertools.pairwise(edges)]
    return [0, *runs] if len(flat) and flat[0] else runs
