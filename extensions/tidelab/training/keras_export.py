"""From a Keras model to ONNX with the two outputs `probabilities` and `embedding`."""

from typing import Any

from tidelab.models.classifier import FEATURES_INPUT, IMAGE_INPUT, OUTPUTS
from tidelab.training.keras_setup import import_keras
from tidelab.training.trained import ExportError

OPSET = 17


def embedding_of(model: Any) -> Any:
    """Return the tensor a classifier decides on: what enters its last dense layer, averaged over the image where it is a map.

    Raises
    ------
    ExportError
        When the model has no dense layer in its outermost part.
    """
    keras = import_keras()
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if not dense:
        raise ExportError(
            "The model has no dense layer at its end, so its embedding is not known. It was not exported."
        )
    found = dense[-1].input
    return keras.layers.GlobalAveragePooling2D()(found) if len(found.shape) == 4 else found


def to_onnx(model: Any, embedding: Any) -> bytes:
    """Export a Keras model.

    Parameters
    ----------
    model
        One image input, and optionally one feature input called ``features``; its output are probabilities.
    embedding
        Keras tensor ``(n, d)`` inside the model (`embedding_of`).

    Returns
    -------
    bytes
        An ONNX model with a dynamic batch, inputs ``image`` (and ``features``), outputs ``probabilities`` and ``embedding``.
    """
    keras = import_keras()
    import tf2onnx

    import tensorflow as tf

    if len(model.outputs) != 1 or len(embedding.shape) != 2:
        raise ExportError(
            f"The model has {len(model.outputs)} outputs and an embedding of shape {embedding.shape}; expected one and (n, d)."
        )
    double = keras.Model(model.inputs, [model.outputs[0], embedding])
    names = [FEATURES_INPUT if value.name == FEATURES_INPUT else IMAGE_INPUT for value in model.inputs]
    signature = [
        tf.TensorSpec((None, *value.shape[1:]), tf.float32, name=name)
        for value, name in zip(model.inputs, names, strict=True)
    ]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def forward(*inputs: Any) -> dict[str, Any]:
        probabilities, vector = double(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        return {"probabilities": tf.identity(probabilities), "embedding": tf.identity(vector)}

    proto, _ = tf2onnx.convert.from_function(forward, input_signature=signature, opset=OPSET)
    if len(proto.graph.input) != len(names):
        raise ExportError(
            f"The exported model takes {[value.name for value in proto.graph.input]}; expected {names}."
        )
    _rename(proto, [value.name for value in proto.graph.input], names)
    found = {value.name: value.name.split(":")[0].lower() for value in proto.graph.output}
    if set(found.values()) != set(OUTPUTS):
        raise ExportError(f"The exported model has the outputs {sorted(found)}; expected {sorted(OUTPUTS)}.")
    _rename(proto, list(found), list(found.values()))
    proto.producer_name, proto.producer_version, proto.doc_string = "tidelab", "", ""
    return bytes(proto.SerializeToString())


def _rename(proto: Any, old: list[str], new: list[str]) -> None:
    names = dict(zip(old, new, strict=True))
    for value in [*proto.graph.input, *proto.graph.output]:
        value.name = names.get(value.name, value.name)
    for node in proto.graph.node:
        for field in (node.input, node.output):
            for k, name in enumerate(field):
                field[k] = names.get(name, name)
