"""The catalogue as it is on disk now: read again only when a use case's folder was added, changed or removed."""

import os
from collections.abc import Callable
from pathlib import Path

from tidelab.catalogue import Catalogue, load_catalogue, usecase_candidates

_Signature = tuple[tuple[str, int, int], ...]


class LiveCatalogue:
    """Give every request today's catalogue for the price of a few file stats.

    Parameters
    ----------
    load
        Reads the whole catalogue.
    """

    def __init__(self, load: Callable[[], Catalogue] = load_catalogue) -> None:
        self._load = load
        self._signature: _Signature | None = None
        self._catalogue: Catalogue | None = None

    def __call__(self) -> Catalogue:
        """Return the catalogue; a folder added a moment ago is in it."""
        signature = _signature()
        if self._catalogue is None or signature != self._signature:
            self._catalogue = self._load()
            self._signature = signature
        return self._catalogue

    def __deepcopy__(self, memo: object) -> "LiveCatalogue":
        """Return itself: traitlets copies configuration values for every spawner, and one cache serves them all."""
        return self


def _signature() -> _Signature:
    """Return what changes with a declaration or with the files it names: everything directly in each folder."""
    return tuple(entry for folder in usecase_candidates() for entry in _children(folder))


def _children(folder: Path) -> list[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.path, *_stat(entry)) for entry in entries)
    except OSError:
        return [(str(folder), 0, 0)]


def _stat(entry: "os.DirEntry[str]") -> tuple[int, int]:
    try:
        found = entry.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
