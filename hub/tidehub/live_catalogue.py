"""The catalogue as it is on disk now: read again only when a declaration was added, changed or removed."""

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
    return tuple((str(folder), *_stat(folder / "usecase.yaml")) for folder in usecase_candidates())


def _stat(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
