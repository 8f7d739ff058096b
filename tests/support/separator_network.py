"""A tiny ONNX network that separates objects by their grey level, with an answer that follows from its definition."""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def halves(
    height: int | str = "h",
    width: int | str = "w",
    *,
    channels: int = 1,
    mask: bool = True,
    path: Path | None = None,
    **other: Any,
) -> bytes:
    """Return a network that calls the dark part of an object (levels below 0.5) animal 5, the rest of it animal 2.

    Its answer follows from its definition: labels = mask * (2 + 3 * (pixels < 0.5)).
    """
    inputs = [
        helper.make_tensor_value_info("pixels", other.get("input_type", FLOAT), [1, channels, height, width])
    ]
    nodes = [
        helper.make_node("ReduceMin", ["pixels", "axes"], ["grey"], keepdims=1),
        helper.make_node("Less", ["grey", "half"], ["dark"]),
        helper.make_node("Where", ["dark", "five", "two"], ["named"]),
        helper.make_node("Less", ["grey", "white"], ["inside"]),
    ]
    if mask:
        inputs.append(helper.make_tensor_value_info("mask", FLOAT, [1, 1, height, width]))
        nodes[-1] = helper.make_node("Greater", ["mask", "half"], ["inside"])
    nodes.append(helper.make_node("Where", ["inside", "named", "none"], ["there"]))
    nodes.append(
        helper.make_node("Cast", ["there"], [other.get("output", "labels")], to=other.get("output_type", INT))
    )
    values = {"half": 0.5, "white": 1.0, "five": 5.0, "two": 2.0, "none": 0.0}
    weights = [helper.make_tensor(name, FLOAT, [], [value]) for name, value in values.items()]
    weights.append(helper.make_tensor("axes", INT, [1], [1]))
    outputs = [
        helper.make_tensor_value_info(
            other.get("output", "labels"), other.get("output_type", INT), [1, 1, height, width]
        )
    ]
    graph = helper.make_graph(nodes, "halves", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"name": "halves", "version": "3"})
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    if path is not None:
        path.write_bytes(content)
    return content
