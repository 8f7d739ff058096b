"""Train a YOLO detector, export it, compare the export, and choose its thresholds: what comes out is used like any bundle."""

import datetime
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.models.bundle import ModelBundle
from tidelab.models.detector import ObjectDetector, as_input
from tidelab.models.training_images import TrainingImages
from tidelab.science.letterbox import letterbox
from tidelab.science.splits import TRAIN, VALIDATION
from tidelab.training.decoding import read_file
from tidelab.training.detection_images import DetectionImages, Parts, detection_digest
from tidelab.training.progress import DetectorEpoch, OnDetectorEpoch, OnStep, ignore_detector, ignore_step
from tidelab.training.torch_export import DETECTOR_OUTPUTS, Parity, check_detector, detector_module, to_onnx
from tidelab.training.yolo_folder import write_yolo_folder
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_train import YoloResult, train_network

_COMPARED: Final = 6
"""Pictures that the export is compared on."""


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A detector after training.

    Parameters
    ----------
    card
        Its card; thresholds follow when they are chosen, quality, name and digests when it is saved.
    onnx
        The exported model.
    history
        One entry an epoch.
    seconds
        Time the training took.
    parameters
        Number of weights.
    parity
        Differences between the network and its export.
    weights
        The network's own weights (``.pt``), from which another training may start; never read by a service.
    learned_from
        Every picture it has seen: training and validation pictures.
    start_words, end_words
        Where the training started, and how it ended and what is kept, a sentence each.
    kept
        The epoch whose weights are kept; 0: not known.
    experiment
        Digest of settings, pictures and their division.
    """

    card: ModelCard
    onnx: bytes
    history: tuple[DetectorEpoch, ...] = ()
    seconds: float = 0.0
    parameters: int = 0
    parity: Parity = field(default_factory=lambda: Parity(0.0, 0.0))
    weights: bytes = b""
    learned_from: TrainingImages = field(default_factory=TrainingImages)
    start_words: str = ""
    end_words: str = ""
    kept: int = 0
    experiment: str = ""

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.card.title

    def detector(self, stored_from: float | None = None) -> ObjectDetector:
        """Return the predictor that lab, app and report use; `stored_from`: another least score than the card's."""
        card = self.card
        assert card.detection is not None
        if stored_from is not None:
            spec = card.detection.model_copy(update={"stored_from": stored_from})
            card = card.model_copy(update={"detection": spec})
        return ObjectDetector(ModelBundle(Path("(not saved yet)"), card, self.onnx, ""))

    def with_detection(self, **changes: object) -> "TrainedDetector":
        """Return it with other values of ``card.detection``."""
        assert self.card.detection is not None
        spec = DetectionSpec.model_validate({**self.card.detection.model_dump(), **changes})
        return replace(self, card=self.card.model_copy(update={"detection": spec}))


def train_detector(
    images: DetectionImages,
    parts: Parts,
    settings: YoloSettings,
    on_epoch: OnDetectorEpoch = ignore_detector,
    cancelled: Callable[[], bool] = lambda: False,
    on_step: OnStep = ignore_step,
) -> TrainedDetector:
    """Train a detector on the training pictures, keep the epoch that is best on the validation pictures, and export it.

    Parameters
    ----------
    images, parts
        Pictures with boxes, and ``train``, ``validation`` or ``test`` for each; test pictures are not looked at here.
    settings
        How to train.
    on_epoch, on_step
        Called after each epoch, and after each step.
    cancelled
        Asked after every step. Where it says so, the training ends there and the best epoch so far is kept.

    Raises
    ------
    ValueError
        When a class has no object in the training pictures, or there is no validation picture.
    ExportError
        When the export does not compute what the network computes.
    TrainingCancelled
        When `cancelled` said so before the first epoch was over.
    """
    began = time.monotonic()
    with TemporaryDirectory(prefix="tidelab-yolo-") as place:
        data = write_yolo_folder(images, parts, Path(place) / "data")
        result = train_network("detect", data, settings, Path(place) / "out", on_epoch, cancelled, on_step)
    seconds = time.monotonic() - began
    onnx, parity = _exported(result, images, parts, settings)
    used = np.flatnonzero((parts == TRAIN) | (parts == VALIDATION))
    return TrainedDetector(
        card=_card(images, settings, result, onnx),
        onnx=onnx,
        history=result.history,
        seconds=seconds,
        parameters=result.parameters,
        parity=parity,
        weights=result.weights,
        learned_from=TrainingImages(frozenset(one.digest for one in images.rows(used))),
        start_words=start_words(settings),
        end_words=result.words,
        kept=result.kept,
        experiment=experiment_of(settings, detection_digest(images, parts), result),
    )


def start_words(settings: YoloSettings) -> str:
    """Return where a YOLO training starts, in a sentence."""
    return f"It started from {settings.weights.name}." if settings.weights else "It started from scratch."


def experiment_of(settings: YoloSettings, data_digest: str, result: YoloResult) -> str:
    """Return the digest of settings, pictures and their division; a training that a person ended is an experiment of its own."""
    ended = f" ended after {len(result.history)}" if result.ended else ""
    return hashlib.sha256(f"{settings!r} {data_digest}{ended}".encode()).hexdigest()


def _exported(
    result: YoloResult, images: DetectionImages, parts: Parts, settings: YoloSettings
) -> tuple[bytes, Parity]:
    """Export a network and compare the export with it on validation pictures."""
    module = detector_module(result.network)
    shown = [
        read_file(one.file.parent, one.file.name)[0]
        for one in images.rows(np.flatnonzero(parts == VALIDATION)[:_COMPARED])
    ]
    inputs = [as_input(letterbox(pixels, settings.image_px)[0]) for pixels in shown]
    onnx = to_onnx(module, inputs[0], DETECTOR_OUTPUTS, free_sides=True)
    return onnx, check_detector(module, onnx, inputs)


def _card(images: DetectionImages, settings: YoloSettings, result: YoloResult, onnx: bytes) -> ModelCard:
    return ModelCard(
        name="unsaved",
        title=f"{settings.architecture} detector",
        use_case="",
        labels=images.labels,
        input=InputSpec(kind="image"),
        detection=DetectionSpec(size_px=settings.image_px),
        embedding_dim=_width(onnx),
        framework=result.framework,
        aphia_ids=dict(images.aphia_ids),
        seed=settings.seed,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _width(onnx: bytes) -> int:
    """Return the length of the embedding: what one small blank picture gives."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return int(session.run(["embedding"], {"image": np.zeros((1, 3, 64, 64), np.float32)})[0].shape[1])
