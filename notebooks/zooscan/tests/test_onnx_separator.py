"""A tiny ONNX network with a known answer separates objects; what is no separator is refused in words."""

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from zooscan.onnx_separator import MAX_ANIMALS, MAX_FREE_SIDE, OnnxSeparator, read_separator
from zooscan.separation import SeparatorError, propose

from tests.support.separator_network import halves

LEAST = 631
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def bar() -> tuple[np.ndarray, np.ndarray]:
    """Return a bar without any neck, its left 40 columns dark and its right 40 light."""
    mask = np.ones((40, 80), bool)
    pixels = np.where(np.arange(80) < 40, 60, 200).astype(np.uint8)
    return np.broadcast_to(pixels, mask.shape).copy(), mask


@pytest.mark.parametrize("given", [{}, {"mask": False}, {"channels": 3}, {"output_type": TensorProto.INT32}])
def test_the_answer_of_the_network_is_the_label_image(given):
    pixels, mask = bar()
    mask[:, 60:] = False
    labels = OnnxSeparator(halves(**given), "halves.onnx").separate(pixels, mask)
    assert labels.shape == mask.shape
    # 5 is the second of its names, 2 the first; 0 stays 0.
    assert (labels[:, :40] == 2).all()
    assert (labels[:, 40:60] == 1).all()
    assert (labels[:, 60:] == 0).all()


def test_a_network_of_fixed_size_sees_the_object_at_that_size():
    pixels, mask = bar()
    labels = OnnxSeparator(halves(64, 64), "halves.onnx").separate(pixels, mask)
    assert labels.shape == mask.shape
    assert (labels[:, :39] == 2).all()
    assert (labels[:, 41:] == 1).all()


@pytest.mark.parametrize(
    ("sides", "shape", "seen"),
    [
        ((), (300, 3000), (102, 1024)),  # in proportion
        ((), (3000, 30), (1024, 10)),
        ((), (40, 1024), (40, 1024)),
        ((), (2049, 1), (1024, 1)),
        ((64, 64), (300, 3000), (64, 64)),
        ((64, "w"), (3000, 2048), (64, 1024)),  # the free side alone
        ((64, "w"), (3000, 300), (64, 300)),
    ],
)
def test_large_objects_go_smaller_into_a_network_of_free_sides(monkeypatch, sides, shape, seen):
    separator = OnnxSeparator(halves(*sides), "halves.onnx")
    given = []
    answer = separator._answer
    monkeypatch.setattr(
        separator, "_answer", lambda feed, size: given.append(feed["pixels"].shape) or answer(feed, size)
    )
    mask = np.ones(shape, bool)
    pixels = np.full(shape, 200, np.uint8)
    pixels[:, : shape[1] // 2] = 60
    labels = separator.separate(pixels, mask)
    assert given == [(1, 1, *seen)]
    assert max(seen) <= MAX_FREE_SIDE
    # The labels come back at full size, the border where it was but for the pixels that one of the network's covers.
    assert labels.shape == shape
    off = -(-shape[1] // seen[1])
    assert (labels[:, : max(0, shape[1] // 2 - off)] == 2).all()
    assert (labels[:, shape[1] // 2 + off :] == 1).all()


def test_lines_follow_the_network_where_the_outline_has_no_neck():
    pixels, mask = bar()
    assert len(propose(pixels, mask, LEAST).parts) == 1
    cut = propose(pixels, mask, LEAST, OnnxSeparator(halves(), "halves.onnx"))
    assert [part.x for part in cut.parts] == [0, 41]
    assert set(np.nonzero(cut.cut.any(axis=0))[0]) == {39, 40}


def test_it_is_known_by_its_bytes_and_says_who_it_is():
    content = halves()
    found = OnnxSeparator(content, "halves.onnx")
    assert found.digest == hashlib.sha256(content).hexdigest()
    assert found.digest in found.NAME
    assert "onnxruntime" in found.VERSION
    assert found.title == "halves 3"
    assert found.about()["sha256"] == found.digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be loaded as an ONNX model"),
        (b"no model at all", "cannot be loaded as an ONNX model"),
        (halves()[:200], "cannot be loaded as an ONNX model"),
        (halves(output="masks"), "its outputs are masks"),
        (halves(output_type=FLOAT), "its output labels is tensor\\(float\\)"),
        (halves(channels=2), "its inputs have the shapes"),
        (halves(4, 4), "its inputs have the shapes"),
        (halves(5000, 5000), "its inputs have the shapes"),
    ],
)
def test_what_is_no_separator_is_refused(content, words):
    with pytest.raises(SeparatorError, match=words) as told:
        OnnxSeparator(content, "x.onnx")
    assert str(told.value).startswith("x.onnx")
    assert "Expected the inputs pixels" in str(told.value)


def network(nodes, output_shape, inputs=("pixels",)) -> bytes:
    infos = [helper.make_tensor_value_info(name, FLOAT, [1, 1, "h", "w"]) for name in inputs]
    out = helper.make_tensor_value_info("labels", INT, output_shape)
    graph = helper.make_graph(nodes, "g", infos, [out])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()


def test_an_answer_of_another_shape_is_refused_when_it_is_chosen():
    nodes = [
        helper.make_node("Transpose", ["pixels"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("Cast", ["t"], ["labels"], to=INT),
    ]
    with pytest.raises(SeparatorError, match=r"labels of the shape \(1, 1, 64, 48\); expected \(1, 48, 64\)"):
        OnnxSeparator(network(nodes, [1, 1, "w", "h"]), "turned.onnx")


def test_more_animals_than_an_object_can_be_are_refused():
    # Each pixel is called by its place in the picture.
    one = helper.make_tensor("value", INT, [1], [1])
    nodes = [
        helper.make_node("Shape", ["pixels"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["ones"], value=one),
        helper.make_node("Constant", [], ["axis"], value=helper.make_tensor("a", TensorProto.INT32, [], [3])),
        helper.make_node(
            "Constant", [], ["other"], value=helper.make_tensor("b", TensorProto.INT32, [], [2])
        ),
        helper.make_node("Cast", ["ones"], ["floats"], to=FLOAT),
        helper.make_node("CumSum", ["floats", "axis"], ["x"]),
        helper.make_node("CumSum", ["floats", "other"], ["y"]),
        helper.make_node("Constant", [], ["many"], value=helper.make_tensor("c", FLOAT, [], [1000.0])),
        helper.make_node("Mul", ["y", "many"], ["rows"]),
        helper.make_node("Add", ["x", "rows"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["labels"], to=INT),
    ]
    with pytest.raises(SeparatorError, match=f"3,072 animals; expected at most {MAX_ANIMALS:,}"):
        OnnxSeparator(network(nodes, [1, 1, "h", "w"]), "many.onnx")


def test_weights_beside_the_file_are_not_read(tmp_path):
    content = halves(path=tmp_path / "m.onnx")
    model = onnx.load_from_string(content)
    secret = tmp_path / "secret"
    secret.write_bytes(b"1234")
    one = next(weight for weight in model.graph.initializer if weight.name == "half")
    one.ClearField("float_data")
    one.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "secret"), ("offset", "0"), ("length", "4")):
        entry = one.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SeparatorError, match="cannot be loaded"):
        read_separator(tmp_path / "m.onnx")


def test_files_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    with pytest.raises(SeparatorError, match="is no file"):
        read_separator(tmp_path)
    with pytest.raises(SeparatorError, match="is no file"):
        read_separator(tmp_path / "missing.onnx")
    monkeypatch.setattr("zooscan.onnx_separator.MAX_BYTES", 10)
    halves(path=tmp_path / "m.onnx")
    with pytest.raises(SeparatorError, match="larger than"):
        read_separator(tmp_path / "m.onnx")
