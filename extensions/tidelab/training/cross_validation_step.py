"""Cross-validation as a step of the notebook: whether it is worth its time, how long it takes, how far it is."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tidelab.training import cross_validating
from tidelab.training import cross_validation as crossing
from tidelab.training.cross_validation import CrossValidation
from tidelab.training.datasets import LabelledImages
from tidelab.training.settings import TITLES, TrainingSettings
from tidelab.training.splitting import Split
from tidelab.training.trained import TrainedModel

CrossValidationChoice = Literal["when-few", "with-network", "off"]


def cross_validate(
    models: Sequence[TrainedModel],
    images: LabelledImages,
    split: Split,
    settings: TrainingSettings,
    choice: CrossValidationChoice = "when-few",
) -> tuple[CrossValidation | None, str]:
    """Cross-validate, 5 x 5 and paired, where the images are few or it was asked for; prints the time it will take, then progress.

    Parameters
    ----------
    models
        Models of the kinds in question; the time their training took is the estimate.
    images, split, settings
        As for their training.
    choice
        ``when-few``: the forest alone, where images are few; ``with-network``: every kind; ``off``.

    Returns
    -------
    tuple
        The figures or None, and in words why.
    """
    few = crossing.offered(images, split)
    if choice == "off" or (choice == "when-few" and not few):
        return None, few or "There are enough images for one test set."
    chosen = [one for one in models if choice == "with-network" or one.kind == "forest"]
    n_trainings = crossing.FOLDS * crossing.REPEATS
    for one in chosen:
        seconds = one.seconds * n_trainings * (crossing.FOLDS - 1) / crossing.FOLDS
        print(
            f"{TITLES[one.kind]}: {n_trainings} trainings, at most about {max(1, round(seconds / 60))} min.",
            flush=True,
        )
    groups = split.groups if len(split.groups) else np.arange(len(images))
    try:
        found = cross_validating.cross_validate(
            [one.kind for one in chosen], images, groups, settings, on_fold=fold_line(n_trainings)
        )
    except ValueError as error:
        return None, f"{few} Cross-validation is not possible: {error}.".strip()
    return found, few or "It was asked for."


def fold_line(each: int) -> cross_validating.OnFold:
    """Return a progress callback that prints a line for every fifth training, with the time that is left."""
    finished: list[float] = []

    def show(fold: crossing.Fold, total: int) -> None:
        finished.append(fold.seconds)
        if len(finished) % 5 and len(finished) != total:
            return
        left = fold.seconds * (each - fold.number - 1)
        print(
            f"{TITLES[fold.kind]}: {fold.number + 1} of {each} trainings, about {left:.0f} s left for this model",
            flush=True,
        )

    return show
