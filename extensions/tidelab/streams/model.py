"""The detector of a use case, loaded once, and what it sees in pictures: the same model, predictor and thresholds as in a run."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tidelab.catalogue import UseCase
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections, Prediction
from tidelab.models import Predictor, load_predictor
from tidelab.models.detector import ObjectDetector
from tidelab.models.resolve import ResolvedModel, resolve_model
from tidelab.runs.answers import checked, joined
from tidelab.runs.failures import InputError
from tidelab.runs.items import Finding
from tidelab.runs.measuring import Measured
from tidelab.runs.names import spreadsheet_safe
from tidelab.runs.objects import Thresholds
from tidelab.runs.tables import aphia_ids
from tidelab.streams.errors import StreamError


@dataclass(frozen=True)
class Classes:
    """The classes a detector knows.

    Parameters
    ----------
    labels
        As the card writes them, in its order.
    shown
        As tables write them.
    titles
        As people read them.
    taxa
        As series of counts name them: the scientific name where there is one (`tidelab.formats.timeseries`).
    aphia
        AphiaID of each as text; empty: none.
    thresholds
        Scores from which objects count.
    """

    labels: tuple[str, ...]
    shown: tuple[str, ...]
    titles: tuple[str, ...]
    taxa: tuple[str, ...]
    aphia: tuple[str, ...]
    thresholds: Thresholds

    def __len__(self) -> int:
        return len(self.labels)

    def above(self, found: Detections) -> npt.NDArray[np.bool_]:
        """Say of each object whether it counts."""
        return self.thresholds.above(found)

    def counts(self, found: Detections) -> npt.NDArray[np.int64]:
        """Return the objects of each class at or above its threshold, shape ``(n_labels,)``."""
        return np.bincount(found.labels[self.above(found)], minlength=len(self)).astype(np.int64)


class StreamModel:
    """A detector that is ready.

    Parameters
    ----------
    use_case
        The use case; it must look for objects.
    resolved
        Its model.
    predictor
        What computes.
    threshold
        One least score for all classes; None: those of the model's card.
    """

    def __init__(
        self,
        use_case: UseCase,
        resolved: ResolvedModel,
        predictor: Predictor,
        threshold: float | None = None,
    ) -> None:
        self.use_case, self.resolved, self.predictor, self.threshold = (
            use_case,
            resolved,
            predictor,
            threshold,
        )
        self.classes = _classes(use_case, resolved, threshold)
        threads = predictor.threads if type(predictor) is ObjectDetector else 1
        self._pool = ThreadPoolExecutor(threads, "stream-detect") if threads > 1 else None

    @classmethod
    def load(
        cls,
        use_case: UseCase,
        choice: str = "champion",
        *,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> "StreamModel":
        """Find and load the model of a use case.

        Parameters
        ----------
        use_case
            A use case of the kind object-detection.
        choice
            As `tidelab.models.resolve.resolve_model` takes it.
        threshold
            One least score for all classes; None: as a run decides by default, by the declared value of the parameter ``threshold``
            of `analyse`, else by the model's card.
        threads
            Threads of the inference; None: as the predictor decides.

        Raises
        ------
        StreamError
            When the use case looks for no objects, or the threshold is none.
        ModelError
            When there is no model.
        """
        if not use_case.task.finds_objects:
            raise StreamError(
                f"{use_case.slug} names whole pictures ({use_case.task.kind}); video, watch and live count objects and need a use case "
                "of the kind object-detection. See `tidelab list`."
            )
        if threshold is not None and not 0 <= threshold <= 1:
            raise StreamError(f"The threshold {threshold:g} is no score: expected a number from 0 to 1.")
        resolved = resolve_model(use_case, choice)
        if resolved.bundle.card.detection is None:
            raise StreamError(
                f"The model in {resolved.bundle.folder} is no detector: its card has no `detection`. Choose a detector with --model."
            )
        spec, search = use_case.task.predictor, [str(use_case.source_folder)]
        predictor = load_predictor(resolved.bundle, spec, threads=threads, search=search)
        return cls(use_case, resolved, predictor, _declared(use_case) if threshold is None else threshold)

    def look(self, images: Sequence[DecodedImage]) -> list[Prediction | InputError]:
        """Return what is seen in each picture, objects inside it, or why the model could not use it.

        When a batch fails its pictures are tried one by one, so that one costs itself alone.
        """
        if not images:
            return []
        try:
            answers = list(self.predictor.predict(images))
            if len(answers) != len(images):
                raise ValueError(f"{len(answers)} answers for {len(images)} pictures")
        except Exception as error:
            # A predictor may be a use case's own code: whatever it raises costs this picture alone.
            if len(images) == 1:
                return [
                    InputError(
                        "model-refused", detail=" ".join(str(error).split())[:150] or type(error).__name__
                    )
                ]
            return [answer for image in images for answer in self.look([image])]
        finding, nothing = Finding(self.classes.thresholds), Measured()
        return [
            joined(image, nothing, checked(answer, len(self.classes), finding))
            for image, answer in zip(images, answers, strict=True)
        ]

    def seen(self, images: Sequence[DecodedImage]) -> list[Detections | InputError]:
        """Return the objects in each picture, or why the model could not use it.

        The same as those of :meth:`look`; the toolkit's own detector leaves out what video has no use for (thumbnails, statistics).
        """
        # A subclass may predict in its own way.
        if type(self.predictor) is not ObjectDetector:
            return [_objects(answer) for answer in self.look(images)]
        if self._pool is None or len(images) < 2:
            return [self._found(image) for image in images]
        return list(self._pool.map(self._found, images))

    def _found(self, image: DecodedImage) -> Detections | InputError:
        assert isinstance(self.predictor, ObjectDetector)
        try:
            found = self.predictor.find(image.pixels)
        except Exception as error:
            return InputError(
                "model-refused", detail=" ".join(str(error).split())[:150] or type(error).__name__
            )
        bare = Prediction(
            np.zeros(len(self.classes), np.float32), found.embedding, detections=found.detections
        )
        answer = checked(bare, len(self.classes), Finding(self.classes.thresholds))
        return _objects(joined(image, Measured(), answer))

    def described(self) -> Mapping[str, object]:
        """Return what a manifest says of the model."""
        card = self.resolved.bundle.card
        return {
            "name": self.resolved.name,
            "version": self.resolved.version,
            "source": self.resolved.source,
            "digest": self.resolved.bundle.digest,
            "demo": card.demo,
            "words": self.resolved.words,
            "runtime": self.predictor.runtime,
            "labels": list(card.labels),
            "thresholds": self.classes.thresholds.as_mapping(self.classes.labels),
            "thresholds_chosen": self.classes.thresholds.chosen,
        }


def _objects(answer: Prediction | InputError) -> Detections | InputError:
    if isinstance(answer, InputError):
        return answer
    assert answer.detections is not None  # checked: the use case says that it looks for objects
    return answer.detections


def _declared(use_case: UseCase) -> float | None:
    notebook = use_case.notebooks.get("analyse")
    parameter = notebook.parameters.get("threshold") if notebook else None
    value = parameter.default if parameter else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _classes(use_case: UseCase, resolved: ResolvedModel, threshold: float | None) -> Classes:
    card = resolved.bundle.card
    shown = tuple(spreadsheet_safe(label) for label in card.labels)
    aphia = aphia_ids(use_case, card)
    declared = {label.name: label for label in use_case.labels}
    titles = {name: label.shown for name, label in declared.items()}
    taxa = {name: label.taxon_name for name, label in declared.items()}
    return Classes(
        labels=card.labels,
        shown=shown,
        titles=tuple(titles.get(label, label) for label in card.labels),
        taxa=tuple(spreadsheet_safe(taxa.get(label) or label) for label in card.labels),
        aphia=tuple(aphia.get(label, "") for label in shown),
        thresholds=Thresholds.of(card, threshold),
    )
