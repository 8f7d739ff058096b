"""Find objects in pictures: the one predictor of detectors that lab, app, report, video and live sources share.

Each picture is letterboxed, computed and cleaned of double boxes by itself, on one thread; several threads take several pictures. What is
found in a picture therefore never depends on which other pictures came with it.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from tidelab.domain.card import DetectionSpec
from tidelab.domain.image import DecodedImage
from tidelab.domain.prediction import Detections, Prediction
from tidelab.models.bundle import ModelBundle
from tidelab.models.errors import BundleError
from tidelab.models.runtimes import Array, Runtime, open_runtime
from tidelab.models.thumbnail import thumbnail
from tidelab.science.image_statistics import image_statistics
from tidelab.science.letterbox import STRIDE, Placement, letterbox
from tidelab.science.suppression import suppress

Pixels = npt.NDArray[np.uint8]

IMAGE_INPUT: Final = "image"
OUTPUTS: Final = ("boxes", "scores", "embedding")
AROUND: Final = 0.1
"""What a thumbnail shows around a box, as a share of its longer side."""

_LEAST_SIDE_PX: Final = 0.01


@dataclass(frozen=True)
class Found:
    """What a network says of one picture, before thumbnails are made.

    Parameters
    ----------
    detections
        The objects, boxes in pixels of the picture.
    embedding
        float32 ``(d,)``.
    seen
        The picture as the network saw it, without the grey: uint8 ``(height, width, 3)``.
    """

    detections: Detections
    embedding: Array
    seen: Pixels


class ObjectDetector:
    """Predictor for ``object-detection``.

    Parameters
    ----------
    bundle
        A checked model bundle whose card has a ``detection``.
    threads
        Pictures that are worked on at once; by default ``TIDELAB_THREADS``, else 1. The results do not depend on it.
    runtime
        ``onnxruntime`` or ``openvino``; by default as `tidelab.models.runtimes.open_runtime` says.

    Raises
    ------
    BundleError
        When the bundle is none of a detector, or its network does not answer as the card promises.
    """

    INFERENCE_VERSION: ClassVar[str] = "1"
    SOURCES: ClassVar[tuple[str, ...]] = (
        "tidelab.models.detector",
        "tidelab.models.runtimes",
        "tidelab.models.thumbnail",
        "tidelab.science.image_statistics",
        "tidelab.science.letterbox",
        "tidelab.science.suppression",
    )

    def __init__(self, bundle: ModelBundle, threads: int | None = None, runtime: str | None = None) -> None:
        if bundle.card.detection is None:
            raise BundleError(
                f"The card of the model in {bundle.folder} has no `detection`: it names pictures and finds no objects in them. "
                "Choose a detector, or another use case for this model."
            )
        self.bundle = bundle
        self.card = bundle.card
        self.spec: DetectionSpec = bundle.card.detection
        self.threads = max(1, threads or int(os.environ.get("TIDELAB_THREADS", "1")))
        self._runtime: Runtime = open_runtime(bundle, calls=self.threads, name=runtime)
        _check_answers(bundle, self._runtime)
        self._pool = ThreadPoolExecutor(self.threads, "detect") if self.threads > 1 else None

    @property
    def runtime(self) -> str:
        """Name and version of what computes."""
        return self._runtime.name

    def predict(self, images: Sequence[DecodedImage]) -> list[Prediction]:
        """Find the objects in pictures; one prediction for each picture, in their order."""
        if self._pool is None or len(images) < 2:
            return [self._predict_one(image.pixels) for image in images]
        return list(self._pool.map(self._predict_one, [image.pixels for image in images]))

    def find(self, pixels: Pixels) -> Found:
        """Find the objects in one picture, uint8 ``(height, width, 3)``, and make no thumbnails: for video and live sources."""
        boxed, place = letterbox(pixels, self.spec.size_px)
        boxes, scores, embedding = self._runtime.run({IMAGE_INPUT: as_input(boxed)}, OUTPUTS)
        across = slice(place.left, place.left + place.scaled_width)
        seen = boxed[place.top : place.top + place.scaled_height, across]
        return Found(read_answer(boxes[0], scores[0], place, self.spec), np.array(embedding[0]), seen)

    def _predict_one(self, pixels: Pixels) -> Prediction:
        found = self.find(pixels)
        objects = found.detections
        best = np.zeros(len(self.card.labels), np.float32)
        np.maximum.at(best, objects.labels, objects.scores)
        height, width = pixels.shape[:2]
        # Of the picture as the network saw it: of 8 megapixels they would take longer than the network.
        statistics = image_statistics(found.seen)
        statistics |= {"width_px": float(width), "height_px": float(height)}
        statistics["aspect"] = max(width, height) / min(width, height)
        return Prediction(
            probabilities=best,
            embedding=found.embedding,
            statistics=statistics,
            thumbnail=thumbnail(found.seen),
            detections=Detections(
                boxes=objects.boxes,
                scores=objects.scores,
                labels=objects.labels,
                thumbnails=tuple(thumbnail(cut_out(pixels, box)) for box in objects.boxes),
            ),
        )


def as_input(boxed: Pixels) -> Array:
    """Return a letterboxed picture as the network takes it: float32 ``(1, 3, height, width)``, RGB, 0 to 1."""
    made = np.empty((1, 3, *boxed.shape[:2]), np.float32)
    np.divide(boxed.transpose(2, 0, 1), np.float32(255), out=made[0])
    return made


def read_answer(boxes: Array, scores: Array, place: Placement, spec: DetectionSpec) -> Detections:
    """Turn a network's answer on one picture into objects.

    Parameters
    ----------
    boxes, scores
        ``(a, 4)`` and ``(a, k)``: of each candidate, its box in pixels of the letterbox and its score for each class.
    place
        Where the picture lies in the letterbox.
    spec
        ``card.detection``.

    Returns
    -------
    Detections
        Without thumbnails. A candidate belongs to its best class (the first of equal ones) and is kept from ``spec.stored_from`` upwards,
        unless a surer one of that class overlaps it; a box that is not finite or lies in the grey alone is dropped.
    """
    best = scores.max(axis=1)
    chosen = np.flatnonzero(best >= np.float32(spec.stored_from))
    chosen = chosen[np.isfinite(boxes[chosen]).all(axis=1) & np.isfinite(best[chosen])]
    labels = scores[chosen].argmax(axis=1)
    kept = suppress(boxes[chosen], best[chosen], labels, iou=spec.iou, maximum=spec.maximum)
    placed = place.to_picture(boxes[chosen][kept])
    inside = ((placed[:, 2:] - placed[:, :2]) >= _LEAST_SIDE_PX).all(axis=1)
    kept, placed = kept[inside], placed[inside]
    return Detections(
        boxes=np.ascontiguousarray(placed, np.float32),
        scores=best[chosen][kept].astype(np.float32),
        labels=labels[kept].astype(np.int16),
    )


def cut_out(pixels: Pixels, box: Array) -> Pixels:
    """Return the pixels of a box and a little around it (`AROUND`), at least one."""
    height, width = pixels.shape[:2]
    around = AROUND * float(max(box[2] - box[0], box[3] - box[1]))
    left = min(max(int(np.floor(box[0] - around)), 0), width - 1)
    top = min(max(int(np.floor(box[1] - around)), 0), height - 1)
    right = min(max(int(np.ceil(box[2] + around)), left + 1), width)
    bottom = min(max(int(np.ceil(box[3] + around)), top + 1), height)
    return pixels[top:bottom, left:right]


def _check_answers(bundle: ModelBundle, runtime: Runtime) -> None:
    file, card = bundle.folder / "model.onnx", bundle.card
    if set(runtime.inputs) != {IMAGE_INPUT} or not set(runtime.outputs) >= set(OUTPUTS):
        raise BundleError(
            f"{file} takes {sorted(runtime.inputs)} and gives {sorted(runtime.outputs)}; a detector takes {IMAGE_INPUT!r} and gives "
            f"{', '.join(OUTPUTS)}. Export the model again."
        )
    # Two shapes that are neither square nor alike: a network exported for one size would fail on the first real picture.
    for height, width in ((2 * STRIDE, 3 * STRIDE), (3 * STRIDE, 2 * STRIDE)):
        blank = np.full((1, 3, height, width), 0.5, np.float32)
        try:
            shapes = [one.shape for one in runtime.run({IMAGE_INPUT: blank}, OUTPUTS)]
        except Exception as error:  # shapes that do not fit; the runtimes' exceptions share no base class
            first = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise BundleError(
                f"{file} cannot take a picture of {width} x {height} px: {first}. A detector is exported with free height and width; "
                "export it again."
            ) from None
        candidates = shapes[0][1] if len(shapes[0]) == 3 else 0
        expected = [(1, candidates, 4), (1, candidates, len(card.labels)), (1, card.embedding_dim)]
        if shapes != expected:
            raise BundleError(
                f"{file} gives shapes {shapes} for one picture; its card has {len(card.labels)} labels and embeddings of length "
                f"{card.embedding_dim}, so {expected} was expected. Export the model again."
            )
