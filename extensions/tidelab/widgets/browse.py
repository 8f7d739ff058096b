"""Folders a person may read: their home, the shared data and mounted instrument drives; nothing above or beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidelab import paths
from tidelab.runs.owner import is_folder

_MOST_ENTRIES: Final = 2000
_IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zip"})


class OutsideError(ValueError):
    """A path that leads outside the folders a person may read."""


@dataclass(frozen=True)
class Root:
    """One of the places to start from."""

    title: str
    path: Path


@dataclass(frozen=True)
class Listing:
    """What one folder holds.

    Parameters
    ----------
    root, folder
        The place it belongs to, and the folder itself, resolved.
    folders, zips
        Names of its folders and zip files, sorted.
    images
        Files in it that look like images (by their ending; the run decides by content).
    complete
        False when the folder holds more than could be listed.
    """

    root: Root
    folder: Path
    folders: tuple[str, ...]
    zips: tuple[str, ...]
    images: int
    complete: bool

    @property
    def crumbs(self) -> str:
        """Where this is, in words: the root's title and the path below it."""
        below = self.folder.relative_to(self.root.path)
        return " / ".join((self.root.title, *below.parts))


def readable_roots(home: Path | None) -> tuple[Root, ...]:
    """Return the places a person may start from: those that exist, resolved."""
    wanted = [Root("Home", home)] if home is not None else []
    shared, *mounts = paths.mounts()
    wanted += [Root("Shared data", shared), *(Root(mount.name or str(mount), mount) for mount in mounts)]
    return tuple(Root(root.title, root.path.resolve()) for root in wanted if is_folder(root.path))


class FolderBrowser:
    """Walks folders below `roots`; what leads outside, by ``..`` or by a link, is refused."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.roots = tuple(roots)

    def resolve(self, path: Path | str) -> tuple[Root, Path]:
        """Return the root that a path belongs to, and the path with all links resolved.

        Raises
        ------
        OutsideError
            When it does not exist or lies outside every root; outside, the words are the same whether there is something or not.
        """
        root, real = self.root_of(path)
        try:
            there = real.exists()
        except (OSError, ValueError):
            there = False
        if not there:
            raise OutsideError(_unreadable(path))
        return root, real

    def root_of(self, path: Path | str) -> tuple[Root, Path]:
        """Return the root that a path belongs to, whether there is something or not, and the path with all links resolved.

        Raises
        ------
        OutsideError
            When it lies outside every root.
        """
        try:
            real = Path(path).resolve()
        except (OSError, RuntimeError, ValueError):
            raise OutsideError(_unreadable(path)) from None
        # The most specific root first: a mount may lie below another one.
        for root in sorted(self.roots, key=lambda one: len(one.path.parts), reverse=True):
            if real.is_relative_to(root.path):
                return root, real
        raise OutsideError(
            f"{Path(path).name} lies outside the folders you may read here. Choose a folder below "
            f"{', '.join(root.title for root in self.roots) or 'none'}."
        )

    def list(self, path: Path | str) -> Listing:
        """Return what a folder holds; hidden names and links that lead outside are left out.

        Raises
        ------
        OutsideError
            When the folder is outside the roots or cannot be read.
        """
        root, folder = self.resolve(path)
        folders, zips, images, complete = [], [], 0, True
        try:
            for number, entry in enumerate(folder.iterdir()):
                if number >= _MOST_ENTRIES:
                    complete = False
                    break
                if entry.name.startswith(".") or not self._inside(entry):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.suffix.lower() == ".zip":
                    zips.append(entry.name)
                elif entry.suffix.lower() in _IMAGE_SUFFIXES:
                    images += 1
        except OSError as error:
            raise OutsideError(
                f"{folder.name} cannot be read: {error.strerror}. Choose another folder."
            ) from None
        return Listing(root, folder, tuple(sorted(folders)), tuple(sorted(zips)), images, complete)

    def parent(self, folder: Path) -> Path | None:
        """Return the folder above, or None at a root."""
        root, real = self.resolve(folder)
        return None if real == root.path else real.parent

    def _inside(self, entry: Path) -> bool:
        try:
            self.resolve(entry)
        except OutsideError:
            return False
        return True


def _unreadable(path: Path | str) -> str:
    return f"{Path(path).name or path} cannot be read. Choose another folder."
