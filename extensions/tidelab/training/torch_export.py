"""From a YOLO network to the ONNX of a bundle, by a small module around it, and the comparison with the network itself."""

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from tidelab.training.trained import ExportError

OPSET: Final = 17
DETECTOR_OUTPUTS: Final = ("boxes", "scores", "embedding")
CLASSIFIER_OUTPUTS: Final = ("probabilities", "embedding")

BOX_TOLERANCE_PX: Final = 0.05
SCORE_TOLERANCE: Final = 1e-4
EMBEDDING_TOLERANCE: Final = 1e-3
"""Largest differences that are accepted between the network and its export; beyond them the export is refused."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Largest differences between a network and its export on the same inputs.

    Parameters
    ----------
    scores
        Of scores or probabilities.
    embedding
        Of the embedding, relative to its largest value.
    boxes_px
        Of box corners in pixels of the input, where the score is at least 0.001; 0 for a classifier.
    inputs
        Pictures that were compared.
    """

    scores: float
    embedding: float
    boxes_px: float = 0.0
    inputs: int = 0

    @property
    def words(self) -> str:
        """In a sentence."""
        boxes = f", of a box corner {self.boxes_px:.2g} px" if self.boxes_px else ""
        return f"The export differs from the network by at most {self.scores:.2g} in a score{boxes} ({self.inputs} pictures)."


def detector_module(network: Any) -> Any:
    """Return a torch module that answers as a detector's bundle does.

    Parameters
    ----------
    network
        ``ultralytics.nn.tasks.DetectionModel`` (or a segmentation model, whose boxes alone are taken), in evaluation mode, fused.

    Returns
    -------
    torch.nn.Module
        ``image`` float32 ``(n, 3, h, w)``, RGB, 0 to 1 -> ``boxes (n, a, 4)`` (x_min, y_min, x_max, y_max in pixels of the input),
        ``scores (n, a, k)``, ``embedding (n, d)``: the deepest feature map that enters the head, averaged over the picture.
    """
    import torch

    network = copy.deepcopy(network)  # whoever gave it uses it as it is
    head = network.model[-1]
    if type(head).__name__ not in ("Detect", "Segment"):
        raise ExportError(
            f"The network ends in {type(head).__name__}; boxes are exported of detection and segmentation models "
            "(YOLOv8, YOLO11). Rotated boxes and key points cannot be shown by a detector's bundle yet."
        )
    # Anchors are made anew for each size of picture, and boxes come out as corners.
    head.dynamic, head.xyxy, head.export, head.end2end = True, True, False, False
    labels = int(head.nc)

    class Detector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Any) -> Any:
            found: list[Any] = []
            hook = head.register_forward_pre_hook(lambda _, given: found.append(given[0][-1]))
            try:
                answer = self.network(image)
            finally:
                hook.remove()
            while isinstance(answer, tuple):
                answer = answer[0]
            boxes = answer[:, :4].transpose(1, 2)
            scores = answer[:, 4 : 4 + labels].transpose(1, 2)
            return boxes, scores, found[0].mean((2, 3))

    return Detector().eval()


def classifier_module(network: Any) -> Any:
    """Return a torch module that answers as a classifier's bundle does.

    Parameters
    ----------
    network
        ``ultralytics.nn.tasks.ClassificationModel`` in evaluation mode.

    Returns
    -------
    torch.nn.Module
        ``image`` float32 ``(n, size, size, 3)``, RGB, 0 to 1 -> ``probabilities (n, k)`` and ``embedding (n, d)``, which is what enters
        the last linear layer.
    """
    import torch

    head = network.model[-1]
    if type(head).__name__ != "Classify":
        raise ExportError(
            f"The network ends in {type(head).__name__}; expected a YOLO classifier (Classify)."
        )

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network.model[:-1]
            self.head = head

        def forward(self, image: Any) -> Any:
            maps = self.body(image.permute(0, 3, 1, 2))
            embedding = self.head.pool(self.head.conv(maps)).flatten(1)
            return self.head.linear(embedding).softmax(1), embedding

    return Classifier().eval()


def to_onnx(module: Any, example: Array, outputs: Sequence[str], *, free_sides: bool) -> bytes:
    """Export a module with one input called ``image``.

    Parameters
    ----------
    module
        From `detector_module` or `classifier_module`.
    example
        An input to trace it with.
    outputs
        Names of its outputs.
    free_sides
        Whether height and width of the input may differ from the example's (multiples of 32 for a detector).
    """
    import onnx
    import onnxslim
    import torch

    axes: dict[str, dict[int, str]] = {"image": {0: "n"}, **{name: {0: "n"} for name in outputs}}
    if free_sides:
        axes["image"] |= {2: "height", 3: "width"}
        axes |= {name: {0: "n", 1: "anchors"} for name in outputs if name != "embedding"}
    stream = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            module, (torch.from_numpy(example),), stream, input_names=["image"], output_names=list(outputs),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False, do_constant_folding=True,
        )  # fmt: skip
    slim = onnxslim.slim(onnx.load_model_from_string(stream.getvalue()))
    # What it was written with stands in the card; without it equal networks give equal bytes.
    slim.producer_name, slim.producer_version, slim.doc_string = "tidelab", "", ""
    # The shapes of all that lies between are known without being written down; they would be a fifth of a small model.
    del slim.graph.value_info[:]
    for node in slim.graph.node:
        node.doc_string = ""
    return bytes(slim.SerializeToString())


def check_detector(module: Any, exported: bytes, inputs: Sequence[Array]) -> Parity:
    """Compare a detector with its export on prepared inputs ``(1, 3, h, w)``; raises `ExportError` beyond the tolerances."""
    pairs = [(_torch(module, one), _onnx(exported, DETECTOR_OUTPUTS, one)) for one in inputs]
    boxes = 0.0
    for (theirs, scores, _), (ours, _, _) in pairs:
        if theirs.shape != ours.shape:
            raise ExportError(
                f"The export gives boxes of shape {ours.shape}, the network {theirs.shape}. It was not saved."
            )
        seen = scores.max(axis=2) >= 0.001
        boxes = max(boxes, float(np.abs(theirs - ours)[seen].max(initial=0.0)))
    found = Parity(
        max(_difference(a[1], b[1]) for a, b in pairs),
        max(_relative(a[2], b[2]) for a, b in pairs),
        boxes,
        len(pairs),
    )
    return _within(found)


def check_classifier(module: Any, exported: bytes, inputs: Sequence[Array]) -> Parity:
    """Compare a classifier with its export on prepared inputs ``(n, size, size, 3)``; raises `ExportError` beyond the tolerances."""
    pairs = [(_torch(module, one), _onnx(exported, CLASSIFIER_OUTPUTS, one)) for one in inputs]
    found = Parity(
        max(_difference(a[0], b[0]) for a, b in pairs),
        max(_relative(a[1], b[1]) for a, b in pairs),
        inputs=sum(len(one) for one in inputs),
    )
    return _within(found)


def _within(found: Parity) -> Parity:
    # Written so that a NaN is beyond.
    if not (
        found.scores <= SCORE_TOLERANCE
        and found.boxes_px <= BOX_TOLERANCE_PX
        and found.embedding <= EMBEDDING_TOLERANCE
    ):
        raise ExportError(
            f"{found.words} Accepted are {SCORE_TOLERANCE:g} in a score, {BOX_TOLERANCE_PX:g} px and {EMBEDDING_TOLERANCE:g} of the "
            f"embedding (here {found.embedding:.2g}), so it was not saved. Please report this with the versions of torch and ultralytics."
        )
    return found


def _torch(module: Any, image: Array) -> list[Array]:
    import torch

    with torch.no_grad():
        return [np.asarray(one.cpu().numpy(), np.float32) for one in module(torch.from_numpy(image))]


def _onnx(exported: bytes, outputs: Sequence[str], image: Array) -> list[Array]:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    return [np.asarray(one, np.float32) for one in session.run(list(outputs), {"image": image})]


def _difference(first: Array, second: Array) -> float:
    if first.shape != second.shape:
        raise ExportError(
            f"The export gives shape {second.shape}, the network {first.shape}. It was not saved."
        )
    return float(np.abs(first - second).max(initial=0.0))


def _relative(first: Array, second: Array) -> float:
    return _difference(first, second) / max(float(np.abs(first).max(initial=0.0)), 1e-12)
