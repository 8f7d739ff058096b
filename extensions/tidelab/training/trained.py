"""A trained model as it will be used: exported, calibrated, with what it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import ModelCard
from tidelab.models.bundle import ModelBundle
from tidelab.models.classifier import Feed, ImageClassifier
from tidelab.models.training_images import TrainingImages
from tidelab.training.progress import Epoch
from tidelab.training.settings import Kind
from tidelab.training.weights import Weights

PARITY_TOLERANCE = 1e-4
"""Largest difference of a probability between the trained model and its export; beyond it the export is refused."""


class ExportError(RuntimeError):
    """An export that does not compute what the trained model computes."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model after training.

    Parameters
    ----------
    kind
        ``network``, ``network+features`` or ``forest``.
    card
        Its card, temperature included; quality, name and digests follow when it is saved.
    onnx
        The exported model.
    history
        One entry per epoch; empty for a forest.
    seconds
        Time the training took.
    parameters
        Number of trained weights (network) or nodes (forest).
    parity
        Largest difference of a probability between the trained model and its export, over the validation images.
    weights
        A network's weights, from which another training may start; None for a forest.
    learned_from
        Every image it has seen: training and validation images, and those of the model it started from.
    start_words
        Where the training started, in a sentence.
    experiment
        Digest of settings, images and their division: models of one experiment are one look at its test images.
    """

    kind: Kind
    card: ModelCard
    onnx: bytes
    history: tuple[Epoch, ...] = field(default=())
    seconds: float = 0.0
    parameters: int = 0
    parity: float = 0.0
    weights: Weights | None = None
    learned_from: TrainingImages = field(default_factory=TrainingImages)
    start_words: str = ""
    experiment: str = ""

    @property
    def classifier(self) -> ImageClassifier:
        """The predictor that lab, app and report will use, on the exported model."""
        return ImageClassifier(ModelBundle(Path("(not saved yet)"), self.card, self.onnx, ""))


def check_parity(expected: npt.NDArray[np.float32], exported: npt.NDArray[np.float32]) -> float:
    """Return the largest difference of a probability, or raise `ExportError` when it exceeds `PARITY_TOLERANCE`."""
    if expected.shape != exported.shape:
        raise ExportError(
            f"The exported model gives shape {exported.shape}, the trained one {expected.shape}. It was not saved."
        )
    difference = float(np.abs(expected - exported).max(initial=0.0))
    if not difference <= PARITY_TOLERANCE:
        raise ExportError(
            f"The exported model differs from the trained one by up to {difference:.2g} in a probability; at most {PARITY_TOLERANCE:g} "
            "is accepted, so it was not saved. Please report this with the versions of TensorFlow and tf2onnx."
        )
    return difference


def rows(feed: Feed, chosen: Sequence[int] | npt.NDArray[np.int64]) -> Feed:
    """Return the chosen rows of prepared inputs."""
    return {name: values[chosen] for name, values in feed.items()}
