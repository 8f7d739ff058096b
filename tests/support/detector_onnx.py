"""A detector whose answers can be worked out by hand, as ONNX: it scores each tile of 8 x 8 px by its colour."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from tidelab.domain.card import DetectionSpec, InputSpec, ModelCard
from tidelab.models import ModelBundle, write_bundle

LABELS = ("red", "green", "blue")
TILE_PX = 8


def tiles_onnx(
    width_px: int = TILE_PX,
    outputs: tuple[str, ...] = ("boxes", "scores", "embedding"),
    *,
    final: str = "",
) -> bytes:
    """Return a network ``image (n, 3, h, w)`` -> boxes, scores, embedding.

    Each tile is a candidate: its box is the tile, widened to `width_px` to the right; the score of a class is the mean of its channel, less
    the mean of the other two; the embedding is the picture's mean colour. `final` is an operator that the scores go through last: with
    ``Relu`` they lie between 0 and 1, as those of a real detector do.
    """
    constants = {
        "zero": np.array(0, np.int64), "one": np.array(1, np.int64), "two": np.array(2, np.int64), "three": np.array(3, np.int64),
        "tile": np.array(TILE_PX, np.float32), "box_width": np.array(width_px, np.float32), "flat": np.array([-1], np.int64),
        "axis0": np.array([0], np.int64), "axis1": np.array([1], np.int64), "triples": np.array([0, 3, -1], np.int64),
        "mix": (1.5 * np.eye(3) - 0.5 * np.ones((3, 3))).astype(np.float32)[:, :, None, None],
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("AveragePool", ["image"], ["pooled"], kernel_shape=[TILE_PX] * 2, strides=[TILE_PX] * 2),
        node("Conv", ["pooled", "mix"], ["coloured"]),
        node("Reshape", ["coloured", "triples"], ["by_class"]),
        node("Transpose", ["by_class"], ["differences" if final else "scores"], perm=[0, 2, 1]),
        *([node(final, ["differences"], ["scores"])] if final else []),
        node("GlobalAveragePool", ["image"], ["mean"]),
        node("Flatten", ["mean"], ["embedding"]),
        node("Shape", ["pooled"], ["shape"]),
        node("Gather", ["shape", "zero"], ["n"]),
        node("Gather", ["shape", "two"], ["rows"]),
        node("Gather", ["shape", "three"], ["columns"]),
    ]
    for name, length, axis in (("x", "columns", "axis0"), ("y", "rows", "axis1")):
        nodes += [
            node("Range", ["zero", length, "one"], [f"{name}_places"]),
            node("Cast", [f"{name}_places"], [f"{name}_float"], to=TensorProto.FLOAT),
            node("Mul", [f"{name}_float", "tile"], [f"{name}_px"]),
            node("Unsqueeze", [f"{name}_px", axis], [f"{name}_line"]),
            node("Unsqueeze", [length, "axis0"], [f"{length}_1"]),
        ]
    nodes += [
        node("Concat", ["rows_1", "columns_1"], ["grid"], axis=0),
        *[node("Expand", [f"{name}_line", "grid"], [f"{name}_grid"]) for name in "xy"],
        *[node("Reshape", [f"{name}_grid", "flat"], [f"{name}_min"]) for name in "xy"],
        node("Add", ["x_min", "box_width"], ["x_max"]),
        node("Add", ["y_min", "tile"], ["y_max"]),
        *[node("Unsqueeze", [side, "axis1"], [f"{side}_1"]) for side in ("x_min", "y_min", "x_max", "y_max")],
        node("Concat", ["x_min_1", "y_min_1", "x_max_1", "y_max_1"], ["one_picture"], axis=1),
        node("Unsqueeze", ["one_picture", "axis0"], ["batched"]),
        node("Unsqueeze", ["n", "axis0"], ["n_1"]),
        node("Concat", ["n_1", "axis1", "axis1"], ["repeats"], axis=0),
        node("Expand", ["batched", "repeats"], ["boxes"]),
    ]
    shapes: dict[str, list[Any]] = {"boxes": ["n", "a", 4], "scores": ["n", "a", 3], "embedding": ["n", 3]}
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "height", "width"])
    graph = helper.make_graph(
        nodes, "tiles", [image],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return model.SerializeToString()


def detector_card(**changes: object) -> ModelCard:
    """Return a card for `tiles_onnx`."""
    values = {
        "name": "tiles", "title": "Coloured tiles", "use_case": "object-detector", "labels": LABELS, "input": InputSpec(kind="image"),
        "embedding_dim": 3, "framework": "onnx", "created": "2026-01-01T00:00:00+00:00",
        "detection": DetectionSpec(size_px=64, stored_from=0.3, iou=0.7),
    }  # fmt: skip
    return ModelCard.model_validate({**values, **changes})


def detector_bundle(folder: Path, onnx: bytes | None = None, **changes: object) -> ModelBundle:
    """Write and return a bundle of `tiles_onnx`."""
    return write_bundle(folder, detector_card(**changes), {"model.onnx": onnx or tiles_onnx()})


def tile_picture(
    width: int, height: int, tiles: dict[tuple[int, int], tuple[int, int, int]], tile_px: int = TILE_PX
) -> npt.NDArray[np.uint8]:
    """Return a grey picture with tiles of `tile_px` in RGB colours; keys are column and row of a tile."""
    pixels = np.full((height, width, 3), 100, np.uint8)
    for (column, row), colour in tiles.items():
        pixels[row * tile_px : (row + 1) * tile_px, column * tile_px : (column + 1) * tile_px] = colour
    return pixels
