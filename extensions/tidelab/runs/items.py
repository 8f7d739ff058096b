"""One image on its way through a run, and what is known of it at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tidelab.domain.prediction import Detections
from tidelab.runs.inputs.source import Payload
from tidelab.runs.inputs.taken import Taken
from tidelab.runs.objects import Thresholds


@dataclass
class Item:
    """One image on its way."""

    name: str
    order: tuple[int, int]
    image_id: str
    size: int
    page: int
    key: bytes
    sides: tuple[tuple[str, str], ...]
    payload: Payload | None
    pixels: int = 0
    taken: Taken = field(default_factory=Taken)
    measurements: Mapping[str, float | str] | None = None


@dataclass(frozen=True)
class ImageResult:
    """One image that was predicted, now or before.

    Parameters
    ----------
    name, image_id, size, sides
        Display name, digest, bytes of its file, and suffix and digest of each side file.
    probabilities, embedding, statistics
        Of its :class:`Prediction`.
    detections
        Of a detector: the stored objects, without their thumbnails.
    taken
        Of a detector: when and by which camera, as the file says.
    measurements
        Of an object that a reader handed over: what it measured.
    """

    name: str
    image_id: str
    size: int
    sides: tuple[tuple[str, str], ...]
    probabilities: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    statistics: dict[str, float]
    detections: Detections | None = None
    taken: Taken = field(default_factory=Taken)
    measurements: Mapping[str, float | str] | None = None


@dataclass(frozen=True)
class Finding:
    """What is special about a run whose model looks for objects in pictures.

    Parameters
    ----------
    thresholds
        From which score an object counts.
    time_zone
        Of times in file names and EXIF blocks that have none; empty: not known.
    """

    thresholds: Thresholds
    time_zone: str = ""


@dataclass
class Work:
    """What was done for it: what a second run of the same must not do."""

    decoded: int = 0
    predicted: int = 0
    model_calls: int = 0
    known: int = 0
