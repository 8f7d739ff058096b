"""Objects of a detector's run: which count, what each is called. An object is a row, a picture without one is kept too."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import ModelCard
from tidelab.domain.prediction import Detections
from tidelab.domain.results import SCORE_DECIMALS

DEFAULT_THRESHOLD: Final = 0.25
"""Of a class for which the card gives none (`DetectionSpec.thresholds`)."""


@dataclass(frozen=True)
class Thresholds:
    """Score from which an object counts.

    Parameters
    ----------
    by_label
        One for each label of the card, in its order; rounded to the decimals in which scores are written.
    chosen
        Where they come from, in words.
    """

    by_label: tuple[float, ...]
    chosen: str

    @classmethod
    def of(cls, card: ModelCard, given: float | None) -> "Thresholds":
        """Return the thresholds of a run.

        Parameters
        ----------
        card
            Of the model.
        given
            One for all classes; None: those of the card.
        """
        if given is not None:
            # A control in steps of 0.05 gives 0.15000000000000002, and the person meant 0.15.
            return cls(
                (round(float(given), SCORE_DECIMALS),) * len(card.labels), "one for all classes, given"
            )
        known = card.detection.thresholds if card.detection else {}
        method = (card.detection.thresholds_method if card.detection else "").rstrip(".")
        values = tuple(round(known.get(label, DEFAULT_THRESHOLD), SCORE_DECIMALS) for label in card.labels)
        if known:
            return cls(values, f"as the model's card gives them{f': {method}' if method else ''}")
        return cls(values, f"{DEFAULT_THRESHOLD:g} for every class, for the model's card gives none")

    def above(self, found: Detections) -> npt.NDArray[np.bool_]:
        """Return which objects count, shape ``(m,)``; scores are compared *as written*, so that a reader of the table can repeat it."""
        limits = np.asarray(self.by_label)[found.labels] if len(found) else np.empty(0)
        scores = np.array([float(written(score)) for score in found.scores.tolist()])
        return np.asarray(scores >= limits, bool)

    def as_mapping(self, labels: Sequence[str]) -> dict[str, float]:
        """Return label -> threshold."""
        return dict(zip(labels, self.by_label, strict=True))


def written(score: float) -> str:
    """Return a score as the tables write it."""
    return f"{score:.{SCORE_DECIMALS}f}"


def object_ids(picture_id: str, found: Detections) -> list[str]:
    """Return what each stored object of a picture is called: ``<picture_id>@<x>,<y>,<width>,<height>`` in whole pixels.

    Objects of one picture with the same rounded box (two classes may claim one) get ``,2``, ``,3`` ... appended, best score first. The
    name depends on picture and box alone, so that a person's word on an object holds in another run of the same picture and model,
    whatever the threshold.
    """
    seen: Counter[str] = Counter()
    names = []
    for x_min, y_min, x_max, y_max in np.rint(found.boxes).astype(int).tolist():
        name = f"{picture_id}@{x_min},{y_min},{x_max - x_min},{y_max - y_min}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name},{seen[name]}")
    return names


def picture_of(object_id: str) -> str:
    """Return the picture_id of an object; of anything else what was given."""
    return object_id.partition("@")[0]


def kept_thumbnails(picture_id: str, found: Detections, thresholds: Thresholds) -> Mapping[str, bytes]:
    """Return object_id -> JPEG of the objects that count."""
    if not found.thumbnails:
        return {}
    shown = thresholds.above(found)
    names = object_ids(picture_id, found)
    return {
        name: jpeg
        for name, jpeg, is_shown in zip(names, found.thumbnails, shown.tolist(), strict=True)
        if is_shown and jpeg
    }
