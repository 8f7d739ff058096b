"""Measure a model on test images, and two models on the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.card import Quality
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models.classifier import ImageClassifier
from tidelab.science import metrics
from tidelab.science.reliability import Reliability, reliability
from tidelab.training.datasets import LabelledImages

SMALL_TEST = 100
"""Fewer test images than this, and the words say that the figures are rough."""


SIGNIFICANT = 0.05
"""Sign tests with a smaller p-value count as decided."""


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
    """

    name: str
    images: LabelledImages
    labels: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    predictions: tuple[Prediction, ...]

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

    def macro_f1(self, seed: int = 0) -> metrics.Interval:
        """Macro F1 with its 95 % bootstrap interval."""
        return metrics.bootstrap_macro_f1(self.truth, self.predicted, len(self.labels), seed=seed)

    def table(self) -> pd.DataFrame:
        """One row per class: precision, recall, F1 and number of test images."""
        found = self.scores
        return pd.DataFrame(
            {
                "label": self.labels,
                "precision": found.precision,
                "recall": found.recall,
                "f1": found.f1,
                "test images": found.support,
            }
        )

    def quality(self, method: str) -> Quality:
        """Return the figures for the model card; classes without test images are left out."""
        found = self.scores
        per_class = {
            label: {
                "precision": _round(found.precision[k]),
                "recall": _round(found.recall[k]),
                "f1": _round(found.f1[k]),
                "support": float(found.support[k]),
            }
            for k, label in enumerate(self.labels)
            if found.support[k]
        }
        return Quality(
            macro_f1=_round(found.macro_f1),
            weighted_f1=_round(found.weighted_f1),
            accuracy=_round(found.accuracy),
            expected_calibration_error=_round(self.reliability.expected_calibration_error),
            per_class=per_class,
            n_test=len(self.truth),
            method=method,
        )


def evaluate(
    classifier: ImageClassifier,
    images: LabelledImages,
    rows: Sequence[int] | npt.NDArray[np.int64],
    name: str,
) -> Evaluation:
    """Run a model on the images at `rows` exactly as an analysis runs it.

    Classes are matched by name, so a model with other classes, or the same in another order, is judged fairly: an image of a class
    it does not know counts as wrong.
    """
    test = images.subset(rows)
    if not len(test):
        raise ValueError("there are no test images, so nothing can be measured; choose a larger test share")
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
        name, test, labels, test.truth, probabilities.argmax(axis=1), probabilities, tuple(predictions)
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two models on the same test images.

    Parameters
    ----------
    challenger, champion
        Their evaluations.
    difference
        Macro F1 of the challenger minus the champion's, with its paired 95 % bootstrap interval.
    only_challenger, only_champion
        Images that one of them names rightly and the other does not.
    n_samples
        Water samples the test images come from; 0 where unknown.
    """

    challenger: Evaluation
    champion: Evaluation
    difference: metrics.Interval
    only_challenger: int
    only_champion: int
    n_samples: int

    @property
    def p_value(self) -> float:
        """How often two equally good models would differ on so many images at least as one-sidedly."""
        return metrics.sign_test(self.only_challenger, self.only_champion)

    @property
    def decided(self) -> bool:
        """Whether the images tell the two apart: the interval excludes zero, and enough images stand behind it.

        With a handful of images the bootstrap is too sure of itself, because it can only repeat what it has seen; the sign test is not.
        """
        return self.difference.decided and self.p_value < SIGNIFICANT

    @property
    def sentences(self) -> list[str]:
        """The result in words, the caution first where the test set is small."""
        interval = self.difference
        words = f"macro F1 {interval.value:+.3f} (95 % interval {interval.low:+.3f} to {interval.high:+.3f})"
        better = f"{self.challenger.name} is {'better' if interval.value > 0 else 'worse'} than {self.champion.name} on these images: {words}."
        verdict = (
            better
            if self.decided
            else f"These images do not decide between {self.challenger.name} and {self.champion.name}: {words}."
        )
        rest = (
            f"{self.only_challenger} image(s) are right only with {self.challenger.name}, {self.only_champion} only with {self.champion.name}, "
            f"out of {len(self.challenger.truth)} (exact sign test: p = {self.p_value:.2g})."
        )
        return [verdict, rest, *self._cautions()]

    def _cautions(self) -> list[str]:
        cautions = []
        if len(self.challenger.truth) < SMALL_TEST:
            cautions.append(
                f"{len(self.challenger.truth)} test images are few: a handful of other images could turn the result round."
            )
        if self.n_samples == 1:
            cautions.append(
                "All test images come from one water sample: how the models do on other days or places is not known."
            )
        elif 2 <= self.n_samples < 6:
            cautions.append(
                f"The test images come from {self.n_samples} water samples only; the interval is rough."
            )
        unknown = set(self.challenger.images.labels) - set(
            np.array(self.champion.labels)[self.champion.probabilities.any(axis=0)]
        )
        if unknown:
            cautions.append(
                f"{self.champion.name} does not know {', '.join(sorted(unknown))}; those images count as wrong."
            )
        return cautions


def compare(challenger: Evaluation, champion: Evaluation, seed: int = 0) -> Comparison:
    """Compare two evaluations of the same test images, paired image by image."""
    if challenger.images.digests != champion.images.digests:
        raise ValueError(
            "the two models were evaluated on different images; evaluate both on the same test set"
        )
    labels = tuple(dict.fromkeys([*challenger.labels, *champion.labels]))

    def indices(evaluation: Evaluation) -> npt.NDArray[np.int64]:
        return np.array([labels.index(evaluation.labels[k]) for k in evaluation.predicted])

    truth = np.array([labels.index(challenger.labels[k]) for k in challenger.truth])
    first, second = indices(challenger), indices(champion)
    samples = challenger.images.sample_ids
    known = all(samples)
    difference = metrics.paired_difference(
        truth, first, second, len(labels), groups=samples if known else None, seed=seed
    )
    return Comparison(
        challenger,
        champion,
        difference,
        only_challenger=int(((first == truth) & (second != truth)).sum()),
        only_champion=int(((first != truth) & (second == truth)).sum()),
        n_samples=len(set(samples)) if known else 0,
    )


def _round(value: float) -> float:
    return round(float(value), 4)
