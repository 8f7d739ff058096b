"""What a predictor says of one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Detections:
    """The objects a detector found in one picture, best score first; equal scores are ordered by box.

    Parameters
    ----------
    boxes
        float32 of shape ``(m, 4)``: x_min, y_min, x_max, y_max in pixels of the decoded picture, origin at its upper left corner,
        clipped to it.
    scores
        float32 of shape ``(m,)``, from the card's ``detection.stored_from`` upwards.
    labels
        int16 of shape ``(m,)``: indices into the labels of the model card.
    thumbnails
        For each object a JPEG of its box with a little around it, longest side at most 128 px; empty bytes where none was made.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int16]
    thumbnails: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.scores)
        for name, array, shape, kind in (
            ("boxes", self.boxes, (count, 4), np.float32),
            ("scores", self.scores, (count,), np.float32),
            ("labels", self.labels, (count,), np.int16),
        ):
            if array.shape != shape or array.dtype != kind:
                raise ValueError(
                    f"{name} must be {kind.__name__} of shape {shape}, got {array.dtype} {array.shape}"
                )
        if self.thumbnails and len(self.thumbnails) != count:
            raise ValueError(f"{len(self.thumbnails)} thumbnails for {count} objects")

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Prediction:
    """The part of a result that depends on the image and the model alone, and is therefore cached.

    Parameters
    ----------
    probabilities
        float32 of shape ``(n_labels,)``, in the label order of the model card. Of a classifier: calibrated, they sum to 1. Of a
        detector: for each class the best score of any object in the picture, 0 where there is none.
    embedding
        float32 of shape ``(d,)`` from the same forward pass.
    statistics
        Named image statistics (``tidelab.science.image_statistics``), units in the names.
    thumbnail
        JPEG bytes, longest side at most 128 px.
    detections
        Of a detector: the objects in the picture (perhaps none). None: the model names pictures and looks for no objects.
    """

    probabilities: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    statistics: Mapping[str, float] = field(default_factory=dict)
    thumbnail: bytes = b""
    detections: Detections | None = None

    def __post_init__(self) -> None:
        for name, array in (("probabilities", self.probabilities), ("embedding", self.embedding)):
            if array.dtype != np.float32 or array.ndim != 1:
                raise ValueError(f"{name} must be float32 of shape (n,), got {array.dtype} {array.shape}")
