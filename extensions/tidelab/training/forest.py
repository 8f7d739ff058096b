"""The classical baseline: a random forest on gradients, shape and grey level.

It trains in a second and needs few images. A network that cannot beat it on the same images is not worth its trouble, which is why the
notebook always shows both (Breiman, Random forests, Machine Learning 45, 2001).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tidelab.models.classifier import FEATURES_INPUT
from tidelab.training.settings import TrainingSettings

OPSET = 17
Vectors = npt.NDArray[np.float32]


def train(features: Vectors, truth: npt.NDArray[np.int64], settings: TrainingSettings) -> Any:
    """Fit a forest on features ``(n, f)`` and class indices ``(n,)``; returns a `RandomForestClassifier`."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        settings.trees,
        max_features="sqrt",
        min_samples_leaf=1,
        class_weight=None if settings.balance == "none" else "balanced_subsample",
        random_state=settings.seed,
        n_jobs=1,
    )
    return forest.fit(features, truth)


def probabilities(forest: Any, features: Vectors, n_labels: int) -> npt.NDArray[np.float32]:
    """Return probabilities ``(n, n_labels)``; 0 for a class the forest never saw."""
    result = np.zeros((len(features), n_labels), np.float32)
    result[:, forest.classes_] = forest.predict_proba(features)
    return result


def to_onnx(forest: Any, training_features: Vectors, n_labels: int) -> bytes:
    """Export a forest with the outputs ``probabilities`` and ``embedding``.

    Parameters
    ----------
    forest
        A fitted forest that saw every class.
    training_features
        Their mean and standard deviation standardise the features; the standardised features are the embedding, so that drift is
        measured in what the forest decides on.
    n_labels
        Number of classes.
    """
    from onnx import TensorProto, helper, numpy_helper
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    if list(forest.classes_) != list(range(n_labels)):
        missing = sorted(set(range(n_labels)) - set(forest.classes_))
        raise ValueError(f"no training image of class number(s) {missing}; every class needs at least one")
    length = training_features.shape[1]
    proto = convert_sklearn(
        forest,
        name="forest",  # by default a random one, and equal forests would have different digests
        initial_types=[(FEATURES_INPUT, FloatTensorType([None, length]))],
        options={id(forest): {"zipmap": False}},
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    graph = proto.graph
    mean, deviation = training_features.mean(axis=0), np.maximum(training_features.std(axis=0), 1e-3)
    graph.initializer.extend(
        [
            numpy_helper.from_array(mean.astype(np.float32), "feature_mean"),
            numpy_helper.from_array(deviation.astype(np.float32), "feature_deviation"),
        ]
    )
    graph.node.extend(
        [
            helper.make_node("Sub", [FEATURES_INPUT, "feature_mean"], ["centred"]),
            helper.make_node("Div", ["centred", "feature_deviation"], ["embedding"]),
        ]
    )
    kept = [value for value in graph.output if value.name == "probabilities"]
    del graph.output[:]
    graph.output.extend(
        [*kept, helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [None, length])]
    )
    return bytes(proto.SerializeToString())
