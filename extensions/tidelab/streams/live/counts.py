"""Counts of a live source, a row an interval and class, appended to a table for each day."""

import csv
import datetime
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tidelab.runs.names import spreadsheet_safe
from tidelab.streams.clock import iso
from tidelab.streams.intervals import Interval
from tidelab.streams.model import StreamModel

COLUMNS: Final = (
    "interval_start", "interval_s", "covered_s", "camera", "taxon", "aphia_id", "n_pictures", "pictures_with",
    "detections_per_picture_mean", "max_n", "frames_received", "model", "conf_thr",
)  # fmt: skip
"""As `tidelab.science.abundance` calls them. ``covered_s``: seconds from the first to the last analysed frame of the interval, so that one cut short is
seen; ``frames_received``: all that came, analysed or dropped."""


def append_interval(
    folder: Path, model: StreamModel, interval: Interval, camera: str, covered_s: float, received: int
) -> Path:
    """Append the rows of one interval to ``counts-<day>.csv`` and wait until the disk has them; raises `OSError`."""
    begun = datetime.datetime.fromtimestamp(interval.start_s, datetime.UTC)
    path = folder / f"counts-{begun:%Y-%m-%d}.csv"
    classes = model.classes
    name = spreadsheet_safe(
        f"{model.resolved.name} {model.resolved.version}".strip()
        + (" (demo)" if model.resolved.is_demo else "")
    )
    about = (iso(begun, "seconds"), f"{interval.width_s:g}", f"{covered_s:.1f}", spreadsheet_safe(camera))
    rows = [
        (
            *(*about, taxon, classes.aphia[place], interval.frames, int(interval.frames_with[place])),
            *(f"{interval.mean_count[place]:.4f}", int(interval.max_n[place]), received),
            *(name, f"{classes.thresholds.by_label[place]:g}"),
        )
        for place, taxon in enumerate(classes.taxa)
    ]
    _append(path, rows)
    return path


def described(model: StreamModel, interval: Interval, covered_s: float) -> dict[str, Any]:
    """Return what ``status.json`` holds of an interval: the numbers of its rows, classes with the most per picture first."""
    begun = datetime.datetime.fromtimestamp(interval.start_s, datetime.UTC)
    rows = [
        {
            "taxon": taxon,
            "mean": round(float(interval.mean_count[place]), 4),
            "max_n": int(interval.max_n[place]),
            "pictures_with": int(interval.frames_with[place]),
        }
        for place, taxon in enumerate(model.classes.taxa)
    ]
    return {
        "interval_start": iso(begun, "seconds"),
        "interval_s": interval.width_s,
        "covered_s": round(covered_s, 1),
        "n_pictures": interval.frames,
        "taxa": sorted(rows, key=lambda row: (-float(row["mean"]), str(row["taxon"]))),
    }


def _append(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("ab+") as stream:
        size = _whole_lines(stream.fileno())
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not size:
            writer.writerow(COLUMNS)
        writer.writerows(rows)
        stream.write(text.getvalue().encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())


def _whole_lines(handle: int) -> int:
    """Cut off a last line without its end, which a killed process left; return the size."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, 65_536, max(0, size - 65_536))
    whole = size - len(tail) + tail.rfind(b"\n") + 1
    if whole < size:
        os.ftruncate(handle, whole)
    return whole
