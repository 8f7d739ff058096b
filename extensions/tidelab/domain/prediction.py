"""What a predictor says of one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Prediction:
    """The part of a result that depends on the image and the model alone, and is therefore cached.

    Parameters
    ----------
    probabilities
        float32 of shape ``(n_labels,)``, calibrated, in the label order of the model card.
    embedding
        float32 of shape ``(d,)`` from the same forward pass.
    statistics
        Named image statistics (``tidelab.science.image_statistics``), units in the names.
    thumbnail
        JPEG bytes, longest side at most 128 px.
    """

    probabilities: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    statistics: Mapping[str, float] = field(default_factory=dict)
    thumbnail: bytes = b""

    def __post_init__(self) -> None:
        for name, array in (("probabilities", self.probabilities), ("embedding", self.embedding)):
            if array.dtype != np.float32 or array.ndim != 1:
                raise ValueError(f"{name} must be float32 of shape (n,), got {array.dtype} {array.shape}")
