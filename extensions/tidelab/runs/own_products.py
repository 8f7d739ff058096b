"""Files that a use case's own functions make of a finished run: made, checked, published below ``products/``, told where they fail.

A function that fails costs its own files and nothing else: the run is done, and what went wrong stands in the log, the manifest and
above the downloads.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tidelab.catalogue import UseCase
from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.finished import FinishedRun, ProductFile, inside
from tidelab.runs.folder import RunFolder
from tidelab.runs.inputs.reading import ReaderContext

FOLDER: Final = "products"
RESTS_ON: Final = "products_rest_on"
"""Field of the manifest: `words_of_people` when the making of the files began."""
_STAGING: Final = ".making"
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+")
_STEP: Final = 2**20


@dataclass(frozen=True)
class Product:
    """A file that a use case made of a run.

    Parameters
    ----------
    path
        Where it lies.
    name
        Relative to ``products/``.
    title
        What people read.
    media_type
        Its media type.
    size
        Bytes.
    sha256
        Of its bytes, hexadecimal, when it was made.
    stale
        Whether its function failed when the files were made again, so that this one is older than what people said.
    """

    path: Path
    name: str
    title: str
    media_type: str
    size: int
    sha256: str
    stale: bool = False

    def is_intact(self) -> bool:
        """Whether the file holds what its function wrote; reads all of it."""
        try:
            return self.path.stat().st_size == self.size and _digest(self.path) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class Made:
    """What the functions of a run made: rows for the manifest, and for each function that failed its name and a sentence."""

    files: Sequence[Mapping[str, Any]]
    problems: Mapping[str, str]

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        return {"products": list(self.files), "product_problems": list(self.problems.values())}


def make_products(
    folder: RunFolder,
    use_case: UseCase,
    products: Mapping[str, Callable[[FinishedRun], Sequence[ProductFile]]],
    context: ReaderContext,
) -> Made:
    """Call the product functions of a use case.

    Parameters
    ----------
    folder
        A run whose tables and manifest are written.
    use_case
        Its declaration.
    products
        Name in the declaration -> function.
    context
        The run's log, progress, and places.

    Raises
    ------
    RunCancelled
        When the person asked to stop.
    """
    files: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    for name, function in products.items():
        context.stop_if_cancelled()
        staging = folder.path / FOLDER / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        run = FinishedRun(
            folder,
            use_case,
            context.log,
            context.progress,
            context.cancelled,
            context.scratch,
            context.cache,
            staging,
        )
        try:
            staging.mkdir(parents=True)
            context.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
            files += [
                {**row, "made_by": name}
                for row in _publish(function(run), staging, folder.path / FOLDER, files)
            ]
        except RunCancelled:
            raise
        except (Exception, SystemExit) as error:
            # A use case's own code: whatever it raises, the results of the model are kept and shown.
            text = " ".join(str(error).split())[:300] or type(error).__name__
            kind = "" if isinstance(error, RunError | ProductError) else f"{type(error).__name__}: "
            problems[name] = f"The files of {name} could not be made: {kind}{text.rstrip('.')}."
            context.log.error(f"The product function {name} failed", error)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Made(files, problems)


def products_of(folder: RunFolder) -> list[Product]:
    """Return the files that functions of the use case made of a run and that lie there still; empty where there are none."""
    found = []
    for row in _rows(folder, "products"):
        if not isinstance(row, Mapping):
            continue
        try:
            name = str(PurePosixPath(str(row["file"])).relative_to(FOLDER))
            path = folder.path / FOLDER / inside(name)
            one = Product(
                path, name, str(row["title"]), str(row["media_type"]), int(row["bytes"]), str(row["sha256"]),
                stale=row.get("stale") is True,
            )  # fmt: skip
        except (KeyError, ValueError, TypeError):
            continue
        if path.is_file() and not path.is_symlink():
            found.append(one)
    return found


def product_problems(folder: RunFolder) -> list[str]:
    """Return why files of the use case are missing from a run, a sentence each."""
    return [str(one) for one in _rows(folder, "product_problems")]


def words_of_people(folder: RunFolder) -> dict[str, int]:
    """Return how long each log of what people said of a run is, in bytes: names, audits, decisions on pages of the use case's own.

    These files only grow, so equal lengths are equal words, also where a copy of the run has other times.
    """
    found = {}
    for path in (*sorted(folder.path.glob("*.jsonl")), folder.path / "audits.json"):
        with suppress(OSError):
            found[path.name] = path.stat().st_size
    return found


def outdated(folder: RunFolder) -> str:
    """Return that the use case's own files are older than what people said of the run, in a sentence; empty where they are not."""
    if not (_rows(folder, "products") or _rows(folder, "product_problems")):
        return ""
    said, file = words_of_people(folder), folder.path / "manifest.json"
    known = folder.manifest().get(RESTS_ON)
    if isinstance(known, Mapping):
        newer = dict(known) != said
    else:
        # A run of a version that did not write it down.
        newer = any((folder.path / name).stat().st_mtime_ns > file.stat().st_mtime_ns for name in said)
    if newer:
        return "People said something of these images after the files of this use case were made; the files do not hold it yet."
    if any(one.stale for one in products_of(folder)):
        return "Some files of this use case could not be made again; those of before are kept, without what people said since."
    return ""


class ProductError(Exception):
    """What a product function returned cannot be published."""


def _publish(
    returned: object, staging: Path, target: Path, before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    if not isinstance(returned, Sequence) or not all(isinstance(one, ProductFile) for one in returned):
        raise ProductError("it returned something else than a list of ProductFile")
    taken = {str(row["file"]) for row in before}
    rows = []
    for one in returned:
        try:
            name = inside(Path(one.path).relative_to(staging).as_posix())
        except ValueError:
            raise ProductError(
                f"{Path(one.path).name[:80]} was not written where `run.write(name)` said"
            ) from None
        source = staging / name
        if source.is_symlink() or not source.is_file():
            raise ProductError(f"{name} was announced and not written")
        if not _MEDIA_TYPE.fullmatch(one.media_type):
            raise ProductError(f"{name} has the media type {one.media_type[:60]!r}, expected e.g. text/csv")
        file = f"{FOLDER}/{name}"
        if file in taken:
            raise ProductError(f"{name} was made by another product function before")
        taken.add(file)
        rows.append(
            {
                "file": file, "title": " ".join(one.title.split())[:300] or str(name), "media_type": one.media_type,
                "bytes": source.stat().st_size, "sha256": _digest(source),
            }
        )  # fmt: skip
    for row in rows:
        final = target.parent / str(row["file"])
        final.parent.mkdir(parents=True, exist_ok=True)
        (staging / PurePosixPath(str(row["file"])).relative_to(FOLDER)).replace(final)
    return rows


def _rows(folder: RunFolder, name: str) -> list[Any]:
    try:
        rows = folder.manifest().get(name, [])
    except RunError:
        return []
    return rows if isinstance(rows, list) else []


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
