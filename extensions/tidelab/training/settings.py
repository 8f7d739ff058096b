"""Choices of a training, each a parameter with a reason."""

from dataclasses import dataclass, field
from typing import Literal

from tidelab.domain.card import InputSpec
from tidelab.science import features
from tidelab.training.augmentation import Augmentation

Kind = Literal["network", "network+features", "forest", "yolo"]
Balance = Literal["weights", "resample", "none"]

KINDS: tuple[Kind, ...] = ("network", "network+features", "forest")
"""What `tidelab.training.train` trains; ``yolo`` is trained by `tidelab.training.yolo_classify`, in another stack."""

TITLES: dict[Kind, str] = {
    "network": "Network",
    "network+features": "Network with features",
    "forest": "Forest",
    "yolo": "YOLO network",
}
ARCHITECTURE_VERSION = 1

_INPUT_KINDS: dict[Kind, Literal["image", "image+features", "features"]] = {
    "network": "image",
    "network+features": "image+features",
    "forest": "features",
    "yolo": "image",
}


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Parameters
    ----------
    epochs
        Passes over the training images, or None for as many as the number of images asks for (`epochs_for`). The best one on the
        validation images is kept.
    batch_size
        Images per step.
    learning_rate
        Of Adam at the start; it falls to zero along a cosine.
    balance
        ``weights``: images of rare classes count more; ``resample``: they are drawn more often; ``none``.
    size_px
        Side of the square the network sees.
    width
        Channels of the first block; the others are multiples of it.
    trees
        Trees of the forest.
    seed
        Equal seeds, images and machine give equal models.
    augmentation
        How training images are varied.
    """

    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float = 2e-3
    balance: Balance = "weights"
    size_px: int = 64
    width: int = 24
    trees: int = 300
    seed: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)


def epochs_for(n_images: int, settings: TrainingSettings) -> int:
    """Return the number of epochs: the chosen one, else about 900 steps in all, between 15 and 120 epochs."""
    if settings.epochs is not None:
        return settings.epochs
    return int(min(120, max(15, round(900 * settings.batch_size / max(n_images, 1)))))


def architecture_of(kind: Kind, settings: TrainingSettings) -> str:
    """Return the name of a network's architecture; networks of equal names have equal layers but for the last one.

    Raise `ARCHITECTURE_VERSION` with every change of `keras_network.small_xception` that changes what its weights mean.
    """
    return f"small_xception:{ARCHITECTURE_VERSION}/{kind}/{settings.width}"


def input_spec(kind: Kind, settings: TrainingSettings) -> InputSpec:
    """Return how pixels become the input of a model of this kind.

    Crops are padded to a square, not cut: a horn of *Tripos* that is cut away cannot be recognised.
    """
    extractor = {"network": None, "network+features": features.REGION, "forest": features.HOG_REGION}.get(
        kind
    )
    return InputSpec(
        kind=_INPUT_KINDS[kind],
        size_px=settings.size_px,
        crop="pad-square",
        fill="border",
        resample="area",
        features=extractor,
    )
