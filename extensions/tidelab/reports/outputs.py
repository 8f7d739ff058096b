"""The folder of a report: written beside it first, moved into place file by file, never over someone else's files."""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

MARKER: Final = "report.json"
PRODUCTS: Final = "products"
"""Folder of the use case\'s own files beside a report."""


class ReportError(Exception):
    """A report that cannot be started; the text says what is wrong and what to do."""


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder to build in, beside `out` or else in it; it is removed at the end, whatever happens."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = _work_folder(out)
    except OSError as error:
        raise ReportError(
            f"The report cannot be written below {out.parent}: {error.strerror}. Choose another folder with --out."
        ) from None
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check(out: Path, names: Iterable[str], force: bool) -> None:
    """Refuse to start when a file of the report would take the place of one that is not a report's.

    Parameters
    ----------
    out
        Folder of the report.
    names
        Files that will be written.
    force
        Overwrite them all the same.

    Raises
    ------
    ReportError
        When there is such a file, or `out` is not a folder.
    """
    if out.exists() and not out.is_dir():
        raise ReportError(f"{out} is a file; a report needs a folder. Choose another with --out.")
    if force or not out.exists():
        return
    ours = _ours(out)
    below = [
        file.relative_to(out).as_posix() for file in sorted((out / PRODUCTS).rglob("*")) if file.is_file()
    ]
    for name in (MARKER, *names, *below):
        file = out / name
        if file.exists() and (name != MARKER or not ours) and ours.get(name) != _digest(file):
            raise ReportError(
                f"{file} is there already and was not written by a report (or was changed since). "
                "Choose another folder with --out, or overwrite it with --force."
            )


def place(work: Path, out: Path, about: dict[str, Any]) -> None:
    """Move everything in `work` into `out`, each file in one step; files of an earlier report that are not made again go."""
    made = {file.relative_to(work).as_posix(): file for file in sorted(work.rglob("*")) if file.is_file()}
    out.mkdir(parents=True, exist_ok=True)
    before = _ours(out)
    digests = {name: _digest(file) for name, file in made.items()}
    for name, digest in before.items():
        old = out / name
        if name not in digests and old.is_file() and _digest(old) == digest:
            old.unlink()
    for name, file in made.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        _move(file, out / name)
    marker = work / MARKER
    marker.write_text(
        json.dumps({**about, "files": digests}, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    _move(marker, out / MARKER)


def _ours(out: Path) -> dict[str, str]:
    try:
        files = json.loads((out / MARKER).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    # Only plain names and those of products: the file may have been written by anyone.
    return (
        {str(name): str(digest) for name, digest in files.items() if _may_be_ours(str(name))}
        if isinstance(files, dict)
        else {}
    )


def _may_be_ours(name: str) -> bool:
    parts = PurePosixPath(name).parts
    plain = (
        all(part and not part.startswith(".") for part in parts)
        and "\\" not in name
        and not name.startswith("/")
    )
    return plain and (len(parts) == 1 or parts[0] == PRODUCTS)


def _digest(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _work_folder(out: Path) -> Path:
    """Make a folder beside `out`; in it where a drive is mounted there and nothing may be written beside it."""
    try:
        return Path(tempfile.mkdtemp(prefix=".tidelab-report-", dir=out.parent))
    except OSError:
        if not out.is_dir():
            raise
        return Path(tempfile.mkdtemp(prefix=".tidelab-report-", dir=out))


def _move(file: Path, target: Path) -> None:
    """Put a file in its place in one step, also where `target` lies on a drive mounted there."""
    try:
        file.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f".{target.name}.part")
        shutil.copyfile(file, near)
        near.replace(target)
