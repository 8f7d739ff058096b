"""The held-out file of a trained model: its answers on test images, and where its training classes lie."""

from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.models.classifier import ImageClassifier, inputs_of
from tidelab.models.heldout import HeldOut, HeldOutError
from tidelab.science.splits import TRAIN
from tidelab.training.datasets import LabelledImages
from tidelab.training.evaluation import Evaluation

_TRAINING_PER_CLASS: Final = 500
"""Training images of a class that place it: more would not move its mean, and each costs a pass through the model."""
_BATCH: Final = 64
_SEED: Final = 20240501


def held_out_of(
    classifier: ImageClassifier, evaluation: Evaluation, images: LabelledImages, parts: npt.NDArray[np.str_]
) -> HeldOut | None:
    """Return the held-out file of a model; None where no test image has a class that the model knows, or no distance can be measured.

    Parameters
    ----------
    classifier
        The exported model.
    evaluation
        Its evaluation on the test images.
    images, parts
        All images and how they were split; the training part places the classes.
    """
    known = classifier.card.labels
    index = {label: number for number, label in enumerate(known)}
    truth = np.array([index.get(evaluation.labels[k], -1) for k in evaluation.truth], np.int64)
    rows = _training_rows(images, parts)
    if not len(rows) or not (truth >= 0).any():
        return None
    try:
        return HeldOut.build(
            np.stack([one.probabilities for one in evaluation.predictions]),
            truth,
            np.stack([one.embedding for one in evaluation.predictions]),
            training_embeddings=_embeddings(classifier, images, rows),
            training_labels=np.array([index.get(images.labels[k], -1) for k in images.truth[rows]], np.int64),
            sample_ids=list(evaluation.images.sample_ids),
            image_ids=[f"sha256:{digest}" for digest in evaluation.images.digests],
        )
    except HeldOutError:
        return None


def _training_rows(images: LabelledImages, parts: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(_SEED)
    chosen = []
    for label in range(len(images.labels)):
        rows = np.flatnonzero((parts == TRAIN) & (images.truth == label))
        if len(rows) > _TRAINING_PER_CLASS:
            rows = rng.choice(rows, size=_TRAINING_PER_CLASS, replace=False)
        chosen.append(rows)
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _embeddings(
    classifier: ImageClassifier, images: LabelledImages, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    found = [
        classifier.probabilities(
            inputs_of([images.pixels[k] for k in rows[start : start + _BATCH]], classifier.card.input)
        )[1]
        for start in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(found)
