"""What a cached result stands for: the image with its side files, the model, the code and the runtime that computed it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidelab.models import ModelBundle, Predictor
from tidelab.runs.versions import package_version

SCHEMA: Final = 5
"""Raised when decoding or the record changes so that a result could differ: stands for the code in :data:`SOURCES`."""

SOURCES: Final = (
    "tidelab.runs.inputs.decode",
    "tidelab.runs.inputs.pixels",
    "tidelab.runs.inputs.source",
    "tidelab.runs.keys",
    "tidelab.runs.record",
    "tidelab.science.colour_profile",
)

LIBRARIES: Final = ("numpy", "pillow", "scikit-image", "scipy", "tifffile")
"""What decodes, resizes and measures a picture: another version of one may give another value for the same bytes."""


class KeyMaker:
    """Make the keys of one run.

    Parameters
    ----------
    bundle
        The model.
    predictor
        Its class, ``INFERENCE_VERSION`` and ``runtime`` enter the key.
    parameters
        What else changes a *prediction*, such as the measures that are kept with it and their versions. Thresholds and the like are
        applied after it and do not belong here, so that moving one costs nothing.
    """

    def __init__(self, bundle: ModelBundle, predictor: Predictor, parameters: Mapping[str, Any]) -> None:
        kind = type(predictor)
        parts = {
            "schema": SCHEMA,
            "model": bundle.digest,
            "predictor": f"{kind.__module__}:{kind.__qualname__}",
            "inference": predictor.INFERENCE_VERSION,
            "runtime": predictor.runtime,
            "libraries": {name: package_version(name) for name in LIBRARIES},
            "parameters": dict(parameters),
        }
        self._start = hashlib.sha256(json.dumps(parts, sort_keys=True).encode() + b"\0")

    def key(self, image_id: str, sides: Sequence[tuple[str, str]] = ()) -> bytes:
        """Return the key of one image.

        Parameters
        ----------
        image_id
            ``sha256:<hex>``, with ``#<page>`` for a page of a multi-page file.
        sides
            Suffix and sha256 of each file that belongs to the image.
        """
        hasher = self._start.copy()
        hasher.update(image_id.encode())
        for suffix, digest in sorted(sides):
            hasher.update(f"\0{suffix}={digest}".encode())
        return hasher.digest()
