"""Pictures counted by hand: the draw, and every way to fill in a table wrongly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obsea_fish.hand_counts import HandCountError, draw_order, read

TAXA = ["Chromis chromis", "Sparus aurata"]
NAMES = [f"p{k:03d}.jpg" for k in range(40)]
ORDER = draw_order(NAMES, 1)


def table(tmp_path, *rows, header="picture,Chromis chromis,Sparus aurata"):
    path = tmp_path / "hand.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_draw_is_a_permutation_that_the_seed_alone_decides():
    assert sorted(ORDER) == NAMES
    assert draw_order(NAMES[::-1], 1) == ORDER
    assert draw_order(NAMES, 2) != ORDER
    assert ORDER != NAMES


def test_every_picture_is_first_equally_often():
    firsts = [draw_order(NAMES[:4], seed)[0] for seed in range(2000)]
    counts = [firsts.count(name) for name in NAMES[:4]]
    # Chi-square with 3 degrees of freedom: 16.3 is exceeded once in a thousand.
    assert sum((count - 500) ** 2 / 500 for count in counts) < 16.3


def test_the_list_filled_in_from_the_top(tmp_path):
    path = table(tmp_path, f"{ORDER[1]},0,1", f"{ORDER[0]},2,0", f"{ORDER[2]},,")
    found = read(path, NAMES, TAXA, 1)
    assert found.pictures == (ORDER[0], ORDER[1])
    assert np.array_equal(found.counts, [[2, 0], [0, 1]])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([f"{ORDER[0]},1,0", f"{ORDER[5]},1,0"], "not the first 2"),
        ([f"{ORDER[0]},1,0", f"{ORDER[0]},1,0"], "row 3: this picture was counted before"),
        ([f"{ORDER[0]},1,"], "row 2, column Sparus aurata: nothing is given; expected 0, 1, 2"),
        ([f"{ORDER[0]},-1,0"], "row 2, column Chromis chromis: no number is given"),
        ([f"{ORDER[0]},1.5,0"], "row 2, column Chromis chromis: no number is given"),
        ([f"{ORDER[0]},many,0"], "row 2, column Chromis chromis: no number is given"),
        ([f"{ORDER[0]},²,0"], "row 2, column Chromis chromis: no number is given"),
        (["elsewhere.jpg,1,0"], "row 2 is not among"),
    ],
)
def test_what_is_no_random_sample_or_no_count(tmp_path, rows, words):
    with pytest.raises(HandCountError, match=words):
        read(table(tmp_path, *rows), NAMES, TAXA, 1)


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(HandCountError, match="cannot be read"):
        read(tmp_path / "none.csv", NAMES, TAXA, 1)
    with pytest.raises(HandCountError, match=r"line 1: expected the columns picture, Chromis.*are missing"):
        read(table(tmp_path, header="picture,count"), NAMES, TAXA, 1)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HandCountError, match="UTF-8"):
        read(tmp_path / "bytes.csv", NAMES, TAXA, 1)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(HandCountError, match="picture, Chromis chromis, Sparus aurata are missing"):
        read(tmp_path / "empty.csv", NAMES, TAXA, 1)


@pytest.mark.parametrize(
    "text",
    ["secret-token\n", "secret-token,b\n1,2\n", "picture,Chromis chromis,Sparus aurata\nsecret-token,1,0\n",
     "picture,Chromis chromis,Sparus aurata\nsecret-token,1,0\nsecret-token,1,0\n", 'secret-token,"a\n',
     "picture,Chromis chromis,Sparus aurata\np000.jpg,secret-token,0\n", "picture,picture,Chromis chromis,Sparus aurata,secret-token\n"],
)  # fmt: skip
def test_an_error_never_holds_what_stands_in_the_file(tmp_path, text):
    (tmp_path / "hand.csv").write_text(text)
    with pytest.raises(HandCountError) as caught:
        read(tmp_path / "hand.csv", NAMES, TAXA, 1)
    assert "secret" not in str(caught.value)
    assert "expected" in str(caught.value) or "random" in str(caught.value) or "line" in str(caught.value)


def test_nothing_counted_yet_is_no_count(tmp_path):
    assert read(table(tmp_path, f"{ORDER[0]},,"), NAMES, TAXA, 1).counts.shape == (0, 2)


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_bytes_are_counts_or_said_to_be_none(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "hand.csv"
    path.write_bytes(b"picture,Chromis chromis,Sparus aurata\n" + data)
    problem = ""
    try:
        counts = read(path, NAMES, TAXA, 1).counts
    except HandCountError as error:
        problem, counts = str(error), np.zeros((0, 2))
    assert not problem or "hand.csv" in problem
    assert (counts >= 0).all()
