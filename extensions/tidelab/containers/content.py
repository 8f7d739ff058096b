"""What goes into an image: named files, each read from somewhere or made here, and their common digest."""

import hashlib
import io
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tidelab.containers.errors import ImageError

# One time for every file, so that the same content gives the same layer whoever builds it and whenever (2024-01-01).
MTIME: Final = 1_704_067_200
_NEVER: Final = frozenset(
    {"__pycache__", ".ipynb_checkpoints", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".DS_Store"}
)


@dataclass(frozen=True)
class Item:
    """One file of a build context: its name there, and either the file it is read from or its text.

    Parameters
    ----------
    name
        POSIX path in the context.
    source
        File it is read from; None: `text` is its content.
    counts
        Whether it is part of the digest. How this machine reaches a registry is not, nor is code that only does the installing.
    """

    name: str
    source: Path | None = None
    text: str = ""
    counts: bool = True

    def open(self) -> io.BytesIO | io.BufferedReader:
        """Open it for reading."""
        return io.BytesIO(self.text.encode()) if self.source is None else self.source.open("rb")

    @property
    def mode(self) -> int:
        """0755 for what may be executed, else 0644: what else the file's owner may do on this machine is theirs."""
        return 0o755 if self.source is not None and self.source.stat().st_mode & stat.S_IXUSR else 0o644


def folder_items(folder: Path, prefix: str, patterns: Iterable[str] = ("**/*",)) -> Iterator[Item]:
    """Yield the plain files below a folder that match a pattern, each once, sorted; no links, caches or hidden files."""
    found = {file for pattern in patterns for file in folder.glob(pattern)}
    for file in sorted(found):
        parts = file.relative_to(folder).parts
        hidden = any(part in _NEVER or part.startswith(".") for part in parts)
        if not hidden and not file.is_symlink() and file.is_file():
            yield Item("/".join((prefix, *parts) if prefix else parts), file)


def content_digest(items: Iterable[Item], settings: Mapping[str, str]) -> str:
    """Return the SHA-256 of what an image is made from: names, modes and contents of files, and settings in any order."""
    total = hashlib.sha256()
    for name, value in sorted(settings.items()):
        total.update(f"{name}={value}\0".encode())
    for item in sorted(items, key=lambda item: item.name):
        if item.counts:
            with _reading(item) as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"{item.name}\0{item.mode:o}\0{digest}\0".encode())
    return total.hexdigest()


def write_context(items: Iterable[Item], out: IO[bytes]) -> None:
    """Write the build context as a tar: sorted, owned by root, one time for all, so equal content gives equal layers."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        seen: set[str] = set()
        for item in sorted(items, key=lambda item: item.name):
            for parent in _parents(item.name):
                if parent not in seen:
                    seen.add(parent)
                    archive.addfile(_entry(parent, tarfile.DIRTYPE, 0o755))
            with _reading(item) as stream:
                size = stream.seek(0, io.SEEK_END)
                stream.seek(0)
                archive.addfile(_entry(item.name, tarfile.REGTYPE, item.mode, size), stream)


def write_folder(items: Iterable[Item], folder: Path) -> None:
    """Write the build context as a folder; what was in it before is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    for item in items:
        target = folder / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with _reading(item) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out)
        target.chmod(item.mode)


def _reading(item: Item) -> io.BytesIO | io.BufferedReader:
    try:
        return item.open()
    except OSError as error:
        raise ImageError(
            f"{item.source} cannot be read ({error.strerror}). Make it readable for you, or take it away."
        ) from None


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _entry(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.mtime = kind, mode, size, MTIME
    return entry
