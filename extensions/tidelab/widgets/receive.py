"""Uploads: pieces of files that arrive from a browser, written into the visitor's own folder as they come."""

import os
import secrets
import shutil
import time
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tidelab.reports import numbers
from tidelab.runs.beneath import folders_in, opened, writer
from tidelab.runs.delete import remove_tree
from tidelab.runs.policy import UPLOADS, upload_name
from tidelab.runs.sweep import sweep_quietly

CHUNK_BYTES: Final = 4 * 2**20
"""Largest piece that is accepted; every hop between browser and kernel holds a whole piece in memory."""
KEEP_DAYS: Final = 7
"""Days an upload is kept, so that it can be analysed again with another setting."""
KEEP_UPLOADS: Final = 20
"""Largest uploads that are kept for one person; beyond their size the oldest make room for the next."""
_RECENT_S: Final = 86_400
"""Seconds in which an upload is not removed to make room: a run that waits may still need it."""
_SILENT_S: Final = 3_600
"""Seconds after which an incomplete upload to which nothing was added counts as broken off."""
_PART: Final = ".part"
_MOST_FILES: Final = 20_000
_NAME_BYTES: Final = 200


class UploadError(ValueError):
    """An upload that is not accepted; the text says what was wrong and what to do."""


@dataclass(frozen=True)
class Announced:
    """One file that the browser wants to send."""

    name: str
    size: int


@dataclass
class UploadReceiver:
    """Takes one upload at a time.

    Parameters
    ----------
    runs_root
        The visitor's folder of runs; uploads lie in ``.uploads`` beside the runs.
    limit_mb
        Most megabytes (10^6 bytes) of one upload.
    keep_hours
        Hours an upload is kept where the data policy keeps nothing; its run removes it earlier. None: the usual days.
    """

    runs_root: Path
    limit_mb: int
    keep_hours: int | None = None
    _files: list[Announced] = field(default_factory=list)
    _folder: Path | None = None
    _position: int = 0
    _offset: int = 0

    def begin(self, announced: Sequence[Mapping[str, Any]]) -> None:
        """Check what the browser wants to send and make room for it.

        Raises
        ------
        UploadError
            When there is nothing to send, too much, a mixture of zip and images, or no room on the disk.
        """
        self.abandon()
        files = [_announced(item) for item in announced[: _MOST_FILES + 1]]
        total = sum(file.size for file in files)
        if not files:
            raise UploadError("No file was chosen. Choose images, or one zip file.")
        if len(files) > _MOST_FILES:
            raise UploadError(
                f"More than {numbers.count(_MOST_FILES)} files were chosen. Put them into one zip file."
            )
        if total > self.limit_mb * 1_000_000:
            raise UploadError(
                f"The files are {numbers.size(total)} together; at most {self.limit_mb} MB can be uploaded at once. "
                "Upload fewer files, or put them into a folder on the hub and choose that."
            )
        zips = [file for file in files if file.name.lower().endswith(".zip")]
        if zips and len(files) > 1:
            raise UploadError(
                f"{zips[0].name} is a zip file among other files. Upload one zip file alone, or images only."
            )
        try:
            self._begin(_distinct(files), total)
        except OSError as error:
            raise UploadError(
                f"The upload cannot be stored in {UPLOADS} of your runs: {error.strerror}. It must be a real folder of yours; where it is "
                "one, tell the hub's administrator."
            ) from None

    def _begin(self, files: list[Announced], total: int) -> None:
        with opened(self._root, make=True) as root:
            self.tidy()
            _make_room(self._root, total, KEEP_UPLOADS * self.limit_mb * 1_000_000)
            if shutil.disk_usage(root).free < total + 500_000_000:
                raise UploadError(
                    "There is no room for this upload on the hub's disk. Tell the hub's administrator."
                )
            stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
            folder = self._root / f"{upload_name(stem, self.keep_hours)}{_PART}"
            os.mkdir(folder.name, 0o700, dir_fd=root)
        self._folder, self._files = folder, files
        self._skip_empty()

    def write(self, position: int, offset: int, data: bytes | memoryview) -> tuple[int, int] | None:
        """Append one piece; return (file, offset) of the piece wanted next, None when all has arrived.

        Raises
        ------
        UploadError
            When the piece is not the one that was asked for, is too long, or cannot be written.
        """
        if self._folder is None or (position, offset) != (self._position, self._offset):
            self.abandon()
            raise UploadError(
                "The upload lost its place, for example after a break in the connection. Upload again."
            )
        file, size = self._files[position], memoryview(data).nbytes
        if not 0 < size <= min(CHUNK_BYTES, file.size - offset):
            self.abandon()
            raise UploadError(f"{file.name} changed while it was uploaded. Upload it again.")
        try:
            self._append(file.name, data)
            self._offset += size
            if self._offset == file.size:
                self._position, self._offset = position + 1, 0
                self._skip_empty()
        except OSError as error:
            self.abandon()
            raise UploadError(
                f"{file.name} could not be stored: {error.strerror}. Tell the hub's administrator."
            ) from None
        return self.wanted

    @property
    def wanted(self) -> tuple[int, int] | None:
        """File and offset of the piece wanted next; None when nothing more is wanted."""
        if self._folder is None or self._position >= len(self._files):
            return None
        return self._position, self._offset

    def finished(self) -> tuple[Path, int]:
        """Return what to analyse (the folder, or the one zip in it) and the number of files."""
        if self._folder is None or self.wanted is not None:
            raise UploadError("The upload is not complete. Upload again.")
        if self._folder.suffix == _PART:
            self._folder = self._without_part(self._folder)
        only = self._files[0]
        if len(self._files) == 1 and only.name.lower().endswith(".zip"):
            return self._folder / only.name, 1
        return self._folder, len(self._files)

    def abandon(self) -> None:
        """Forget an upload; what has arrived of an incomplete one is removed."""
        if self._folder is not None and self.wanted is not None:
            remove_tree(self._folder, self._root)
        self._files, self._folder, self._position, self._offset = [], None, 0, 0

    def tidy(self) -> None:
        """Remove uploads of this visitor that are old, or were broken off, and whatever their data policies do not keep."""
        sweep_quietly(self.runs_root)
        _prune(self._root)

    @property
    def _root(self) -> Path:
        return self.runs_root / UPLOADS

    def _skip_empty(self) -> None:
        # An empty file has no piece to wait for; it is kept, so that the run names it among the failed ones.
        assert self._folder is not None
        while self._position < len(self._files) and self._files[self._position].size == 0:
            self._append(self._files[self._position].name, b"")
            self._position += 1

    def _append(self, name: str, data: bytes | memoryview) -> None:
        """Add to a file of the upload, in the folder that is really there: its owner may put links in its place between two pieces."""
        assert self._folder is not None
        with (
            opened(self._root, self._folder.name) as folder,
            open(name, "ab", opener=writer(folder)) as stream,
        ):
            stream.write(data)

    def _without_part(self, folder: Path) -> Path:
        try:
            with opened(self._root) as root, opened(self._root, folder.name):
                os.rename(folder.name, folder.stem, src_dir_fd=root, dst_dir_fd=root)
        except OSError as error:
            raise UploadError(f"The upload is no longer there ({error.strerror}). Upload again.") from None
        return folder.with_suffix("")


def _announced(item: Mapping[str, Any]) -> Announced:
    name, size = (item.get("name"), item.get("size")) if isinstance(item, Mapping) else (None, None)
    if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UploadError(
            "The browser sent a list of files that cannot be read. Reload the page and upload again."
        )
    return Announced(safe_file_name(name), size)


def safe_file_name(name: str) -> str:
    """Return the last part of a name as one plain file name: no folders, no control characters, not hidden.

    Everything else stays as it is; what looks like HTML is shown escaped, not renamed.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cs")).strip() or "unnamed"
    if clean.startswith("."):
        clean = "_" + clean
    stem, dot, suffix = clean.rpartition(".")
    if len(clean.encode()) > _NAME_BYTES:
        keep = suffix[:10] if dot else ""
        stem = (stem or clean).encode()[: _NAME_BYTES - 20].decode(errors="ignore")
        clean = f"{stem}{dot}{keep}"
    return clean


def _distinct(files: Sequence[Announced]) -> list[Announced]:
    """Give the second and later files of one name a number: ``a.png``, ``a (2).png``."""
    used, numbers_of = set[str](), dict[str, int]()
    result = []
    for file in files:
        name, number = file.name, numbers_of.get(file.name, 1)
        while name in used:
            number += 1
            stem, dot, suffix = file.name.rpartition(".")
            name = f"{stem} ({number}){dot}{suffix}" if dot else f"{suffix} ({number})"
        used.add(name)
        numbers_of[file.name] = number
        result.append(Announced(name, file.size))
    return result


def _prune(root: Path) -> None:
    now = time.time()
    for name, (touched, _) in _uploads(root).items():
        silent = _SILENT_S if name.endswith(_PART) else KEEP_DAYS * 86_400
        if touched < now - silent:
            remove_tree(root / name, root)


def _make_room(root: Path, wanted: int, kept: int) -> None:
    """Remove the oldest uploads until `wanted` bytes more stay below `kept`; raise UploadError if that is not enough."""
    found = _uploads(root)
    used = sum(size for _, size in found.values())
    for name, (touched, size) in sorted(found.items(), key=lambda item: item[1]):
        if used + wanted <= kept:
            return
        if not name.endswith(_PART) and touched < time.time() - _RECENT_S:
            remove_tree(root / name, root)
            used -= size
    if used + wanted > kept:
        raise UploadError(
            f"Your uploads of the last day and this one are more than the {numbers.size(kept)} that are kept for each person. "
            "Put the images into a folder on the hub and choose that, or upload again tomorrow."
        )


def _uploads(root: Path) -> dict[str, tuple[float, int]]:
    """Return of each upload when something last came into it, and its bytes; its folder alone does not change while a file grows."""
    found = {}
    for name in folders_in(root):
        # One that goes meanwhile takes no room.
        with suppress(OSError), opened(root, name) as folder, os.scandir(folder) as entries:
            files = [entry.stat(follow_symlinks=False) for entry in entries]
            touched = max(one.st_mtime for one in (os.fstat(folder), *files))
            found[name] = touched, sum(one.st_size for one in files)
    return found
