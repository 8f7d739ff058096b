"""The functions of a use case's own that a run calls: reader, measures, products (``docs/decisions/0004-three-shapes.md``).

What a use case imports from here to write them: `ReaderContext`, `FinishedRun`, `ProductFile`.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tidelab.catalogue import UseCase
from tidelab.runs.errors import RunError
from tidelab.runs.finished import FinishedRun, ProductFile
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.inputs.reading import ReaderContext

__all__ = ["FinishedRun", "Hooks", "ProductFile", "ReaderContext", "load_hooks", "own_module"]

Reader = Callable[[Sequence[Path], Collection, ReaderContext], None]
Product = Callable[[FinishedRun], Sequence[ProductFile]]


class Measure(Protocol):
    """Measures one image: uint8 ``(height, width, 3)`` RGB -> named numbers, units in the names.

    Attributes
    ----------
    VERSION
        Stands for the code in the cache of results: raise it whenever a number could change.
    """

    VERSION: str

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Mapping[str, float]:
        """Return the numbers of one image; the same names for every image."""
        ...


@dataclass(frozen=True)
class Hooks:
    """The loaded hooks of one use case.

    Parameters
    ----------
    reader
        ``task.reader`` and its name in the declaration, or None.
    measures, products
        Name in the declaration (``package.module:function``) -> function, in the declared order.
    """

    reader: tuple[str, Reader] | None
    measures: Mapping[str, Measure]
    products: Mapping[str, Product]

    @property
    def key(self) -> list[tuple[str, str]]:
        """What of the hooks a cached prediction stands for: name and ``VERSION`` of each measure."""
        return [(name, measure.VERSION) for name, measure in self.measures.items()]

    def digests(self) -> dict[str, str]:
        """Return name -> sha256 of the source of the module behind each hook, for the manifest."""
        named: dict[str, Any] = {**self.measures, **self.products}
        if self.reader:
            named[self.reader[0]] = self.reader[1]
        return {name: _digest(member) for name, member in sorted(named.items())}


def load_hooks(use_case: UseCase) -> Hooks:
    """Import the hooks of a use case, its ``src/`` folder first on the path.

    Raises
    ------
    RunError
        When one cannot be imported or called, or a measure has no ``VERSION``; the text names the hook.
    """
    task = use_case.task
    if task.reader or task.measures or task.products:
        search_first(use_case)
    reader = (task.reader, _member("task.reader", task.reader)) if task.reader else None
    measures = {name: _member("task.measures", name) for name in task.measures}
    for name, measure in measures.items():
        version = getattr(measure, "VERSION", None)
        if not isinstance(version, str) or not version:
            raise RunError(
                f"task.measures {name!r} has no text `VERSION`, by which known numbers are told from new ones. "
                "Tell the maintainers of the use case."
            )
    return Hooks(reader, measures, {name: _member("task.products", name) for name in task.products})


def own_module(use_case: UseCase, name: str) -> ModuleType:
    """Import ``<slug with underscores>.<name>`` of a use case's own ``src/`` folder.

    Raises
    ------
    RunError
        When there is no such module or importing it fails; the text says which and why.
    """
    search_first(use_case)
    module = f"{use_case.slug.replace('-', '_')}.{name}"
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise RunError(
            f"{module} of {use_case.source_folder} cannot be imported ({type(error).__name__}: {one_line(error)}). Expected the use "
            "case's own module; tell its maintainers."
        ) from None


def search_first(use_case: UseCase) -> None:
    """Put the use case's ``src/`` folder on the import path."""
    folder = str(use_case.source_folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)


def one_line(error: BaseException) -> str:
    """Return what an error says on one line of at most 300 characters, for a sentence; its class where it says nothing."""
    text = " ".join(str(error).split())[:300]
    return text if text and text.isprintable() else type(error).__name__


def _member(field: str, spec: str) -> Any:
    module, _, name = spec.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise RunError(
            f"{field} {spec!r} cannot be loaded ({type(error).__name__}: {one_line(error)}). Expected package.module:function of the "
            "toolkit or of the use case's src/; tell the maintainers of the use case."
        ) from None
    if not callable(found):
        raise RunError(f"{field} {spec!r} cannot be called. Tell the maintainers of the use case.")
    return found


def _digest(member: Any) -> str:
    module = inspect.getmodule(member)
    file = getattr(module, "__file__", None)
    try:
        return f"sha256:{hashlib.sha256(Path(file).read_bytes()).hexdigest()}" if file else "unknown"
    except OSError:
        return "unknown"
