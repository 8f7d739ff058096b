"""Train a YOLO classifier on labelled images; what comes out is a `TrainedModel` like any other, with the same steps after it."""

import datetime
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models.classifier import inputs_of
from tidelab.models.training_images import TrainingImages
from tidelab.science.splits import TRAIN, VALIDATION
from tidelab.training.calibrating import divide, temperature_of
from tidelab.training.datasets import LabelledImages, data_digest
from tidelab.training.detector_training import experiment_of, start_words
from tidelab.training.progress import DetectorEpoch, Epoch, OnDetectorEpoch, OnEpoch, ignore
from tidelab.training.torch_export import (
    CLASSIFIER_OUTPUTS,
    Parity,
    check_classifier,
    classifier_module,
    to_onnx,
)
from tidelab.training.train import check_classes
from tidelab.training.trained import TrainedModel
from tidelab.training.yolo_settings import YoloSettings
from tidelab.training.yolo_train import YoloResult, train_network

LARGEST_PX: Final = 1024
_COMPARED: Final = 16

Rows = npt.NDArray[np.int64]


def classifier_spec(image_px: int) -> InputSpec:
    """Return how ultralytics prepares pictures for a classifier: shorter side to `image_px`, centre cut out, 0 to 1."""
    return InputSpec(
        kind="image",
        size_px=image_px,
        crop="shorter-side",
        resample="bilinear",
        mean=(0.0,) * 3,
        scale=(255.0,) * 3,
    )


def train_classifier(
    images: LabelledImages,
    parts: npt.NDArray[np.str_],
    settings: YoloSettings,
    on_epoch: OnEpoch = ignore,
    cancelled: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    """Train, export, compare and calibrate a YOLO classifier.

    Parameters
    ----------
    images, parts
        Labelled images, and ``train``, ``validation`` or ``test`` for each; test images are not looked at here.
    settings
        How to train; `image_px` is the side of the square.
    on_epoch
        Called after each epoch.
    cancelled
        Asked after every step. Where it says so, the training ends there and the best epoch so far is kept.

    Raises
    ------
    ValueError
        When a class has no training image, or there is no validation image, or the input is too large.
    ExportError
        When the export does not compute what the network computes.
    TrainingCancelled
        When `cancelled` said so before the first epoch was over.
    """
    train_rows, validation_rows = np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == VALIDATION)
    _check(images, settings, train_rows, validation_rows)
    truth = images.truth[validation_rows]
    samples = tuple(images.sample_ids[k] for k in validation_rows)
    divided = divide(truth, samples, settings.seed, stopping=True)
    began = time.monotonic()
    with TemporaryDirectory(prefix="tidelab-yolo-") as place:
        data = Path(place) / "data"
        _write(images, train_rows, data / "train")
        _write(images, validation_rows[divided.stop], data / "val")
        result = train_network("classify", data, settings, Path(place), _telling(on_epoch), cancelled)
    spec = classifier_spec(settings.image_px)
    held = inputs_of([images.pixels[k] for k in validation_rows], spec)
    onnx, parity = _exported(result, held["image"])
    raw = TrainedModel("yolo", _card(images, settings, result, spec), onnx)
    probabilities, _ = raw.classifier.probabilities(held)
    temperature, words = temperature_of(probabilities, truth, divided, stopping=True)
    used = np.concatenate([train_rows, validation_rows])
    return TrainedModel(
        kind="yolo",
        card=raw.card.model_copy(update={"temperature": temperature, "calibration": words}),
        onnx=onnx,
        history=tuple(_epoch(one) for one in result.history),
        seconds=time.monotonic() - began,
        parameters=result.parameters,
        parity=parity.scores,
        learned_from=TrainingImages(frozenset(images.digests[k] for k in used)),
        start_words=f"{start_words(settings)} {result.words}",
        experiment=experiment_of(settings, data_digest(images, parts), result),
    )


def _exported(result: YoloResult, held: npt.NDArray[np.float32]) -> tuple[bytes, Parity]:
    """Export a network and compare the export with it on validation images."""
    module = classifier_module(result.network)
    onnx = to_onnx(module, held[:2], CLASSIFIER_OUTPUTS, free_sides=False)
    return onnx, check_classifier(module, onnx, [held[:_COMPARED]])


def _check(images: LabelledImages, settings: YoloSettings, train_rows: Rows, validation_rows: Rows) -> None:
    if settings.image_px > LARGEST_PX:
        raise ValueError(f"image_px: {settings.image_px}, a classifier takes at most {LARGEST_PX}")
    check_classes(images, train_rows)
    if not len(validation_rows):
        raise ValueError(
            "there is no validation image, and YOLO keeps the epoch that is best on them. Choose a larger share."
        )


def _write(images: LabelledImages, rows: Rows, folder: Path) -> None:
    """Write images as ultralytics reads them; the folders' names sort in the order of the labels, every class has one."""
    for k in range(len(images.labels)):
        (folder / f"c{k:05d}").mkdir(parents=True)
    for row in rows.tolist():
        file = folder / f"c{images.truth[row]:05d}" / f"{row:07d}.png"
        Image.fromarray(images.pixels[row]).save(file, compress_level=1)


def _telling(on_epoch: OnEpoch) -> OnDetectorEpoch:
    return lambda epoch: on_epoch(_epoch(epoch))


def _epoch(epoch: DetectorEpoch) -> Epoch:
    return Epoch(
        epoch.number,
        epoch.total,
        epoch.loss,
        None,
        epoch.validation_loss,
        epoch.measures.get("accuracy"),
        epoch.seconds,
    )


def _card(images: LabelledImages, settings: YoloSettings, result: YoloResult, spec: InputSpec) -> ModelCard:
    return ModelCard(
        name="unsaved",
        title=f"{settings.architecture} classifier",
        use_case="",
        labels=images.labels,
        input=spec,
        embedding_dim=int(result.network.model[-1].linear.in_features),
        framework=result.framework,
        seed=settings.seed,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
