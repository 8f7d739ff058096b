"""What a training tells whoever watches it."""

from collections.abc import Callable
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
        Share of images named rightly, 0 to 1.
    seconds
        Since the training began.
    """

    number: int
    total: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float


OnEpoch = Callable[[Epoch], None]


def ignore(epoch: Epoch) -> None:
    """Watch nothing."""
