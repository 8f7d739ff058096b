"""ZooProcess projects in zip files: what the reader needs of them is unpacked into the run's scratch folder, under limits that are counted.

A zip of a project holds much more than that (processed pictures, zips in the zip, vignettes), which stays where it is. Nothing of a zip is
believed: sizes are counted while they are unpacked, paths stay inside, links and devices are refused by `tidelab.runs.archive`.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Final

from tidelab.runs.archive import Archive, ZipSource
from tidelab.runs.errors import RunError
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.inputs.source import Source
from tidelab.runs.limits import Limits
from tidelab.runs.names import display_name, shortened
from zooscan.project import FOLDERS, MAX_FILES

NEEDED: Final = {
    "raw": (".tif", ".tiff", ".txt"),
    "work": ("_dat1.pid",),
    "blanks": (".tif", ".tiff", ".txt"),
    "config": (".txt",),
    "meta": (".csv", ".txt"),
}
"""Endings of the names that the reader looks at, by part of a project."""

DEEPEST: Final = 4
"""Folders around the project's own folder in a zip."""

_STEP: Final = 2**20
_SPARE_BYTES: Final = 64 * 2**20
Cancelled = Callable[[], None]


def unpack_projects(
    found: Collection, target: Path, limits: Limits, stop_if_cancelled: Cancelled
) -> list[Path]:
    """Unpack the projects in the zip files of an input; return their folders.

    What belongs to them is taken out of the collection; a file that cannot be unpacked is told there and costs itself.

    Raises
    ------
    RunError
        When a zip holds too much, or there is no room for it.
    OSError
        When the disk is full all the same.
    """
    roots: list[Path] = []
    for place, archive in enumerate(found.archives):
        members = [(info, refusal, _path(info)) for info, refusal in archive.members()]
        for top in _tops(path for _, refusal, path in members if not refusal):
            root = target / str(place) / (top.name or archive.path.stem or "project")
            if root.exists():  # two projects of one name in one zip
                root = target / str(place) / str(len(roots)) / root.name
            wanted = [
                (info, path.relative_to(top))
                for info, refusal, path in members
                if not refusal and path.is_relative_to(top) and _is_needed(path.relative_to(top))
            ]
            _take_out(found, archive, top)
            _unpack(archive, wanted, root, found, limits, stop_if_cancelled)
            roots.append(root)
    return roots


def _path(info: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(normpath(info.filename.replace("\\", "/")))


def _tops(paths: Iterator[PurePosixPath]) -> list[PurePosixPath]:
    """Return the folders in a zip that are projects, by the rule of `zooscan.project.is_project`."""
    parts: dict[PurePosixPath, set[str]] = {}
    for path in paths:
        folders = path.parent.parts
        for part, names in FOLDERS.items():
            for name in names:
                inner = PurePosixPath(name).parts
                for start in range(min(len(folders) - len(inner), DEEPEST) + 1):
                    if folders[start : start + len(inner)] == inner:
                        parts.setdefault(PurePosixPath(*folders[:start]), set()).add(part)
    every = sorted(top for top, has in parts.items() if "raw" in has and has & {"config", "meta"})
    # A project does not hold another one.
    return [top for top in every if not any(other != top and top.is_relative_to(other) for other in every)]


def _is_needed(path: PurePosixPath) -> bool:
    name = path.name.lower()
    if name.startswith("."):
        return False
    return any(
        path.is_relative_to(folder) and name.endswith(NEEDED[part])
        for part, folders in FOLDERS.items()
        for folder in folders
    )


def _take_out(found: Collection, archive: Archive, top: PurePosixPath) -> None:
    """Take what is in a project from the collection: its pictures are scans and blanks, none is one of one object."""

    def outside(source: Source) -> bool:
        if not isinstance(source, ZipSource) or source.archive is not archive:
            return True
        return not _path(source.info).is_relative_to(top)

    # ZooProcess zips its own pictures, which are not read anyway.
    nested = _nested(found, archive, top)
    found.failures = [row for row in found.failures if row.kind != "zip-nested" or row.image not in nested]
    found.sources = [source for source in found.sources if outside(source)]
    found.side_files = [source for source in found.side_files if outside(source)]


def _nested(found: Collection, archive: Archive, top: PurePosixPath) -> frozenset[str]:
    """Return the names under which zips in a project are told; asked before the project's files are taken out."""
    for source in [*found.sources, *found.side_files]:
        if isinstance(source, ZipSource) and source.archive is archive:
            # A member is called by the name of the archive, where there are several inputs, and its path in it.
            before = source.key.removesuffix(str(_path(source.info)))
            paths = (_path(info) for info, _ in archive.members())
            inside = (path for path in paths if path.suffix.lower() == ".zip" and path.is_relative_to(top))
            return frozenset(shortened(f"{before}{path}") for path in inside)
    return frozenset()


def _unpack(
    archive: Archive,
    wanted: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    root: Path,
    found: Collection,
    limits: Limits,
    stop_if_cancelled: Cancelled,
) -> None:
    if len(wanted) > MAX_FILES:
        raise RunError(
            f"{archive.path.name} lists more than {MAX_FILES:,} files of a project. Unpack it and choose the folder."
        )
    root.mkdir(parents=True)
    said = sum(info.file_size for info, _ in wanted)
    if said + _SPARE_BYTES > shutil.disk_usage(root).free:
        raise RunError(
            f"{display_name(archive.path.name)} unpacks to {said / 1e9:.1f} GB, and there is less room where runs are kept. A zip is unpacked "
            "whole, whichever scans were chosen. Make room, or choose the project's own folder, which is not copied."
        )
    for info, path in wanted:
        stop_if_cancelled()
        try:
            _write(archive, info, root, path, limits)
        except InputError as error:
            if error.kind in ("zip-bomb", "zip-too-large"):
                raise RunError(
                    f"{display_name(archive.path.name)} cannot be unpacked at {display_name(str(path))}: {error} Unpack it yourself and choose the "
                    "project's folder."
                ) from None
            found.failures.append(error.row(shortened(str(path))))


def _write(archive: Archive, info: zipfile.ZipInfo, root: Path, path: PurePosixPath, limits: Limits) -> None:
    target = root.joinpath(*path.parts)
    most = limits.file_mb * 2**20
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # "x": of two names that are one on this disk the first stays.
        out = target.open("xb")
    except OSError as error:
        if error.errno in (28, 122):  # a full disk is no file's fault
            raise
        raise InputError("zip-damaged", detail=f"{path.name} cannot be written") from None
    size = 0
    try:
        with out, archive.open(info) as stream:
            while block := _read(stream.read, _STEP):
                size += len(block)
                archive.count(info, size)
                if size > most:
                    raise InputError("too-large", limit_mb=limits.file_mb)
                out.write(block)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _read(read: Callable[[int], bytes], count: int) -> bytes:
    try:
        return read(count)
    except InputError:
        raise
    except Exception as error:  # zipfile and its decompressors raise many kinds at damaged bytes
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError("zip-damaged", detail=detail) from None
