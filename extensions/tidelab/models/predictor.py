"""What a run asks of a model, and how it finds the class that answers."""

import importlib
import sys
from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models.bundle import ModelBundle
from tidelab.models.errors import ModelError

DEFAULT = "tidelab.models.classifier:ImageClassifier"


@runtime_checkable
class Predictor(Protocol):
    """Turns decoded images into predictions; equal images give equal predictions whatever they are batched with.

    A predictor is made with ``Class(bundle, threads=n)``.

    Attributes
    ----------
    INFERENCE_VERSION
        Stands for the code in the cache of results: raise it whenever a prediction could change.
    SOURCES
        Modules the version stands for; a test fails when their code changes and the version does not.
    """

    INFERENCE_VERSION: ClassVar[str]
    SOURCES: ClassVar[tuple[str, ...]]

    @property
    def runtime(self) -> str:
        """Name and version of what computes, e.g. ``onnxruntime 1.31.1 CPUExecutionProvider``."""
        ...

    def predict(self, images: Sequence[DecodedImage]) -> list[Prediction]:
        """Return one prediction for each image, in their order."""
        ...


def predictor_class(spec: str, search: Sequence[str] = ()) -> type[Predictor]:
    """Return the class a use case names in ``task.predictor``.

    Parameters
    ----------
    spec
        ``package.module:Class``.
    search
        Folders put on the import path first: the use case's own ``src/``.

    Raises
    ------
    ModelError
        When the module or class cannot be found, or is no predictor.
    """
    for folder in reversed(search):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    module, _, name = spec.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"task.predictor {spec!r} cannot be found ({error}). Expected package.module:Class of the toolkit or of the use case's src/."
        ) from None
    missing = [
        part for part in ("INFERENCE_VERSION", "SOURCES", "runtime", "predict") if not hasattr(found, part)
    ]
    if missing:
        raise ModelError(f"task.predictor {spec!r} is no predictor: it has no {', '.join(missing)}.")
    return found  # type: ignore[no-any-return]


def load_predictor(
    bundle: ModelBundle, spec: str = DEFAULT, *, threads: int | None = None, search: Sequence[str] = ()
) -> Predictor:
    """Make the predictor `spec` for `bundle`; `threads` as in `tidelab.models.classifier.ImageClassifier`."""
    make = predictor_class(spec, search)
    return make(bundle, threads=threads)  # type: ignore[call-arg]
