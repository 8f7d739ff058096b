"""What a person points at, as a sorted list of files that may be images."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from posixpath import normpath, splitext
from typing import Final

from tidelab.runs.archive import Archive, ZipSource, is_zip
from tidelab.runs.errors import RunError
from tidelab.runs.failures import InputError
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.inputs.ecotaxa import take_ecotaxa_tables
from tidelab.runs.inputs.flowcam import take_flowcam_runs
from tidelab.runs.inputs.reading import Read
from tidelab.runs.inputs.sniff import HEAD_BYTES, READ_MAGIC
from tidelab.runs.inputs.source import FileSource, Source, os_failure
from tidelab.runs.limits import Limits
from tidelab.runs.names import MAX_NAME, display_name, shortened, sort_key
from tidelab.runs.owner import acts_for_others

__all__ = ["SAMPLES_TABLE", "SIDE_SUFFIXES", "Collection", "collect"]

SIDE_SUFFIXES: Final = (".csv", ".txt", ".lst", ".json", ".xml", ".tsv")
"""Files beside images that are no error: exports of the instrument. Those of an image's own stem belong to it."""

SAMPLES_TABLE: Final = "samples.csv"

_IGNORED: Final = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db"}


def collect(paths: Iterable[Path], limits: Limits, reader: Read | None = None) -> Collection:
    """List the files of an input without opening the images.

    Parameters
    ----------
    paths
        One folder, zip or file, or several of them.
    limits
        See :class:`Limits`.
    reader
        Of the use case, called before anything else takes its files out of the collection.

    Raises
    ------
    RunError
        When nothing is there, nothing may be read, or there are more images than the limit.
    """
    given = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))  # noqa: PTH100  keeps links
    for path in given:
        _require(path)
    single = len(given) == 1
    collector = _Collector(limits, Collection(_label(given[0]) if single else ""))
    top = "" if single else _common_parent(given)
    # Folders first, outer ones before inner ones: what they hold is not taken again.
    for path in sorted(given, key=lambda path: (not path.is_dir(), len(path.parts))):
        collector.add(path, "" if single else os.path.relpath(path, top))
    result = collector.finish()
    if reader:
        try:
            reader(given, result)
        except BaseException:
            result.close()
            raise
    take_flowcam_runs(result)
    take_ecotaxa_tables(result)
    if not result.sources and not result.failures:
        hidden = f" (hidden and system files were passed over: {result.ignored})" if result.ignored else ""
        raise RunError(
            f"There are no files to analyse in {display_name(str(given[0]))}{hidden}: expected PNG, JPEG or TIFF pictures. "
            "Choose the folder that holds the pictures."
        )
    if len(result.sources) > limits.images:
        result.close()
        files = all(isinstance(source, FileSource | ZipSource) for source in result.sources)
        what = "files" if files else "images (files, and objects in them)"
        raise RunError(
            f"The input holds {len(result.sources)} {what}; one analysis takes at most {limits.images}. "
            "Split it into several folders and analyse each."
        )
    return result


class _Collector:
    def __init__(self, limits: Limits, result: Collection) -> None:
        self._limits, self._result = limits, result
        self._candidates: list[Source] = []
        self._taken: set[str] = set()

    def add(self, path: Path, prefix: str) -> None:
        real = path.resolve()
        if acts_for_others() and real != path:
            # Its links were followed when it was looked at; this one was put there since.
            self._fail(prefix or path.name, InputError("link-outside"))
        elif str(real) in self._taken:
            self._result.notes.append(
                f"{display_name(prefix or path.name)} was chosen twice; it counts once."
            )
        elif real.is_dir():
            self._scan(real, prefix)
        elif _named_zip(path.name) and is_zip(real):
            self._zip(real, prefix)
        else:
            self._file(real, prefix or path.name, real.parent)

    def finish(self) -> Collection:
        self._candidates.sort(key=lambda source: sort_key(source.key))
        by_stem: dict[str, list[Source]] = {}
        sides = {source.key: source for source in self._candidates if _is_side(source)}
        for source in sides.values():
            by_stem.setdefault(_stem(source.key), []).append(source)
        owned: set[str] = set()
        for source in self._candidates:
            if source.key not in sides:
                source.sides = by_stem.get(_stem(source.key), [])
                owned.update(side.key for side in source.sides)
                self._result.sources.append(source)
        self._result.side_files = [side for side in sides.values() if side.key not in owned]
        self._result.failures.sort(key=lambda row: sort_key(row.image))
        return self._result

    def _scan(self, root: Path, prefix: str) -> None:
        folders = [(root, prefix)]
        while folders:
            folder, name = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    listed = list(entries)
            except OSError as error:
                self._fail(name or folder.name, os_failure(error))
                continue
            if {"request.json", "state.json"} <= {entry.name for entry in listed}:
                self._result.notes.append(
                    f"{display_name(name or folder.name)} is the folder of a run; passed over."
                )
                continue
            self._taken.add(str(folder))
            for entry in listed:
                relative = f"{name}/{entry.name}" if name else entry.name
                if _ignorable(entry.name):
                    self._result.ignored += 1
                elif entry.is_dir(follow_symlinks=False):
                    folders.append((Path(entry.path), relative))
                elif entry.is_symlink():
                    self._link(Path(entry.path), relative, root)
                else:
                    self._file(Path(entry.path), relative, root)

    def _link(self, path: Path, name: str, root: Path) -> None:
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return self._fail(name, InputError("link-broken"))
        if target.is_dir():
            return self._fail(name, InputError("link-folder"))
        if not target.is_relative_to(root):
            return self._fail(name, InputError("link-outside"))
        return self._file(target, name, root)

    def _file(self, path: Path, name: str, root: Path) -> None:
        if len(name) > MAX_NAME:
            return self._fail(name, InputError("name-too-long", length=len(name), limit=MAX_NAME))
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            return self._fail(name, os_failure(error))
        if not stat.S_ISREG(mode):
            return self._fail(name, InputError("not-a-file", content=_special(mode)))
        self._taken.add(str(path))
        if _named_zip(name) and is_zip(path):
            return self._zip(path, name)
        return self._found(FileSource(display_name(name), name, path, root))

    def _zip(self, path: Path, prefix: str) -> None:
        try:
            archive = Archive(path, self._limits)
        except InputError as error:
            return self._fail(prefix or path.name, error)
        self._result.archives.append(archive)
        empty = True
        for info, refusal in archive.members():
            inner = info.filename.replace("\\", "/")
            if any(_ignorable(part) for part in inner.split("/") if part not in ("..", ".")):
                self._result.ignored += 1
                continue
            empty = False
            inner = inner if refusal else normpath(inner)
            name = f"{prefix}/{inner}" if prefix else inner
            if len(name) > MAX_NAME:
                self._fail(name, InputError("name-too-long", length=len(name), limit=MAX_NAME))
            elif refusal:
                self._fail(name, InputError(refusal))
            elif _named_zip(inner):
                self._fail(name, InputError("zip-nested"))
            else:
                self._found(ZipSource(display_name(name), name, archive, info))
        if empty:
            self._fail(prefix or path.name, InputError("zip-damaged", detail="it holds no files"))

    def _found(self, source: Source) -> None:
        if source.key == SAMPLES_TABLE:
            self._result.samples_table = source
        else:
            self._candidates.append(source)

    def _fail(self, name: str, error: InputError) -> None:
        self._result.failures.append(error.row(shortened(name)))


def _require(path: Path) -> None:
    shown = display_name(str(path))
    try:
        path.stat()
    except PermissionError:
        raise RunError(
            f"You do not have the right to read {shown}. Change its permissions or choose another."
        ) from None
    except (OSError, ValueError):
        raise RunError(
            f"There is nothing at {shown}: expected a folder, a zip file or pictures. Check the path."
        ) from None
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise RunError(
            f"You do not have the right to read the folder {shown}. Change its permissions or choose another."
        )


def _label(path: Path) -> str:
    if path.is_dir():
        return path.resolve().name
    return path.stem if path.suffix.lower() == ".zip" else ""


def _common_parent(paths: list[Path]) -> str:
    return os.path.commonpath([path.parent for path in paths])


def _is_side(source: Source) -> bool:
    if splitext(source.key)[1].lower() not in SIDE_SUFFIXES:
        return False
    try:
        # A picture that was given the name of a table is still a picture.
        return not source.content(HEAD_BYTES).startswith(READ_MAGIC)
    except InputError:
        return True


def _named_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _stem(key: str) -> str:
    return splitext(key)[0]


def _ignorable(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED


def _special(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    )
    return next((title for test, title in kinds if test(mode)), "special file")
