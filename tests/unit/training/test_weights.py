"""Weights of a bundle: what was saved comes back, a head is kept or rebuilt, and a foreign file is refused in words."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.npz import endless_texts
from tidelab.models import BundleError
from tidelab.training.weights import WEIGHTS, Weights, merged

LABELS = ("a", "b", "c")


def weights(labels=LABELS, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(3, 3, 3, 4), (4,), (4, len(labels)), (len(labels),)]
    arrays = tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return Weights(
        "small_xception:1/network/24", labels, ("000/kernel", "001/beta", "002/kernel", "003/bias"), arrays
    )


def test_what_was_saved_comes_back_bit_by_bit(tmp_path):
    made = weights()
    (tmp_path / WEIGHTS).write_bytes(made.to_bytes())
    found = Weights.load(tmp_path)
    assert (found.architecture, found.labels, found.names) == (made.architecture, made.labels, made.names)
    assert [one.tobytes() for one in found.arrays] == [one.tobytes() for one in made.arrays]
    assert made.to_bytes() == weights().to_bytes(), "equal weights, equal files"
    assert Weights.load(tmp_path / "elsewhere") is None


def test_the_same_class_list_keeps_the_head():
    start, fresh = weights(), list(weights(seed=1).arrays)
    arrays, words = merged(fresh, start, LABELS)
    assert all((one == two).all() for one, two in zip(arrays, start.arrays, strict=True))
    assert "its last layer is kept" in words


def test_another_class_list_rebuilds_the_head_and_keeps_what_both_know():
    start, labels = weights(), ("d", "c", "a")
    fresh = list(weights(labels, seed=1).arrays)
    arrays, words = merged(fresh, start, labels)
    assert (arrays[0] == start.arrays[0]).all()
    kernel, bias = arrays[-2:]
    assert (kernel[:, 0] == fresh[-2][:, 0]).all(), "a new class starts anew"
    assert (kernel[:, 1] == start.arrays[-2][:, 2]).all()
    assert (kernel[:, 2] == start.arrays[-2][:, 0]).all()
    assert bias.tolist() == [fresh[-1][0], start.arrays[-1][2], start.arrays[-1][0]]
    assert "2 of 3 classes are taken over (c, a)" in words


def test_the_same_classes_in_another_order_follow_their_names():
    arrays, _ = merged(list(weights(seed=1).arrays), weights(), ("c", "b", "a"))
    assert (arrays[-2] == weights().arrays[-2][:, ::-1]).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="other shapes"):
        merged([np.zeros((2, 2), np.float32), *weights().arrays[1:]], weights(), LABELS)


def saved(tmp_path, **arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (tmp_path / WEIGHTS).write_bytes(buffer.getvalue())


GOOD = {
    "architecture": np.array("x"), "labels": np.array(LABELS), "names": np.array(["k", "b"]),
    "w0000": np.zeros((4, 3), np.float32), "w0001": np.zeros(3, np.float32),
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"w0001": np.zeros(4, np.float32)}, {"w0000": np.zeros((4, 3))}, {"w0000": np.full((4, 3), np.nan, np.float32)},
        {"w0000": np.zeros((4, 3), int)}, {"labels": np.array([1, 2, 3])}, {"names": np.array(["k"])}, {"extra": np.zeros(2, np.float32)},
        {"w0000": np.zeros((4, 3), ">f4").astype(object)},
    ],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_refused(tmp_path, changes):
    saved(tmp_path, **GOOD)
    assert Weights.load(tmp_path) is not None
    saved(tmp_path, **{**GOOD, **changes})
    with pytest.raises(BundleError, match=r"weights\.npz holds no weights that can be used"):
        Weights.load(tmp_path)


def test_a_header_that_asks_for_all_memory_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (2**40, 3)}
    )
    saved(tmp_path, **GOOD)
    with zipfile.ZipFile(tmp_path / WEIGHTS) as old:
        kept = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(tmp_path / WEIGHTS, "w") as archive:
        for name, content in {**kept, "w0000.npy": header.getvalue()}.items():
            archive.writestr(name, content)
    with pytest.raises(BundleError, match="w0000 holds float32 of shape"):
        Weights.load(tmp_path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_but_never_a_traceback(tmp_path_factory, data):
    content = bytearray(weights().to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / WEIGHTS).write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        found = Weights.load(folder)
    except BundleError:
        return
    assert found is not None
    assert all(np.isfinite(one).all() for one in found.arrays)


def test_names_of_no_bytes_are_not_counted_out(tmp_path):
    content = weights().to_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()} | {"names.npy": endless_texts()}
    with zipfile.ZipFile(tmp_path / WEIGHTS, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(BundleError, match=r"names holds <U0"):
        Weights.load(tmp_path)
