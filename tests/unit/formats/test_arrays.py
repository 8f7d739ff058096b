"""Archives of plain arrays: what is kept comes back, and nothing that a file merely claims is believed."""

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.formats.arrays import ArraysError, names_of, need, read_arrays, save, texts, to_bytes

KINDS = {"numbers": "f", "words": "U"}
MAXIMUM = 2**20


def archive() -> bytes:
    return to_bytes({"numbers": np.arange(6, dtype=np.float32).reshape(2, 3), "words": texts(("a", "ß"))})


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = save(archive(), tmp_path / "one.npz")
    found = read_arrays(path, MAXIMUM, {**KINDS, "more": "i"})
    assert found["numbers"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["words"].tolist() == ["a", "ß"]
    assert set(found) == set(names_of(path, MAXIMUM)) == set(KINDS)
    assert archive() == archive()
    with pytest.raises(ArraysError, match="it has no more"):
        need(found, [*KINDS, "more"])
    assert [one.name for one in tmp_path.iterdir()] == ["one.npz"]


def test_what_it_claims_is_compared_with_what_is_there(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(tmp_path / "one.npz", "w") as made:
        made.writestr("numbers.npy", header.getvalue())
    with pytest.raises(ArraysError, match="numbers holds float32 of shape"):
        read_arrays(tmp_path / "one.npz", MAXIMUM, KINDS)
    save(to_bytes({"numbers": np.zeros(MAXIMUM, np.float32)}), tmp_path / "bomb.npz")
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    with pytest.raises(ArraysError, match="4 MB, more than the 1 MB"):
        read_arrays(tmp_path / "bomb.npz", MAXIMUM, KINDS)


@pytest.mark.parametrize(
    "value", [np.array([{}], dtype=object), np.array(["x"]), np.array([1]), np.zeros(3, "V0")]
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, value: np.ndarray) -> None:
    np.savez(tmp_path / "one.npz", numbers=value)
    with pytest.raises(ArraysError):
        read_arrays(tmp_path / "one.npz", MAXIMUM, {"numbers": "f"})


def test_only_a_plain_file_is_opened(tmp_path: Path) -> None:
    save(archive(), tmp_path / "one.npz")
    (tmp_path / "link.npz").symlink_to(tmp_path / "one.npz")
    os.mkfifo(tmp_path / "pipe.npz")
    for name in ("link.npz", "pipe.npz", "none.npz"):
        with pytest.raises(ArraysError):
            read_arrays(tmp_path / name, MAXIMUM, KINDS)


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_archive_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(archive())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with contextlib.suppress(ArraysError):
        assert set(read_arrays(path, MAXIMUM, KINDS)) <= set(KINDS)
