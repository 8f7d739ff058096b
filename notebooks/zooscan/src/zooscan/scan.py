"""Processes a scan: 8 bits, background removed, objects found; a few strips of rows at a time."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zooscan.background import (
    Background,
    blank_part,
    find_limits,
    remove_background,
    smoothed_strips,
)
from zooscan.levels import SliceLevels, convert, level_points, level_table, slice_levels
from zooscan.objects import CancelledError, Grey, Limits, ProcessedScan, ScanError
from zooscan.quality import quality_words
from zooscan.regions import TooManyRunsError
from zooscan.rows_file import RowsFile, new_rows_file, new_tiff, open_scan
from zooscan.segment import Found, objects_of_strips
from zooscan.settings import ProcessSettings

VERSION: Final = "1"
"""Changes when a picture or an object may change: it enters the keys of what is kept."""

Progress = Callable[[str, int, int], None]


def process_scan(
    scan: Path,
    blanks: Sequence[Path],
    settings: ProcessSettings,
    work: Path,
    progress: Progress = lambda step, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ProcessedScan:
    """Process one scan.

    Parameters
    ----------
    scan : Path
        Grey TIFF of 16 bits (8 are taken as they are).
    blanks : sequence of Path
        The two scans of the empty glass, at the scan's resolution or a lower one.
    settings : ProcessSettings
        How.
    work : Path
        Folder for the result (``<name>_vis1.tif``) and for intermediate files, which are removed; needs three bytes a pixel.
    progress : callable
        Told the step, what is done and the total, in rows.
    cancelled : callable
        Asked between strips.

    Returns
    -------
    ProcessedScan
        Picture and objects.

    Raises
    ------
    ScanError
        When scan or blanks cannot be used, or the disk is too full.
    CancelledError
        When `cancelled` said yes; nothing is left behind.
    """
    if len(blanks) != 2:
        raise ScanError(
            f"{scan.name}: {len(blanks)} blank scans were given; expected the two of one preparation."
        )
    work.mkdir(parents=True, exist_ok=True)
    job = _Job(scan, blanks, settings, work, work / f".{scan.stem}.scratch", progress, cancelled)
    picture_file = work / f"{scan.stem}_vis1.tif"
    shutil.rmtree(job.scratch, ignore_errors=True)
    job.scratch.mkdir()
    try:
        return job.run(picture_file)
    except BaseException as error:
        with suppress(OSError):
            picture_file.unlink(missing_ok=True)
        words = job.words(error)
        if words:
            raise ScanError(words) from None
        raise
    finally:
        shutil.rmtree(job.scratch, ignore_errors=True)


@dataclass(frozen=True)
class _Job:
    scan: Path
    blanks: Sequence[Path]
    settings: ProcessSettings
    work: Path
    scratch: Path
    progress: Progress
    cancelled: Callable[[], bool]

    def run(self, picture_file: Path) -> ProcessedScan:
        raw = open_scan(self.scan, self.scratch, self.check)
        if shutil.disk_usage(self.work).free < 3 * raw.width * raw.height:
            raise ScanError(
                f"{self.scan.name} needs {3 * raw.width * raw.height / 1e9:.1f} GB in {self.work}; make room."
            )
        levels, points, grey = self._grey(raw, "scan")
        blank, ratio = self._blank(raw)
        background = Background.fitted(blank, grey.width, grey.height, ratio)
        limits, framed = find_limits(grey, self.settings.border_share, self.check)
        picture = new_tiff(picture_file, grey.width, grey.height, self.settings.dpi)
        found = self._remove_and_find(grey, background, limits, picture)
        return ProcessedScan(
            picture_file=picture_file,
            width_px=grey.width,
            height_px=grey.height,
            objects=found.objects,
            quality=quality_words(found, framed=framed, dpi=raw.dpi, settings=self.settings),
            median=levels.median,
            mean=levels.mean,
            level_min=points[0],
            level_max=points[1],
            bw_ratio=found.bw_ratio,
            limits=limits,
            settings=self.settings,
        )

    def words(self, error: BaseException) -> str:
        """Return what an error of the disk or the picture means for the scan; empty for any other."""
        if isinstance(error, OSError):
            return (
                f"{self.scan.name}: {error.strerror or error} while reading or writing; is there free space in {self.work}, "
                "and may it be written?"
            )
        if isinstance(error, TooManyRunsError):
            return (
                f"{self.scan.name} is noise at the threshold {self.settings.upper_threshold}: {error} "
                "Do the blanks belong to this scan, and is the threshold right?"
            )
        return ""

    def check(self) -> None:
        """Raise when the person asked to stop."""
        if self.cancelled():
            raise CancelledError(f"{self.scan.name}: stopped as asked.")

    def _counter(self, step: str, total: int) -> Callable[[int], None]:
        done = 0

        def after(rows: int) -> None:
            nonlocal done
            self.check()
            done += rows
            self.progress(step, done, total)

        return after

    def _grey(self, raw: RowsFile, step: str) -> tuple[SliceLevels, tuple[int, int], RowsFile]:
        """Return the levels, the black and white points, and the scan in 8 bits, turned."""
        levels = slice_levels(raw, self.check)
        low, high = level_points(levels.median, self.settings) if raw.dtype.itemsize == 2 else (0, 255)
        grey = new_rows_file(self.scratch / f"{step}.grey", raw.height, raw.width)
        convert(raw, grey, level_table(low, high), self._counter(f"{step}: 8 bits", raw.height))
        if raw.path.parent == self.scratch:
            raw.path.unlink()
        return levels, (low, high), grey

    def _blank(self, scan: RowsFile) -> tuple[RowsFile, float]:
        """Return the smoothed blank as far as the scan shows it, and the scan's resolution over its own."""
        raws = [open_scan(blank, self.scratch, self.check) for blank in self.blanks]
        sizes = {(raw.width, raw.height) for raw in raws}
        if len(sizes) != 1:
            text = " and ".join(f"{raw.path.name}: {raw.width} x {raw.height} px" for raw in raws)
            raise ScanError(f"The two blanks differ in size ({text}); choose the two of one preparation.")
        ratio = (scan.dpi or self.settings.dpi) / (raws[0].dpi or self.settings.dpi)
        if ratio < 1:
            raise ScanError(
                f"{self.blanks[0].name} has {1 / ratio:g} times the resolution of {self.scan.name}; expected the same or a lower one."
            )
        greys = [self._grey(raw, f"blank {number}")[2] for number, raw in enumerate(raws, 1)]
        name = self.blanks[0].name
        if raws[0].dpi is None:
            name += f" (which says no resolution; {self.settings.dpi} dpi is assumed)"
        width = blank_part(scan.height, ratio, greys[0].width, name)
        height = blank_part(scan.width, ratio, greys[0].height, name)
        smooth = new_rows_file(self.scratch / "blank.grey", width, height)
        after = self._counter("blanks: smoothed", height)
        for start, rows in smoothed_strips(greys[0], greys[1], width, height):
            smooth.write_rows(start, rows)
            after(rows.shape[0])
        for grey in greys:
            grey.path.unlink()
        return smooth, ratio

    def _remove_and_find(
        self, grey: RowsFile, background: Background, limits: Limits, picture: RowsFile
    ) -> Found:
        after = self._counter("background and objects", picture.height)

        def cleared(start: int, rows: Grey) -> Grey:
            white = remove_background(rows, background.read(start, start + rows.shape[0]))
            white[: max(limits.top - start, 0)] = 255
            white[max(limits.bottom - start, 0) :] = 255
            white[:, : limits.left] = 255
            white[:, limits.right :] = 255
            picture.write_rows(start, white)
            after(rows.shape[0])
            return white[max(limits.top - start, 0) : max(limits.bottom - start, 0)]

        strips = (cleared(start, rows) for start, rows in grey.strips())
        return objects_of_strips(strips, self.settings, limits, picture_px=picture.width * picture.height)
