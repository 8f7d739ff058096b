"""Regions from strips equal those of labelling the whole picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from zooscan import regions
from zooscan.objects import Runs

EIGHT = np.ones((3, 3), bool)
pictures = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans())


def painted(runs: Runs, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for row, start, stop in runs:
        mask[row, start:stop] = True
    return mask


@given(pictures, st.integers(1, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_strips_give_the_regions_of_the_whole_picture(picture: np.ndarray, rows: int) -> None:
    stream = regions.RegionStream()
    found = [
        part for start in range(0, len(picture), rows) for part in stream.add(picture[start : start + rows])
    ]
    found += list(stream.finish())
    found.sort(key=lambda part: (part[0, 0], part[0, 1]))
    labels, number = ndimage.label(picture, EIGHT)
    expected = sorted(
        (labels == label for label in range(1, number + 1)), key=lambda mask: int(np.flatnonzero(mask)[0])
    )
    assert len(found) == number
    for part, mask in zip(found, expected, strict=True):
        assert np.array_equal(painted(part, picture.shape), mask)


@given(pictures)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_holes_are_those_of_scipy(picture: np.ndarray) -> None:
    labels, number = ndimage.label(picture, EIGHT)
    for label in range(1, number + 1):
        mask = labels == label
        hole = regions.hole_runs(regions.find_runs(mask))
        assert np.array_equal(painted(hole, mask.shape), ndimage.binary_fill_holes(mask) & ~mask)


@given(pictures, st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_labels_of_runs_are_those_of_scipy(picture: np.ndarray, diagonal: bool) -> None:
    runs = regions.find_runs(picture)
    number, labels = regions.label_runs(runs, diagonal=diagonal)
    assert number == ndimage.label(picture, EIGHT if diagonal else None)[1]
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in range(number)]
    assert firsts == sorted(firsts)
    assert regions.area_of(runs) == picture.sum()


def test_small_regions_are_dropped_and_open_ones_kept() -> None:
    stream = regions.RegionStream(min_box_px=4)
    assert list(stream.add(np.array([[1, 0, 0, 1, 1]], bool))) == []
    done = list(stream.add(np.array([[0, 0, 0, 1, 1]], bool)))
    assert done == []
    assert [part.tolist() for part in stream.finish()] == [[[0, 3, 5], [1, 3, 5]]]


def test_noise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "MAX_RUNS", 3)
    with pytest.raises(regions.TooManyRunsError, match="runs of pixels"):
        list(regions.RegionStream().add(np.eye(9, dtype=bool)))
