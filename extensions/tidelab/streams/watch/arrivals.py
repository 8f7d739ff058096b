"""Which files of a folder are complete: those whose size and time of change stay the same, and none that is still being written."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tidelab.runs.inputs.collect import SIDE_SUFFIXES
from tidelab.streams.watch.journal import Seen

_UNFINISHED: Final = (
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".filepart",
    ".crdownload",
    ".download",
    ".swp",
    "~",
)
_IGNORED: Final = {"thumbs.db", "desktop.ini", "__macosx"}
_FULL_S: Final = 60.0
"""Folders whose time of change stays are listed this often all the same: a file that is overwritten does not change its folder."""
_YOUNG_NS: Final = 3_000_000_000
_DEEPEST: Final = 20


@dataclass
class _Folder:
    mtime_ns: int
    inner: list[str]


@dataclass
class Arrivals:
    """Looks at a folder again and again.

    Parameters
    ----------
    root
        The watched folder. Links in it are not followed.
    settle_s
        Seconds for which a file has to stay as it is.
    skip
        A folder below the root that is passed over.
    most
        Files that may wait at once; further ones are taken when these are through.
    """

    root: Path
    settle_s: float
    skip: Path | None = None
    most: int = 5000
    _waiting: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _full: float = float("-inf")

    @property
    def waiting(self) -> int:
        """Files that are not complete yet."""
        return len(self._waiting)

    def listed(self) -> Iterator[list[Seen]]:
        """Yield the files of the folder in parts of bounded size; folders in which nothing changed are passed over.

        Raises
        ------
        OSError
            When the watched folder itself cannot be listed.
        """
        now = time.monotonic()
        whole = now - self._full >= _FULL_S
        if whole:
            self._full = now
            self._folders.clear()
        part: list[Seen] = []
        for one in self._walk("", 0):
            part.append(one)
            if len(part) >= 500:
                yield part
                part = []
        yield part

    def look_everywhere(self) -> None:
        """List every folder the next time, changed or not."""
        self._full = float("-inf")

    def complete(self, unknown: list[Seen]) -> list[Seen]:
        """Return those of the files that were as they are for long enough; the others wait."""
        now = time.monotonic()
        ready = []
        for one in unknown:
            before = self._waiting.get(one.name)
            if before is None or before[:2] != (one.size, one.mtime_ns):
                if before is not None or len(self._waiting) < self.most:
                    self._waiting[one.name] = (one.size, one.mtime_ns, now)
            elif now - before[2] >= self.settle_s:
                ready.append(one)
        # The oldest first: pictures then come in the order in which they were written.
        return sorted(ready, key=lambda one: (one.mtime_ns, one.name))

    def done(self, name: str) -> None:
        """Forget a file that was settled or vanished."""
        self._waiting.pop(name, None)

    def forget_vanished(self) -> None:
        """Forget files that are not there any more."""
        for name in [name for name in self._waiting if not (self.root / name).exists()]:
            del self._waiting[name]

    def _walk(self, inside: str, depth: int) -> Iterator[Seen]:
        place = self.root / inside
        try:
            mtime_ns = place.stat().st_mtime_ns
            known = self._folders.get(inside)
            waits = any(name.startswith(f"{inside}/" if inside else "") for name in self._waiting)
            if known and known.mtime_ns == mtime_ns and not waits:
                inner = known.inner
            else:
                inner = []
                with os.scandir(place) as entries:
                    for entry in entries:
                        name = f"{inside}/{entry.name}" if inside else entry.name
                        if _passed_over(entry.name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            inner.append(name)
                        elif entry.is_file(follow_symlinks=False):
                            yield _seen(entry, name)
                # A folder that changed just now may change again within the same tick of its clock.
                if time.time_ns() - mtime_ns > _YOUNG_NS:
                    self._folders[inside] = _Folder(mtime_ns, inner)
        except FileNotFoundError:
            if not inside:
                raise
            return
        except OSError:
            if not inside:
                raise
            return  # a folder that may not be read; its pictures cannot be either
        for name in inner:
            if depth < _DEEPEST and (self.skip is None or self.root / name != self.skip):
                yield from self._walk(name, depth + 1)


def _seen(entry: os.DirEntry[str], name: str) -> Seen:
    try:
        told = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return Seen(name, -1, -1)  # renamed just now; it is looked at again under its new name
    return Seen(name, told.st_size, told.st_mtime_ns)


def _passed_over(name: str) -> bool:
    lower = name.lower()
    return lower.startswith(".") or lower in _IGNORED or lower.endswith((*_UNFINISHED, *SIDE_SUFFIXES))
