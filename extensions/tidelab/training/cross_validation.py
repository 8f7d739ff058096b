"""Repeated cross-validation: every image is tested on, by models that had not learned from it.

With few images one test set is a lottery ticket. Five folds, five times over, test each image five times; all models see the same
folds, whole samples and near-duplicates stay together, and the interval of the paired difference is corrected for the images that the
trainings share (Nadeau and Bengio, 2003). The figures describe the way of training, not the one model that is kept.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.science.comparison import corrected_interval
from tidelab.science.metrics import Interval, confusion_matrix, scores
from tidelab.science.splits import TEST
from tidelab.training.datasets import LabelledImages
from tidelab.training.settings import Kind
from tidelab.training.splitting import Split

FOLDS: Final = 5
REPEATS: Final = 5
FEW_IMAGES: Final = 500
FEW_TEST_IMAGES: Final = 40
"""Fewer images in all, or test images of a class, and one test set decides little."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """One training and its test.

    Parameters
    ----------
    kind, number
        Which model, and which of the folds, from 0.
    rows, predicted
        Tested images, and the class index each was given.
    macro_f1
        On these images.
    seconds
        Time it took.
    """

    kind: Kind
    number: int
    rows: Rows
    predicted: Rows
    macro_f1: float
    seconds: float


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Every fold of one or several kinds of models.

    Parameters
    ----------
    images
        What was cross-validated.
    results
        Finished folds.
    folds, repeats
        How often.
    """

    images: LabelledImages
    results: tuple[Fold, ...]
    folds: int = FOLDS
    repeats: int = REPEATS

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kinds in the order they were run."""
        return tuple(dict.fromkeys(one.kind for one in self.results))

    def of(self, kind: Kind) -> list[Fold]:
        """Return the folds of one kind, in order."""
        return sorted((one for one in self.results if one.kind == kind), key=lambda one: one.number)

    def macro_f1(self, kind: Kind) -> Interval:
        """Return the mean macro F1 over the folds with its corrected 95 % interval."""
        values = np.array([one.macro_f1 for one in self.of(kind)])
        return Interval(float(values.mean()), *corrected_interval(values, 1 / (self.folds - 1)))

    def difference(self, first: Kind, second: Kind) -> Interval:
        """Return the mean paired difference of macro F1 with its corrected 95 % interval."""
        pairs = zip(self.of(first), self.of(second), strict=True)
        values = np.array([one.macro_f1 - other.macro_f1 for one, other in pairs])
        return Interval(float(values.mean()), *corrected_interval(values, 1 / (self.folds - 1)))

    def per_class(self, kind: Kind) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return recall of each class over all folds, and how many different images stand behind it."""
        found = self.of(kind)
        tested = np.concatenate([one.rows for one in found])
        predicted = np.concatenate([one.predicted for one in found])
        matrix = confusion_matrix(self.images.truth[tested], predicted, len(self.images.labels))
        support = np.bincount(self.images.truth[np.unique(tested)], minlength=len(self.images.labels))
        return scores(matrix).recall, support


def offered(images: LabelledImages, split: Split) -> str:
    """Return why cross-validation is worth its time here, or an empty text where one test set is enough."""
    tested = np.bincount(images.truth[split.parts == TEST], minlength=len(images.labels))
    few = [label for label, count in zip(images.labels, tested, strict=True) if count < FEW_TEST_IMAGES]
    if len(images) < FEW_IMAGES:
        return f"{len(images)} images are few (fewer than {FEW_IMAGES})."
    if few:
        named = ", ".join(few[:8]) + (f" and {len(few) - 8} more" if len(few) > 8 else "")
        return f"Fewer than {FEW_TEST_IMAGES} test images of {named}."
    return ""
