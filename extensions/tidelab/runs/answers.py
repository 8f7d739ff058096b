"""What a predictor answered, checked before anything believes it, and joined with what was measured."""

from dataclasses import replace
from typing import Final

import numpy as np

from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections, Prediction
from tidelab.runs.failures import InputError
from tidelab.runs.items import Finding
from tidelab.runs.measuring import Measured

_LEAST_SIDE_PX: Final = 0.01


def checked(answer: Prediction, n_labels: int, finding: Finding | None) -> Prediction | InputError:
    """Return an answer that can be kept, or why it cannot.

    Parameters
    ----------
    answer
        Of the predictor.
    n_labels
        Classes of the model's card.
    finding
        Of a detector; None for a model that names images.
    """
    if answer.probabilities.shape != (n_labels,):
        return InputError("model-refused", detail="it gave another number of classes than its card says")
    if not (np.isfinite(answer.probabilities).all() and np.isfinite(answer.embedding).all()):
        return InputError("model-refused", detail="it gave values that are not numbers")
    problem = _wrong_objects(answer.detections, n_labels) if finding is not None else ""
    return InputError("model-refused", detail=problem) if problem else answer


def joined(
    image: DecodedImage, measured: Measured, answer: Prediction | InputError
) -> Prediction | InputError:
    """Return the answer with the measures among its statistics; of a detector also with the picture's size, its objects inside it."""
    if isinstance(answer, InputError):
        return answer
    statistics = {**answer.statistics, **measured.numbers}
    if answer.detections is not None:
        height, width = image.pixels.shape[:2]
        statistics |= {"width_px": float(width), "height_px": float(height)}
        answer = replace(answer, detections=inside_picture(answer.detections, width, height))
    return replace(answer, statistics=statistics)


def _wrong_objects(found: Detections | None, n_labels: int) -> str:
    if found is None:
        return "it looked for no objects, and the use case says that it does"
    if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
        return "it gave objects whose boxes or scores are not numbers"
    if not set(found.labels.tolist()) <= set(range(n_labels)):
        return "it gave objects of classes that its card does not name"
    return ""


def inside_picture(found: Detections, width: int, height: int) -> Detections:
    """Return the objects clipped to their picture, without those that have no area in it (less than a hundredth of a pixel).

    Parameters
    ----------
    found
        Objects of one picture.
    width, height
        Of the picture, pixels.
    """
    boxes = found.boxes.copy()
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
    kept = np.flatnonzero(((boxes[:, 2:] - boxes[:, :2]) >= _LEAST_SIDE_PX).all(axis=1))
    if len(kept) == len(found) and (boxes == found.boxes).all():
        return found
    pictures = tuple(found.thumbnails[index] for index in kept.tolist()) if found.thumbnails else ()
    return Detections(boxes[kept], found.scores[kept], found.labels[kept], pictures)
