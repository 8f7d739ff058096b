"""Finds the objects of a processed picture: at or below the threshold, holes filled, of the right size, clear of the edge."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from zooscan.objects import Grey, Limits, Runs, ScanObject
from zooscan.regions import RegionStream, area_of, contains, hole_runs
from zooscan.settings import ProcessSettings


@dataclass(frozen=True, slots=True)
class Found:
    """Objects, and how many pixels of the whole picture are black (at or below the threshold) and white (above it)."""

    objects: Sequence[ScanObject]
    black_px: int
    white_px: int

    @property
    def bw_ratio(self) -> float | None:
        """Black pixels over white ones, as in the legacy software (not over all pixels); None where no pixel is white."""
        return self.black_px / self.white_px if self.white_px else None


def find_objects(
    picture: Grey, settings: ProcessSettings, limits: Limits | None = None, *, keep_touching: bool = False
) -> Found:
    """Return the objects of a picture that is in memory (a vignette, a part of a scan that was separated by hand).

    Parameters
    ----------
    picture : Grey
        White background.
    settings : ProcessSettings
        Threshold and limits of size.
    limits : Limits, optional
        The whole picture where not given.
    keep_touching : bool
        Whether objects that touch the limits count.
    """
    limits = limits or Limits(0, 0, picture.shape[1], picture.shape[0])
    return objects_of_strips(
        [picture[limits.top : limits.bottom]],
        settings,
        limits,
        keep_touching=keep_touching,
        picture_px=picture.size,
    )


def objects_of_strips(
    strips: Iterable[Grey],
    settings: ProcessSettings,
    limits: Limits,
    *,
    keep_touching: bool = False,
    picture_px: int | None = None,
) -> Found:
    """Return the objects of a picture that comes in strips of whole rows, from row `limits.top` to `limits.bottom`.

    `picture_px` is the number of pixels of the whole picture; what lies outside the limits is white, as it is cleared.
    """
    stream = RegionStream(min_box_px=settings.min_area_px)
    regions: list[Runs] = []
    black = 0
    for strip in strips:
        mask = strip[:, limits.left : limits.right] <= settings.upper_threshold
        black += int(np.count_nonzero(mask))
        regions += stream.add(mask)
    regions += stream.finish()
    regions.sort(key=lambda runs: (int(runs[0, 0]), int(runs[0, 1])))
    return Found(
        _objects(regions, settings, limits, keep_touching),
        black,
        (limits.area_px if picture_px is None else picture_px) - black,
    )


def _may_be_object(runs: Runs, settings: ProcessSettings, limits: Limits, keep_touching: bool) -> bool:
    """Refuse what touches the limits and what is a line; runs count from the limits' corner."""
    top, bottom = int(runs[0, 0]), int(runs[-1, 0]) + 1
    left, right = int(runs[:, 1].min()), int(runs[:, 2].max())
    touching = (
        top == 0 or left == 0 or bottom == limits.bottom - limits.top or right == limits.right - limits.left
    )
    width, height = right - left, bottom - top
    line = max(width, height) > settings.max_side_ratio * min(width, height)
    return (keep_touching or not touching) and not line


def _objects(
    regions: Sequence[Runs], settings: ProcessSettings, limits: Limits, keep_touching: bool
) -> list[ScanObject]:
    """Return the regions of the right size and shape that lie in no other region's hole, numbered.

    As in ImageJ, what is left out itself (at the edge, a line) still hides what lies in its holes.
    """
    holes = [hole_runs(runs) for runs in regions]
    firsts = np.array([runs[0, :2] for runs in regions]).reshape(-1, 2)
    nested = np.zeros(len(regions), bool)
    for hole in holes:
        if len(hole):
            inside = (
                (firsts[:, 0] >= hole[0, 0]) & (firsts[:, 0] <= hole[-1, 0])
                & (firsts[:, 1] >= hole[:, 1].min()) & (firsts[:, 1] < hole[:, 2].max())
            )  # fmt: skip
            for index in np.flatnonzero(inside):
                nested[index] |= contains(hole, int(firsts[index, 0]), int(firsts[index, 1]))
    objects: list[ScanObject] = []
    for runs, hole, within in zip(regions, holes, nested, strict=True):
        if within or not _may_be_object(runs, settings, limits, keep_touching):
            continue
        solid = area_of(runs)
        area = solid + area_of(hole)
        if settings.min_area_px <= area <= settings.max_area_px:
            top, left = int(runs[0, 0]), int(runs[:, 1].min())
            objects.append(
                ScanObject(
                    id=len(objects) + 1,
                    x_px=left + limits.left,
                    y_px=top + limits.top,
                    width_px=int(runs[:, 2].max()) - left,
                    height_px=int(runs[-1, 0]) + 1 - top,
                    runs=runs - np.array([top, left, left], np.int32),
                    area_exc_px=solid,
                    area_px=area,
                )
            )
    return objects
