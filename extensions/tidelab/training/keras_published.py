"""Turn Keras weights into a bundle: a person's own ``.keras`` or ``.h5``, or published ones.

A Keras file can hold code. It is opened with ``safe_mode``, which refuses that, and only in the server of the person who brought it:
never by the hub, an app or another shared service. What comes out is a bundle, which is data.
"""

import datetime
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models.bundle import MODEL, ModelBundle, write_bundle
from tidelab.models.classifier import ImageClassifier
from tidelab.models.errors import ModelError
from tidelab.training.datasets import read_classes
from tidelab.training.keras_export import embedding_of, to_onnx
from tidelab.training.keras_setup import import_keras
from tidelab.training.own_server import check_own_server
from tidelab.training.trained import TrainedModel, check_parity

_TORCH: Final = frozenset({".pt", ".pth", ".ckpt", ".safetensors"})


def load_weights(path: Path | str) -> Any:
    """Open a Keras model file in the person's own server.

    Parameters
    ----------
    path
        ``.keras`` or ``.h5`` with architecture and weights.

    Raises
    ------
    ModelError
        For another format, a file with code in it, weights without a network, or in a shared service.
    """
    check_own_server("Keras files")
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    if suffix in _TORCH:
        raise ModelError(
            f"{file.name} is a PyTorch file. YOLO weights are brought in with tidelab.training.torch_published, in the kernel "
            "'Tidelab: PyTorch'; of other networks, ask for ONNX or Keras weights (.keras or .h5)."
        )
    if suffix not in (".keras", ".h5", ".hdf5"):
        raise ModelError(f"{file.name}: expected Keras weights (.keras or .h5).")
    if not file.is_file():
        raise ModelError(f"{file} does not exist.")
    keras = import_keras()
    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        raise ModelError(f"{file.name} cannot be opened: {_reason(error)}") from None


def convert(
    weights: Path | str,
    folder: Path | str,
    *,
    labels: Sequence[str] | Path,
    input_spec: InputSpec,
    use_case: str,
    name: str,
    title: str,
    aphia_ids: Path | None = None,
    source: str = "",
    licence: str = "",
    citation: str = "",
    created_by: str = "",
) -> ModelBundle:
    """Convert Keras weights into a bundle, compare the two on random images, and write it.

    Parameters
    ----------
    weights
        ``.keras`` or ``.h5``.
    folder
        Bundle folder.
    labels
        Class names in the order of the model's output, or a ``classes.txt`` with one a line.
    input_spec
        How its authors turned pixels into its input.
    use_case, name, title, source, licence, citation, created_by
        For the card; `source` is DOI or URL with the sha256.
    aphia_ids
        File with one AphiaID a line in the same order; lines that are no number mean that the class has none.

    Raises
    ------
    ModelError
        When the file, the class list or the shape of the model do not fit.
    ExportError
        When the export does not compute what the model computes.
    """
    names = read_classes(labels) if isinstance(labels, Path) else tuple(labels)
    model = load_weights(weights)
    _check_shape(model, names, input_spec)
    embedding = embedding_of(model)
    card = ModelCard(
        name=name, title=title, use_case=use_case, labels=names, input=input_spec, embedding_dim=int(embedding.shape[-1]),
        framework=f"keras {version('keras')}", created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        created_by=created_by, licence=licence, citation=citation, source=source,
        aphia_ids=read_aphia_ids(aphia_ids, names) if aphia_ids else {},
        data_summary="Published weights; what they were trained on stands in their source. No drift reference yet.",
    )  # fmt: skip
    onnx = to_onnx(model, embedding)
    _check_probabilities(model, TrainedModel("network", card, onnx).classifier, input_spec)
    return write_bundle(Path(folder).expanduser(), card, {MODEL: onnx})


def read_aphia_ids(path: Path, labels: Sequence[str]) -> dict[str, int]:
    """Read one AphiaID a line in label order; classes whose line is no number (text, empty) are left out."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}). Expected one AphiaID a line.") from None
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) != len(labels):
        raise ModelError(
            f"{path} has {len(lines)} lines for {len(labels)} classes; expected one AphiaID (or text) for each, in their order."
        )
    return {
        label: int(line)
        for label, line in zip(labels, lines, strict=True)
        if line.isdigit() and int(line) > 0
    }


def _check_shape(model: Any, labels: Sequence[str], spec: InputSpec) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"The model has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected one image and one list of scores."
        )
    shape, outputs = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if (
        len(shape) != 4
        or shape[3] != 3
        or shape[1] not in (None, spec.size_px)
        or shape[2] not in (None, spec.size_px)
    ):
        raise ModelError(
            f"The model takes images of shape {shape[1:]}; the preprocessing gives ({spec.size_px}, {spec.size_px}, 3). Correct size_px."
        )
    if len(outputs) != 2 or outputs[1] != len(labels):
        raise ModelError(
            f"The model gives {outputs[-1]} scores, the class list has {len(labels)} names. Use the class list that belongs to it."
        )


def _check_probabilities(model: Any, classifier: ImageClassifier, spec: InputSpec) -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.6, (8, spec.size_px, spec.size_px, 3)).astype(np.float32)
    expected = np.asarray(model.predict(images, verbose=0), np.float32)
    if (expected < 0).any() or not np.allclose(expected.sum(axis=1), 1, atol=1e-3):
        raise ModelError(
            "The model's scores are no probabilities (they do not add up to 1), so it lacks its softmax. Add it and save again."
        )
    check_parity(expected, classifier.probabilities({"image": images})[0])


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    lowered = text.lower()
    if (
        "lambda" in lowered
        or "safe_mode" in lowered
        or "unsafe" in lowered
        or ("deserializ" in lowered and "module" in lowered)
    ):
        return "it holds program code or a layer of its authors' own (a Lambda layer, for example), which is never run. Ask for a file without it."
    if "no model config" in lowered or "model config" in lowered:
        return (
            "it holds weights without the network they belong to. Ask for the file that `model.save` writes."
        )
    return (
        text[:240] or type(error).__name__
    ) + " Expected a whole model as `model.save` of Keras writes it."
