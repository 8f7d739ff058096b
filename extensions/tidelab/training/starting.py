"""Where a training starts: at the champion's weights, or from scratch, and why."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from tidelab.models import BundleError, ResolvedModel
from tidelab.models.training_images import TrainingImages
from tidelab.training.datasets import LabelledImages
from tidelab.training.settings import Kind, TrainingSettings, architecture_of, input_spec
from tidelab.training.weights import Weights

Choice = Literal["champion", "scratch"]

LEAST_UNSEEN: Final = 0.5
"""Share of the test images that must be new to the champion: else too little is left to measure on."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a training starts.

    Parameters
    ----------
    words
        In a sentence, for the notebook and the record.
    weights
        None: from scratch.
    learned_from
        What the model it starts from has seen; empty from scratch.
    digest
        Of its bundle; empty from scratch.
    """

    words: str
    weights: Weights | None = None
    learned_from: TrainingImages = field(default_factory=TrainingImages)
    digest: str = ""


SCRATCH: Final = Start("It started from scratch.")


def start_at(
    champion: ResolvedModel,
    kind: Kind,
    settings: TrainingSettings,
    images: LabelledImages,
    test_rows: npt.NDArray[np.int64],
) -> Start:
    """Return the champion's weights where a training may start from them, else scratch, with the reason in words.

    Parameters
    ----------
    champion
        The use case's champion, or its demonstration model.
    kind, settings
        Of the training that is to start.
    images, test_rows
        The labelled images, and which of them are the test.
    """
    name = (
        "the demonstration model"
        if champion.is_demo
        else f"champion {champion.name} {champion.version}".strip()
    )
    card, folder = champion.bundle.card, champion.bundle.folder
    if champion.is_demo and not images.generated:
        return _scratch("there is no champion yet, and the demonstration model knows nothing but drawings")
    if kind == "forest":
        return _scratch("a forest has no weights to start from")
    try:
        weights, seen = Weights.load(folder), TrainingImages.load(folder)
    except BundleError as error:
        return _scratch(str(error).rstrip("."))
    if weights is None:
        return _scratch(f"{name} carries no weights (a forest, or a model exported before they were kept)")
    if seen is None:
        return _scratch(
            f"{name} carries no list of the images it learned from, so nobody could say whether the test images are new to it"
        )
    if weights.architecture != architecture_of(kind, settings):
        return _scratch(
            f"{name} is another network ({weights.architecture}, here {architecture_of(kind, settings)})"
        )
    if card.input != input_spec(kind, settings):
        return _scratch(f"{name} sees its images prepared in another way")
    known = sum(images.digests[row] in seen.digests for row in test_rows)
    if known > (1 - LEAST_UNSEEN) * len(test_rows):
        return _scratch(
            f"{name} has learned from {known} of the {len(test_rows)} test images, so too few would be left to measure on"
        )
    return Start(f"It started from the weights of {name}.", weights, seen, champion.bundle.digest)


def _scratch(reason: str) -> Start:
    return Start(f"It started from scratch: {reason}.")
