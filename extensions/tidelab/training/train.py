"""Train one model of any kind: prepare the images, fit, export, compare the export, calibrate."""

import datetime
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models.classifier import Feed, inputs_of
from tidelab.models.training_images import TrainingImages
from tidelab.science.preprocessing import Pixels, fitted
from tidelab.science.splits import TRAIN, VALIDATION
from tidelab.training import forest, keras_export, keras_network
from tidelab.training.calibrating import divide, temperature_of
from tidelab.training.datasets import LabelledImages, data_digest
from tidelab.training.progress import Epoch, OnEpoch, ignore
from tidelab.training.settings import Kind, TrainingSettings, architecture_of, input_spec
from tidelab.training.starting import SCRATCH, Start
from tidelab.training.trained import TrainedModel, check_parity, rows
from tidelab.training.weights import Weights, merged

Parts = npt.NDArray[np.str_]


def train_model(
    kind: Kind,
    images: LabelledImages,
    parts: Parts,
    settings: TrainingSettings | None = None,
    on_epoch: OnEpoch = ignore,
    start: Start = SCRATCH,
    cancelled: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    """Train, export and calibrate a model.

    Parameters
    ----------
    kind
        ``network``, ``network+features`` or ``forest``.
    images
        Labelled images.
    parts
        ``train``, ``validation`` or ``test`` for each; test images are not looked at here.
    settings
        How to train; the defaults suit some hundred images.
    on_epoch
        Called after each epoch of a network.
    start
        Where a network starts; a forest always starts anew.
    cancelled
        Asked after each epoch of a network; where it says so, the training ends there with its best epoch so far.

    Returns
    -------
    TrainedModel
        The exported model with its temperature, fitted on validation images where there are enough of them (`calibrating`).

    Raises
    ------
    ValueError
        When a class has no training image.
    ExportError
        When the exported model does not compute what the trained one does.
    """
    chosen = settings or TrainingSettings()
    train_rows, validation_rows = np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == VALIDATION)
    check_classes(images, train_rows)
    spec = input_spec(kind, chosen)
    began = time.monotonic()
    seen, held = _inputs(images, train_rows, validation_rows, spec)
    truth = images.truth[validation_rows]
    stopping = kind != "forest"
    samples = tuple(images.sample_ids[k] for k in validation_rows)
    divided = divide(truth, samples, chosen.seed, stopping=stopping)
    if stopping:
        stop = rows(held, divided.stop), truth[divided.stop]
        fitted = _network(images, train_rows, seen, held, stop, spec, chosen, on_epoch, start, cancelled)
    else:
        fitted = _forest(seen, held, images.truth[train_rows], len(images.labels), chosen)
    card = _card(kind, images, spec, fitted.onnx, chosen)
    raw = TrainedModel(kind, card, fitted.onnx)
    probabilities, _ = raw.classifier.probabilities(held) if len(validation_rows) else (fitted.expected, None)
    temperature, calibration = temperature_of(probabilities, truth, divided, stopping=stopping)
    begun = start if fitted.weights is not None else SCRATCH
    used = np.concatenate([train_rows, validation_rows])
    found = {"temperature": temperature, "calibration": calibration, "started_from": begun.digest}
    return TrainedModel(
        kind=kind, card=card.model_copy(update=found), onnx=fitted.onnx, history=tuple(fitted.history), seconds=time.monotonic() - began,
        parameters=fitted.size, parity=check_parity(fitted.expected, probabilities), weights=fitted.weights,
        learned_from=TrainingImages(frozenset(images.digests[k] for k in used) | begun.learned_from.digests),
        start_words=fitted.start_words,
        experiment=hashlib.sha256(f"{chosen!r} {data_digest(images, parts)}{_ended(fitted.history)}".encode()).hexdigest(),
    )  # fmt: skip


def ended_words(last: Epoch) -> str:
    """Return what a person did who ended a training in its last epoch so far, in a sentence."""
    return f"It was ended after epoch {last.number} of {last.total}; of those the best on the validation images is kept, where there are enough."


def _ended(history: Sequence[Epoch]) -> str:
    """Return what makes a training that was ended an experiment of its own; empty for a whole one."""
    whole = not history or history[-1].number == history[-1].total
    return "" if whole else f" ended after {history[-1].number}"


def squares_of(pixels: list[Pixels], spec: InputSpec) -> Pixels:
    """Return images as the network sees them before normalisation: uint8 ``(n, size_px, size_px, 3)``."""
    return np.stack(
        [
            fitted(one, size_px=spec.size_px, crop=spec.crop, fill=spec.fill, resample=spec.resample)
            for one in pixels
        ]
    )


def _inputs(
    images: LabelledImages,
    train_rows: npt.NDArray[np.int64],
    validation_rows: npt.NDArray[np.int64],
    spec: InputSpec,
) -> tuple[Feed, Feed]:
    """Return training and validation images as the model takes them."""
    used = np.concatenate([train_rows, validation_rows])
    feed = inputs_of([images.pixels[k] for k in used], spec)
    count = len(train_rows)
    return rows(feed, np.arange(count)), rows(feed, np.arange(count, len(used)))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """What a training leaves: the export, and what the trained model says of the validation images."""

    onnx: bytes
    expected: npt.NDArray[np.float32]
    size: int
    history: list[Epoch] = field(default_factory=list)
    weights: Weights | None = None
    start_words: str = ""


def _forest(
    seen: Feed, held: Feed, truth: npt.NDArray[np.int64], n_labels: int, settings: TrainingSettings
) -> _Fitted:
    model = forest.train(seen["features"], truth, settings)
    n_nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    expected = (
        forest.probabilities(model, held["features"], n_labels)
        if len(held["features"])
        else np.zeros((0, n_labels), np.float32)
    )
    return _Fitted(forest.to_onnx(model, seen["features"], n_labels), expected, int(n_nodes))


def _network(
    images: LabelledImages,
    train_rows: npt.NDArray[np.int64],
    seen: Feed,
    held: Feed,
    stop: tuple[Feed, npt.NDArray[np.int64]],
    spec: InputSpec,
    settings: TrainingSettings,
    on_epoch: OnEpoch,
    start: Start,
    cancelled: Callable[[], bool],
) -> _Fitted:
    labels, squares = images.labels, squares_of([images.pixels[k] for k in train_rows], spec)
    kind: Kind = "network" if spec.kind == "image" else "network+features"
    words = start.words

    def prepare(fresh: list[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        nonlocal words
        assert start.weights is not None
        arrays, head = merged(fresh, start.weights, labels)
        words = f"{start.words} {head}"
        return arrays

    model, history = keras_network.train(
        squares,
        seen.get("features"),
        images.truth[train_rows],
        len(labels),
        stop,
        (spec.mean, spec.scale),
        settings,
        on_epoch,
        prepare if start.weights is not None else None,
        cancelled,
    )
    if history[-1].number < history[-1].total:
        words += f" {ended_words(history[-1])}"
    expected = np.zeros((0, len(labels)), np.float32)
    if len(next(iter(held.values()))):
        expected = np.asarray(model.predict(held, verbose=0), np.float32)
    arrays = tuple(np.asarray(one, np.float32) for one in model.get_weights())
    names = tuple(f"{number:03d}/{one.path.rsplit('/', 1)[-1]}" for number, one in enumerate(model.weights))
    return _Fitted(
        keras_export.to_onnx(model, model.get_layer(keras_network.EMBEDDING).output),
        expected,
        int(model.count_params()),
        history,
        Weights(architecture_of(kind, settings), labels, names, arrays),
        words,
    )


def check_classes(images: LabelledImages, train_rows: npt.NDArray[np.int64]) -> None:
    """Raise `ValueError` when a class has no training image."""
    missing = sorted(set(range(len(images.labels))) - set(images.truth[train_rows].tolist()))
    if missing:
        names = ", ".join(images.labels[k] for k in missing)
        raise ValueError(
            f"no training image of {names}. Every class needs at least one image in the training part: add images, "
            "leave the class out, or choose another split."
        )


def _card(
    kind: Kind,
    images: LabelledImages,
    spec: InputSpec,
    onnx: bytes,
    settings: TrainingSettings,
) -> ModelCard:
    from onnx import load_model_from_string

    outputs = {
        value.name: value.type.tensor_type.shape for value in load_model_from_string(onnx).graph.output
    }
    library = "scikit-learn" if kind == "forest" else "keras"
    titles = {
        "network": "Small Xception network",
        "network+features": "Small Xception network with region features",
        "forest": "Random forest",
    }
    return ModelCard(
        name="unsaved",
        title=titles[kind],
        use_case="",
        labels=images.labels,
        input=spec,
        embedding_dim=int(outputs["embedding"].dim[1].dim_value) or _width_of(onnx, images, spec),
        framework=f"{library} {version(library)}",
        seed=settings.seed,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _width_of(onnx: bytes, images: LabelledImages, spec: InputSpec) -> int:
    """Run one image where the exporter did not write the embedding's length."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return int(session.run(["embedding"], inputs_of([images.pixels[0]], spec))[0].shape[1])
