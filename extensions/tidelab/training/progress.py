"""What a training tells whoever watches it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    Parameters
    ----------
    number, total
        Which pass this was, from 1, and how many there will be.
    loss, validation_loss
        Cross-entropy; lower is better. `validation_loss` is None without validation images.
    accuracy, validation_accuracy
        Share of images named rightly, 0 to 1; None where it was not measured.
    seconds
        Since the training began.
    """

    number: int
    total: int
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


OnEpoch = Callable[[Epoch], None]


def ignore(epoch: Epoch) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class DetectorEpoch:
    """One pass over the training pictures of a YOLO network.

    Parameters
    ----------
    number, total
        Which pass this was, from 1, and how many there will be.
    losses, validation_losses
        Parts of the loss by name (``box_loss``, ``cls_loss``, ``dfl_loss``; ``loss`` of a classifier); lower is better.
    measures
        On the validation pictures, as ultralytics computes them: ``precision``, ``recall``, ``map50``, ``map50_95``, or ``accuracy``.
        The figures of the model card are computed anew (`tidelab.science.detection_metrics`).
    seconds
        Since the training began.
    """

    number: int
    total: int
    losses: Mapping[str, float]
    validation_losses: Mapping[str, float]
    measures: Mapping[str, float]
    seconds: float

    @property
    def loss(self) -> float:
        """The sum of the training losses."""
        return sum(self.losses.values())

    @property
    def validation_loss(self) -> float | None:
        """The sum of the validation losses; None where there were none."""
        return sum(self.validation_losses.values()) if self.validation_losses else None

    @property
    def sentence(self) -> str:
        """It in words."""
        names = {"map50": "mAP50", "map50_95": "mAP50-95", "precision": "precision", "recall": "recall"}
        held = ", ".join(f"{names.get(name, name)} {value:.2f}" for name, value in self.measures.items())
        return f"epoch {self.number} of {self.total}: loss {self.loss:.2f}, {held}, {self.seconds:.0f} s"


OnDetectorEpoch = Callable[[DetectorEpoch], None]


def ignore_detector(epoch: DetectorEpoch) -> None:
    """Watch nothing."""


@dataclass(frozen=True)
class TrainingStep:
    """One step (batch of pictures) of a training, so that an epoch of an hour does not look like a standstill.

    Parameters
    ----------
    epoch, epochs
        Which pass it belongs to, from 1, and how many there will be.
    number, total
        Which step of that pass it was, from 1, and how many there are.
    seconds
        Since the training began.
    """

    epoch: int
    epochs: int
    number: int
    total: int
    seconds: float

    @property
    def seconds_left(self) -> float:
        """What is left at the pace so far, measuring on validation pictures included as far as it has happened."""
        done = (self.epoch - 1) * self.total + self.number
        return self.seconds / done * (self.epochs * self.total - done)

    @property
    def sentence(self) -> str:
        """It in words."""
        minutes = self.seconds_left / 60
        left = "less than a minute" if minutes < 1 else f"about {minutes:.0f} min"
        return f"epoch {self.epoch} of {self.epochs}: step {self.number} of {self.total}, {left} left"


OnStep = Callable[[TrainingStep], None]


def ignore_step(step: TrainingStep) -> None:
    """Watch nothing."""
