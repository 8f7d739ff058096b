"""Measure a model on test images: by image, by class, by sample."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.card import Quality
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models.classifier import ImageClassifier
from tidelab.models.training_images import TrainingImages
from tidelab.science import metrics
from tidelab.science.calibration import negative_log_likelihood
from tidelab.science.reliability import Reliability, brier_score, reliability
from tidelab.science.sample_scores import SampleScores, sample_scores
from tidelab.training.datasets import LabelledImages
from tidelab.training.looks import Look

SMALL_TEST: Final = 100
"""Fewer test images than this, and the words say that the figures are rough."""
LEAST_IMAGES: Final = 10
"""From fewer images no figure is given: one image more or less would move it by ten points."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model said of test images, and what was right.

    Parameters
    ----------
    name
        The model, in words.
    images
        The test images.
    labels
        The classes of the test images, then those only the model knows.
    truth, predicted
        Class indices into `labels`, shape ``(n,)``.
    probabilities
        Calibrated, shape ``(n, len(labels))``; 0 for classes the model does not know.
    predictions
        As an analysis would have them, for the drift reference.
    known
        Classes the model can name.
    model
        sha256 hex of its ONNX file.
    learned_from
        Images it has seen in training; None where that is not known.
    left_out
        Test images that were not measured because the model had learned from them.
    look
        Which look at the test images it was; None where it was not written down.
    """

    name: str
    images: LabelledImages
    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    predictions: tuple[Prediction, ...]
    known: frozenset[str] = frozenset()
    model: str = ""
    learned_from: TrainingImages | None = None
    left_out: int = 0
    look: Look | None = None

    def subset(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Self:
        """Return the evaluation of some of the images."""
        chosen = np.asarray(rows, np.int64)
        return replace(
            self, images=self.images.subset(chosen), truth=self.truth[chosen], predicted=self.predicted[chosen],
            probabilities=self.probabilities[chosen], predictions=tuple(self.predictions[k] for k in chosen),
        )  # fmt: skip

    @property
    def matrix(self) -> npt.NDArray[np.int64]:
        """Confusion matrix, rows true, columns predicted."""
        return metrics.confusion_matrix(self.truth, self.predicted, len(self.labels))

    @property
    def scores(self) -> metrics.Scores:
        """Precision, recall and F1."""
        return metrics.scores(self.matrix)

    @property
    def reliability(self) -> Reliability:
        """Whether the scores mean what they say."""
        return reliability(self.probabilities, self.truth)

    @property
    def brier_score(self) -> float:
        """Mean squared error of the probabilities, 0 to 2."""
        return brier_score(self.probabilities, self.truth)

    @property
    def negative_log_likelihood(self) -> float:
        """Mean of ``-ln p(true class)``; an image of a class the model does not know counts as the least probability there is."""
        return negative_log_likelihood(self.probabilities, self.truth)

    @property
    def by_sample(self) -> SampleScores | None:
        """Scores of each water sample; None where none is known."""
        return sample_scores(self.truth, self.predicted, self.images.sample_ids, len(self.labels))

    def sample_means(self) -> tuple[int, float, float]:
        """Return the number of samples with at least `LEAST_IMAGES` test images, their mean accuracy and mean count error."""
        found = self.by_sample
        if found is None or not (enough := found.n_images >= LEAST_IMAGES).any():
            return 0, float("nan"), float("nan")
        return (
            int(enough.sum()),
            float(found.accuracy[enough].mean()),
            float(found.count_error[enough].mean()),
        )

    def precision_at(self, shares: Mapping[str, float]) -> tuple[npt.NDArray[np.float64], float]:
        """Return the precision of each class at the class shares of a sample, and the share that could not be used.

        Parameters
        ----------
        shares
            Label -> share in the analysed sample. Labels without at least `LEAST_IMAGES` test images are left out, and the others scaled
            up: how their images are named is not known well enough.

        Returns
        -------
        tuple
            float64 ``(len(labels),)``, NaN where it cannot be said; and the part of the shares that was left out, 0 to 1.
        """
        support = self.scores.support
        wanted = np.array(
            [shares.get(one, 0.0) if support[k] >= LEAST_IMAGES else 0.0 for k, one in enumerate(self.labels)]
        )
        total = float(sum(shares.values()))
        if not wanted.sum() or not total:
            return np.full(len(self.labels), np.nan), 1.0
        found = metrics.precision_at_shares(self.matrix, wanted)
        return np.where(wanted > 0, found, np.nan), 1.0 - float(wanted.sum()) / total

    def macro_f1(self, seed: int = 0) -> metrics.Interval:
        """Macro F1 with its 95 % bootstrap interval."""
        return metrics.bootstrap_macro_f1(self.truth, self.predicted, len(self.labels), seed=seed)

    def table(self) -> pd.DataFrame:
        """One row per class: number of test images, and precision, recall and F1 (NaN from fewer than `LEAST_IMAGES`)."""
        found = self.scores
        enough = found.support >= LEAST_IMAGES
        return pd.DataFrame(
            {
                "label": self.labels,
                "precision": np.where(enough, found.precision, np.nan),
                "recall": np.where(enough, found.recall, np.nan),
                "f1": np.where(enough, found.f1, np.nan),
                "test images": found.support,
            }
        )

    def quality(self, method: str) -> Quality:
        """Return the figures for the model card; from fewer than `LEAST_IMAGES` images only their number."""
        found, n = self.scores, len(self.truth)
        n_samples, by_sample, count_error = self.sample_means()
        per_class: dict[str, dict[str, float]] = {}
        for k, label in enumerate(self.labels):
            if found.support[k]:
                per_class[label] = {"support": float(found.support[k])}
            if found.support[k] >= LEAST_IMAGES:
                figures = {"precision": found.precision[k], "recall": found.recall[k], "f1": found.f1[k]}
                per_class[label] |= {name: _round(value) for name, value in figures.items()}
        overall = {
            "macro_f1": found.macro_f1, "weighted_f1": found.weighted_f1, "accuracy": found.accuracy, "brier_score": self.brier_score,
            "expected_calibration_error": self.reliability.expected_calibration_error,
            "negative_log_likelihood": self.negative_log_likelihood,
        }  # fmt: skip
        return Quality(
            **({name: _round(value) for name, value in overall.items()} if n >= LEAST_IMAGES else {}),
            per_class=per_class,
            n_test=n,
            n_samples=len(set(self.images.sample_ids) - {""}),
            sample_accuracy=_round(by_sample) if n_samples else None,
            sample_count_error=_round(count_error) if n_samples else None,
            method=method,
        )


def evaluate(
    classifier: ImageClassifier,
    images: LabelledImages,
    rows: Sequence[int] | npt.NDArray[np.int64],
    name: str,
    learned_from: TrainingImages | None = None,
) -> Evaluation:
    """Run a model on the images at `rows` exactly as an analysis runs it.

    Classes are matched by name, so a model with other classes, or the same in another order, is judged fairly: an image of a class
    it does not know counts as wrong.

    Parameters
    ----------
    classifier, name
        The model, and its name in words.
    images, rows
        Labelled images, and which of them are the test.
    learned_from
        Images the model has seen; those are left out, for naming them measures memory.

    Raises
    ------
    ValueError
        When no image is left to measure on.
    """
    chosen = [int(row) for row in rows]
    if not chosen:
        raise ValueError("there are no test images, so nothing can be measured; choose a larger test share")
    seen = learned_from.digests if learned_from is not None else frozenset()
    fresh = [row for row in chosen if images.digests[row] not in seen]
    if not fresh:
        raise ValueError(
            f"{name} has learned from all {len(chosen)} test images, so nothing can be measured on them. Add images it has not seen, or "
            "train with start: scratch"
        )
    test = images.subset(fresh)
    decoded = [
        DecodedImage(one, f"sha256:{digest}", pixels)
        for one, digest, pixels in zip(test.names, test.digests, test.pixels, strict=True)
    ]
    predictions = classifier.predict(decoded)
    known = classifier.card.labels
    labels = (*test.labels, *(label for label in known if label not in test.labels))
    probabilities = np.zeros((len(test), len(labels)), np.float32)
    probabilities[:, [labels.index(label) for label in known]] = np.stack(
        [one.probabilities for one in predictions]
    )
    return Evaluation(
        name, test, labels, test.truth, probabilities.argmax(axis=1), probabilities, tuple(predictions), frozenset(known),
        hashlib.sha256(classifier.bundle.onnx).hexdigest(), learned_from, len(chosen) - len(fresh),
    )  # fmt: skip


def _round(value: float) -> float:
    return round(float(value), 4)
