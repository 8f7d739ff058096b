"""Measure a detector on pictures it has not seen: average precision as COCO defines it, and what its thresholds give."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tidelab.domain.card import DetectionSpec, Quality
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections, Prediction
from tidelab.models.detector import ObjectDetector
from tidelab.models.training_images import TrainingImages
from tidelab.science.detection_metrics import (
    AveragePrecision,
    Curve,
    Matches,
    TrueObjects,
    average_precision,
    confusion,
    match,
    precision_recall,
)
from tidelab.science.detection_thresholds import FALLBACK
from tidelab.training.decoding import read_file
from tidelab.training.detection_images import BoxedPicture, DetectionImages
from tidelab.training.looks import Look

LEAST_SCORE: Final = 0.001
"""From which score on objects enter average precision, as everybody measures it; an analysis stores them from `card.detection.stored_from`."""

LEAST_OBJECTS: Final = 10
"""From fewer true objects no figure is given: one more or less would move it by ten points."""

NOT_THERE: Final = "(not there)"
"""Row of a confusion table for what was found where nothing is."""

_FIGURES: Final = ("ap50", "ap50_95", "precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class DetectorEvaluation:
    """What a detector found in pictures, and what is there.

    Parameters
    ----------
    name
        The model, in words.
    images
        The pictures.
    labels
        Classes of the pictures, then those only the model knows.
    found, truth
        One item a picture; classes are indices into `labels`.
    thresholds
        Score from which an object of each class counts, in the order of `labels`.
    predictions
        As an analysis would have them (objects from the stored score), for the drift reference.
    known
        Classes the model can find.
    model
        sha256 hex of its ONNX file.
    learned_from
        Pictures it has seen in training; None where that is not known.
    left_out
        Test pictures that were not measured because the model had learned from them.
    look
        Which look at the test pictures it was; None where it was not written down.
    """

    name: str
    images: DetectionImages
    labels: tuple[str, ...]
    found: tuple[Detections, ...]
    truth: tuple[TrueObjects, ...]
    thresholds: tuple[float, ...]
    predictions: tuple[Prediction, ...] = ()
    known: frozenset[str] = frozenset()
    model: str = ""
    learned_from: TrainingImages | None = None
    left_out: int = 0
    look: Look | None = None

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def precision(self) -> AveragePrecision:
        """Average precision over all classes."""
        return average_precision(self.found, self.truth, len(self.labels))

    @cached_property
    def matches(self) -> list[Matches]:
        """What was found of each class at IoU 0.5, best first, and whether it is there."""
        return match(self.found, self.truth, len(self.labels), ious=(0.5,), maximum=300)

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Which objects are taken for which at the thresholds; the last row and column are the background."""
        return confusion(self.found, self.truth, self.thresholds)

    def confusion_table(self) -> pd.DataFrame:
        """Return `confusion` with names: a row for each class that is there, a column for each it was taken for.

        The last column, ``missed``, is what was not found; the last row, `NOT_THERE`, what was found and is not there.
        """
        columns = [*self.labels, "missed"]
        table = pd.DataFrame(self.confusion, columns=columns)
        # A class may have that name.
        table.insert(0, "label", [*self.labels, NOT_THERE], allow_duplicates=True)
        return table

    def wrong(self, k: int) -> int:
        """Return the errors in picture `k` at the thresholds: objects missed, taken for others, and found where there are none."""
        table = confusion(self.found[k : k + 1], self.truth[k : k + 1], self.thresholds)
        return int(table.sum() - np.trace(table))

    def curve(self, label: int) -> Curve | None:
        """Return precision and recall of a class over its thresholds; None where it does not occur."""
        one = self.matches[label]
        return precision_recall(one) if one.truth else None

    def table(self) -> pd.DataFrame:
        """Return one row a class that occurs: objects, AP50, AP50-95, and at its threshold precision, recall and F1.

        NaN from fewer than `LEAST_OBJECTS` objects.
        """
        rows = []
        for k, label in enumerate(self.labels):
            truth = int(self.precision.truth[k])
            if not truth and label not in self.images.labels:
                continue
            figures = self._figures(k) if truth >= LEAST_OBJECTS else (math.nan,) * 5
            rows.append((label, truth, self.thresholds[k], *figures))
        return pd.DataFrame(rows, columns=["label", "objects", "threshold", *_FIGURES])

    def _figures(self, k: int) -> tuple[float, ...]:
        ap50, ap = self.precision.of_class(k)
        one = self.matches[k]
        counted = one.scores >= self.thresholds[k]
        right = int(one.hit[0][counted].sum())
        wrong = int((~one.hit[0] & ~one.ignored[0])[counted].sum())
        precision = right / (right + wrong) if right + wrong else math.nan
        return ap50, ap, precision, right / one.truth, 2 * right / (right + wrong + one.truth)

    def quality(self, method: str) -> Quality:
        """Return the figures for a model card."""
        per_class = {}
        for row in self.table().to_dict("records"):
            figures = {
                name: round(float(row[name]), 4) for name in _FIGURES if not math.isnan(float(row[name]))
            }
            per_class[str(row["label"])] = {**figures, "support": float(row["objects"])}
        return Quality(
            map50=_rounded(self.precision.map50),
            map50_95=_rounded(self.precision.map50_95),
            per_class=per_class,
            n_test=len(self),
            n_samples=len({one.sample_id for one in self.images.pictures if one.sample_id}),
            method=method,
        )

    def subset(self, rows: Sequence[int]) -> Self:
        """Return the evaluation of some of the pictures."""
        return replace(
            self,
            images=replace(self.images, pictures=tuple(self.images.pictures[k] for k in rows)),
            found=tuple(self.found[k] for k in rows),
            truth=tuple(self.truth[k] for k in rows),
            predictions=tuple(self.predictions[k] for k in rows) if self.predictions else (),
        )


def evaluate_detector(
    detector: ObjectDetector,
    images: DetectionImages,
    rows: Sequence[int] | npt.NDArray[np.int64],
    name: str,
    learned_from: TrainingImages | None = None,
) -> DetectorEvaluation:
    """Run a detector on some pictures, one after the other; those it has learned from are left out.

    Parameters
    ----------
    detector
        Made with `LEAST_SCORE` as its least score, so that average precision is complete.
    images, rows
        Pictures with boxes, and which of them.
    name
        The model, in words.
    learned_from
        Pictures it has seen; None: not known, nothing is left out.

    Raises
    ------
    ValueError
        When no picture is left.
    """
    chosen = images.rows(rows)
    seen = frozenset() if learned_from is None else learned_from.digests
    kept = [one for one in chosen if one.digest not in seen]
    if not kept:
        raise ValueError(
            f"None of the {len(chosen)} test pictures is new to {name}: it has learned from all of them. Add pictures it has not seen."
        )
    card = detector.card
    labels = (*images.labels, *(label for label in card.labels if label not in images.labels))
    places = np.array([labels.index(label) for label in card.labels], np.int16)
    found, predictions = [], []
    for one in kept:
        prediction = _predict(detector, one)
        assert prediction.detections is not None
        objects = prediction.detections
        found.append(Detections(objects.boxes, objects.scores, places[objects.labels]))
        predictions.append(_stored(prediction, _stored_from(card.detection)))
    chosen_thresholds = card.detection.thresholds if card.detection is not None else {}
    return DetectorEvaluation(
        name=name,
        images=replace(images, pictures=tuple(kept)),
        labels=labels,
        found=tuple(found),
        truth=tuple(true_objects(one) for one in kept),
        thresholds=_thresholds(chosen_thresholds, labels),
        predictions=tuple(predictions),
        known=frozenset(card.labels),
        model=hashlib.sha256(detector.bundle.onnx).hexdigest(),
        learned_from=learned_from,
        left_out=len(chosen) - len(kept),
    )


def true_objects(picture: BoxedPicture) -> TrueObjects:
    """Return what is in a picture, as it is measured against."""
    return TrueObjects(
        picture.boxes.astype(np.float64), picture.truth, picture.crowd if len(picture.crowd) else None
    )


def _predict(detector: ObjectDetector, picture: BoxedPicture) -> Prediction:
    pixels, digest = read_file(picture.file.parent, picture.file.name)
    (found,) = detector.predict([DecodedImage(picture.name, f"sha256:{digest}", pixels)])
    return found


def _stored_from(spec: DetectionSpec | None) -> float:
    return DetectionSpec().stored_from if spec is None else max(spec.stored_from, 0.05)


def _stored(prediction: Prediction, least: float) -> Prediction:
    """Return a prediction as an analysis has it: only objects that are stored, best score of each class over those."""
    objects = prediction.detections
    assert objects is not None
    kept = objects.scores >= least
    best = np.zeros(len(prediction.probabilities), np.float32)
    np.maximum.at(best, objects.labels[kept], objects.scores[kept])
    # Pictures of single objects are not needed again, and of hundreds of pictures they would fill the memory.
    return replace(
        prediction,
        probabilities=best,
        detections=Detections(objects.boxes[kept], objects.scores[kept], objects.labels[kept]),
    )


def _thresholds(chosen: Mapping[str, float], labels: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(chosen.get(label, FALLBACK)) for label in labels)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
