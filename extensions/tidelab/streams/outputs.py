"""The folder a video's results go to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tidelab.runs.processes import FileLock
from tidelab.streams.errors import StreamError

SUMMARY: Final = "summary.json"
TABLES: Final = ("frames.csv", "detections.csv", "counts.csv")
PART: Final = ".annotated-part"


@contextlib.contextmanager
def outputs(out: Path, *, force: bool) -> Iterator[None]:
    """Hold the folder of one video: made when missing, held by one process, without leftovers of one that was killed.

    Raises
    ------
    StreamError
        When it cannot be written, another process holds it, or it holds files of the same names from somewhere else and `force` is false.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".tidelab-video.lock")
        free = lock.acquire()
    except OSError as error:
        raise StreamError(
            f"The folder {out} cannot be written ({error.strerror}). Choose another with --out."
        ) from None
    if not free:
        raise StreamError(
            f"Another analysis is writing to {out}. Wait for it, or choose another folder with --out."
        )
    try:
        there = [name for name in (*TABLES, "annotated.mp4", "annotated.mkv") if (out / name).exists()]
        if there and not (out / SUMMARY).exists() and not force:
            raise StreamError(
                f"{out} holds {there[0]}, and no {SUMMARY} that says where it comes from. Choose another folder, or add --force."
            )
        for left in out.glob(f"{PART}*"):
            left.unlink()  # of an analysis that was killed: nobody else holds the lock
        yield
    finally:
        lock.release()
