"""Small models made on the spot with onnx: no training framework."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tidelab.domain.card import InputSpec, ModelCard
from tidelab.models import ModelBundle, write_bundle


def linear_onnx(size: int, n_labels: int, dimension: int = 4, seed: int = 0, features: int = 0) -> bytes:
    """Return a model: the mean colour (or the features) through one dense layer."""
    rng = np.random.default_rng(seed)
    width = features or 3
    nodes, inputs = [], []
    if features:
        inputs.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, features]))
        start = "features"
    else:
        inputs.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, size, size, 3]))
        nodes.append(helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2], keepdims=0))
        start = "mean"
    nodes += [
        helper.make_node("MatMul", [start, "first"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "second"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=-1),
    ]
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, n_labels]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [None, dimension]),
    ]
    weights = [
        numpy_helper.from_array(rng.normal(0, 1, (width, dimension)).astype(np.float32), "first"),
        numpy_helper.from_array(rng.normal(0, 1, (dimension, n_labels)).astype(np.float32), "second"),
    ]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return model.SerializeToString()


def card(**changes: object) -> ModelCard:
    """Return a card for `linear_onnx`."""
    values = {
        "name": "flowcam-plankton--ada", "title": "A test model", "use_case": "flowcam-plankton", "labels": ("a", "b", "c"),
        "input": InputSpec(kind="image", size_px=32), "embedding_dim": 4, "framework": "onnx", "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return ModelCard.model_validate({**values, **changes})


@pytest.fixture
def bundle(tmp_path: Path) -> ModelBundle:
    """Return a good bundle in a folder of its own."""
    return write_bundle(
        tmp_path / "bundle",
        card(),
        {"model.onnx": linear_onnx(32, 3), "reference.npz": b"not looked at here"},
    )
