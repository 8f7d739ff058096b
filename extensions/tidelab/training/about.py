"""What goes into every bundle of a trained model, whatever kind it is: words of its card, and the drift reference of its test images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tidelab.domain.card import ModelCard, Quality
from tidelab.domain.prediction import Prediction
from tidelab.drift import Reference
from tidelab.models.bundle import REFERENCE

NO_PICTURES: Final = ". The model carries no pictures of them, as the use case's data policy says"


@dataclass(frozen=True)
class About:
    """What is said of a model when it is saved; the fields are those of the card.

    Parameters
    ----------
    created, title
        None: as the training says.
    pictures
        Whether small pictures of test images go into the drift reference, where whoever uses the model can see them.
    """

    use_case: str
    name: str
    data_summary: str
    created_by: str = ""
    demo: bool = False
    created: str | None = None
    title: str | None = None
    licence: str = ""
    pictures: bool = True

    def card(self, card: ModelCard, quality: Quality, data_digest: str) -> ModelCard:
        """Return the card of a training with all that was not known there; the digests of files follow when it is written."""
        return card.model_copy(
            update={
                "name": self.name,
                "use_case": self.use_case,
                "title": self.title or card.title,
                "demo": self.demo,
                "quality": quality,
                "data_digest": data_digest,
                "data_summary": self.data_summary + ("" if self.pictures else NO_PICTURES),
                "created_by": self.created_by,
                "created": self.created or card.created,
                "licence": self.licence,
            }
        )

    def reference(
        self, labels: Sequence[str], predictions: Sequence[Prediction], sample_ids: Sequence[str]
    ) -> bytes:
        """Return the drift reference of predictions on test images, as the bytes of its file."""
        shown = [one if self.pictures else replace(one, thumbnail=b"") for one in predictions]
        found = Reference.from_predictions(shown, list(labels), list(sample_ids))
        with TemporaryDirectory() as scratch:
            return found.save(Path(scratch) / REFERENCE).read_bytes()
