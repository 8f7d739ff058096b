"""Train one model of any kind: prepare the images, fit, export, compare the export, calibrate."""

import datetime
import time
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models.classifier import Feed, inputs_of
from tidelab.science.calibration import fit_temperature
from tidelab.science.preprocessing import Pixels, resize, square
from tidelab.science.splits import TRAIN, VALIDATION
from tidelab.training import forest, keras_export, keras_network
from tidelab.training.datasets import LabelledImages
from tidelab.training.progress import Epoch, OnEpoch, ignore
from tidelab.training.settings import Kind, TrainingSettings, input_spec
from tidelab.training.trained import TrainedModel, check_parity, rows

Parts = npt.NDArray[np.str_]


def train_model(
    kind: Kind,
    images: LabelledImages,
    parts: Parts,
    settings: TrainingSettings | None = None,
    on_epoch: OnEpoch = ignore,
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

    Returns
    -------
    TrainedModel
        The exported model with its temperature, fitted on the validation images.

    Raises
    ------
    ValueError
        When a class has no training image.
    ExportError
        When the exported model does not compute what the trained one does.
    """
    chosen = settings or TrainingSettings()
    train_rows, validation_rows = np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == VALIDATION)
    _check_classes(images, train_rows)
    spec = input_spec(kind, chosen)
    began = time.monotonic()
    used = np.concatenate([train_rows, validation_rows])
    feed = inputs_of([images.pixels[k] for k in used], spec)
    seen, held = rows(feed, np.arange(len(train_rows))), rows(feed, np.arange(len(train_rows), len(used)))
    truth = images.truth[train_rows], images.truth[validation_rows]
    if kind == "forest":
        onnx, expected, history, size = _forest(seen, held, truth[0], len(images.labels), chosen)
        framework = f"scikit-learn {version('scikit-learn')}"
    else:
        squares = squares_of([images.pixels[k] for k in train_rows], spec)
        onnx, expected, history, size = _network(
            squares, seen, held, truth, len(images.labels), spec, chosen, on_epoch
        )
        framework = f"keras {version('keras')}"
    card = _card(kind, images, spec, framework, onnx, chosen)
    raw = TrainedModel(kind, card, onnx)
    probabilities, _ = raw.classifier.probabilities(held) if len(validation_rows) else (expected, None)
    return TrainedModel(
        kind=kind,
        card=card.model_copy(update={"temperature": round(fit_temperature(probabilities, truth[1]), 4)}),
        onnx=onnx,
        history=tuple(history),
        seconds=time.monotonic() - began,
        parameters=size,
        parity=check_parity(expected, probabilities),
    )


def squares_of(pixels: list[Pixels], spec: InputSpec) -> Pixels:
    """Return images as the network sees them before normalisation: uint8 ``(n, size_px, size_px, 3)``."""
    return np.stack(
        [resize(square(one, spec.crop, spec.fill), spec.size_px, spec.resample) for one in pixels]
    )


Fitted = tuple[bytes, npt.NDArray[np.float32], list[Epoch], int]


def _forest(
    seen: Feed, held: Feed, truth: npt.NDArray[np.int64], n_labels: int, settings: TrainingSettings
) -> Fitted:
    model = forest.train(seen["features"], truth, settings)
    n_nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    expected = (
        forest.probabilities(model, held["features"], n_labels)
        if len(held["features"])
        else np.zeros((0, n_labels), np.float32)
    )
    return forest.to_onnx(model, seen["features"], n_labels), expected, [], int(n_nodes)


def _network(
    squares: Pixels,
    seen: Feed,
    held: Feed,
    truth: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    n_labels: int,
    spec: InputSpec,
    settings: TrainingSettings,
    on_epoch: OnEpoch,
) -> Fitted:
    model, history = keras_network.train(
        squares,
        seen.get("features"),
        truth[0],
        n_labels,
        (held, truth[1]),
        (spec.mean, spec.scale),
        settings,
        on_epoch,
    )
    expected = np.zeros((0, n_labels), np.float32)
    if len(truth[1]):
        expected = np.asarray(model.predict(held, verbose=0), np.float32)
    return (
        keras_export.to_onnx(model, model.get_layer(keras_network.EMBEDDING).output),
        expected,
        history,
        int(model.count_params()),
    )


def _check_classes(images: LabelledImages, train_rows: npt.NDArray[np.int64]) -> None:
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
    framework: str,
    onnx: bytes,
    settings: TrainingSettings,
) -> ModelCard:
    from onnx import load_model_from_string

    outputs = {
        value.name: value.type.tensor_type.shape for value in load_model_from_string(onnx).graph.output
    }
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
        framework=framework,
        seed=settings.seed,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _width_of(onnx: bytes, images: LabelledImages, spec: InputSpec) -> int:
    """Run one image where the exporter did not write the embedding's length."""
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    return int(session.run(["embedding"], inputs_of([images.pixels[0]], spec))[0].shape[1])
