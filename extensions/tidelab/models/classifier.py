"""Classify images with ONNX Runtime: the one predictor that lab, app and report share.

ONNX Runtime gives bit-identical results whatever the batch and the number of threads, needs no training framework and starts in
half a second; a test holds the first of these for every kind of model made here.
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from tidelab.domain.card import InputSpec
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Prediction
from tidelab.models.bundle import ModelBundle
from tidelab.models.errors import BundleError
from tidelab.models.thumbnail import thumbnail
from tidelab.science.calibration import apply_temperature
from tidelab.science.features import extractor
from tidelab.science.image_statistics import image_statistics
from tidelab.science.preprocessing import prepare

Feed = dict[str, npt.NDArray[np.float32]]

IMAGE_INPUT: Final = "image"
FEATURES_INPUT: Final = "features"
OUTPUTS: Final = ("probabilities", "embedding")
BATCH: Final = 32
_PROVIDER: Final = "CPUExecutionProvider"


def inputs_of(pixels: Sequence[npt.NDArray[np.uint8]], spec: InputSpec) -> Feed:
    """Prepare images as a model's card says.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, 3)`` RGB, of any sizes.
    spec
        ``card.input``.

    Returns
    -------
    dict
        ``image`` float32 ``(n, size_px, size_px, 3)`` and / or ``features`` float32 ``(n, f)``.
    """
    feed: Feed = {}
    if spec.kind != "features":
        feed[IMAGE_INPUT] = np.stack([prepare(one, **preparation(spec)) for one in pixels])
    if spec.kind != "image":
        measure = extractor(spec.features or "")
        feed[FEATURES_INPUT] = np.stack([measure(one) for one in pixels])
    return feed


def preparation(spec: InputSpec) -> dict[str, Any]:
    """Return the keyword arguments of `tidelab.science.preprocessing.prepare` for a card."""
    return spec.model_dump(include={"size_px", "crop", "fill", "resample", "mean", "scale"})


class ImageClassifier:
    """Predictor for ``image-classification``.

    Parameters
    ----------
    bundle
        A checked model bundle.
    threads
        Threads of ONNX Runtime for one call; by default ``TIDELAB_THREADS``, else 1, so that several runs on one machine do not
        fight over its cores. The results do not depend on it.

    Raises
    ------
    BundleError
        When ONNX Runtime cannot load the model or its inputs and outputs are not those the card promises.
    """

    INFERENCE_VERSION: ClassVar[str] = "1"
    SOURCES: ClassVar[tuple[str, ...]] = (
        "tidelab.models.classifier",
        "tidelab.models.thumbnail",
        "tidelab.science.calibration",
        "tidelab.science.features",
        "tidelab.science.image_statistics",
        "tidelab.science.preprocessing",
        "tidelab.science.region_features",
    )

    def __init__(self, bundle: ModelBundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.card = bundle.card
        self._session = _open(bundle, threads or int(os.environ.get("TIDELAB_THREADS", "1")))
        _check_signature(bundle, self._session)

    @property
    def runtime(self) -> str:
        """Name and version of what computes."""
        return f"onnxruntime {onnxruntime.__version__} {_PROVIDER}"

    def predict(self, images: Sequence[DecodedImage]) -> list[Prediction]:
        """Classify images; one prediction for each, in their order."""
        predictions: list[Prediction] = []
        for start in range(0, len(images), BATCH):
            predictions += self._predict_batch(images[start : start + BATCH])
        return predictions

    def probabilities(self, feed: Feed) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return calibrated probabilities ``(n, k)`` and embeddings ``(n, d)`` of prepared inputs (`inputs_of`)."""
        raw, embedding = self._session.run(list(OUTPUTS), feed)
        return apply_temperature(raw, self.card.temperature), np.asarray(embedding, np.float32)

    def _predict_batch(self, images: Sequence[DecodedImage]) -> list[Prediction]:
        pixels = [image.pixels for image in images]
        probabilities, embeddings = self.probabilities(inputs_of(pixels, self.card.input))
        return [
            Prediction(
                probabilities=np.array(row),
                embedding=np.array(vector),
                statistics=image_statistics(one),
                thumbnail=thumbnail(one),
            )
            for one, row, vector in zip(pixels, probabilities, embeddings, strict=True)
        ]


def _open(bundle: ModelBundle, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        # The bytes that were checked, not the path: the file may have changed since.
        return onnxruntime.InferenceSession(bundle.onnx, options, providers=[_PROVIDER])
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        first = str(error).splitlines()[0][:200]
        raise BundleError(
            f"{bundle.folder / 'model.onnx'} is not a model that ONNX Runtime can load ({first}). Export the model again."
        ) from None


def _check_signature(bundle: ModelBundle, session: Any) -> None:
    spec, card = bundle.card.input, bundle.card
    expected = (
        {IMAGE_INPUT}
        if spec.kind == "image"
        else {FEATURES_INPUT}
        if spec.kind == "features"
        else {IMAGE_INPUT, FEATURES_INPUT}
    )
    inputs, outputs = (
        {value.name for value in session.get_inputs()},
        {value.name for value in session.get_outputs()},
    )
    if inputs != expected or not outputs >= set(OUTPUTS):
        raise BundleError(
            f"{bundle.folder / 'model.onnx'} takes {sorted(inputs)} and gives {sorted(outputs)}; its card promises "
            f"{sorted(expected)} and {sorted(OUTPUTS)}. Export the model again."
        )
    blank = np.full((16, 16, 3), 128, np.uint8)
    try:
        shapes = [np.asarray(value).shape for value in session.run(list(OUTPUTS), inputs_of([blank], spec))]
    except Exception as error:  # shapes that do not fit, an unknown extractor
        first = str(error).splitlines()[0][:200]
        raise BundleError(
            f"The model in {bundle.folder} cannot take the input its card describes: {first}"
        ) from None
    if shapes != [(1, len(card.labels)), (1, card.embedding_dim)]:
        raise BundleError(
            f"The model in {bundle.folder} gives shapes {shapes}; its card has {len(card.labels)} labels and embeddings of "
            f"length {card.embedding_dim}. Export the model again."
        )
