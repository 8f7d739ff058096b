"""A bundle with a real ONNX model of a few numbers, for tests that move models about."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tidelab.domain.card import InputSpec, ModelCard, Quality
from tidelab.models import ModelBundle, write_bundle

LABELS = ("Actinoptychus", "Tripos", "Noctilucales")
SIZE_PX = 16
EMBEDDING = 4


def tiny_onnx(n_labels: int, seed: int = 0, *, softmax: bool = True) -> bytes:
    """Return a network: mean colour, two random matrices, softmax."""
    rng = np.random.default_rng(seed)
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "first"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "second"], ["logits"]),
        helper.make_node("Softmax" if softmax else "Identity", ["logits"], ["probabilities"]),
    ]
    weights = {
        "axes": np.array([1, 2]),
        "first": rng.normal(size=(3, EMBEDDING)).astype(np.float32),
        "second": rng.normal(size=(EMBEDDING, n_labels)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", SIZE_PX, SIZE_PX, 3])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n_labels]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", EMBEDDING]),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def tiny_bundle(
    folder: Path,
    seed: int = 0,
    *,
    labels: Sequence[str] = LABELS,
    use_case: str = "flowcam-plankton",
    macro_f1: float | None = 0.8,
    model: bytes | None = None,
    files: dict[str, bytes] | None = None,
    change: Callable[[dict[str, Any]], None] = lambda card: None,
) -> ModelBundle:
    """Write a bundle; ``change`` may alter the card's fields first."""
    measures = {"precision": 0.8, "recall": 0.8, "f1": macro_f1 or 0.0, "support": 10.0}
    fields: dict[str, Any] = {
        "name": use_case, "title": "Tiny", "use_case": use_case, "labels": tuple(labels),
        "input": InputSpec(kind="image", size_px=SIZE_PX), "embedding_dim": EMBEDDING, "framework": "onnx",
        "quality": Quality(macro_f1=macro_f1, n_test=30, method="made up for a test", per_class={labels[0]: measures}),
        "created": "2026-01-01T00:00:00Z", "created_by": "alice", "seed": seed,
    }  # fmt: skip
    change(fields)
    content = {"model.onnx": model or tiny_onnx(len(labels), seed), **(files or {})}
    return write_bundle(folder, ModelCard(**fields), content)
