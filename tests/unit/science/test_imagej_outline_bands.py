"""ImageJ's distance map, the bands around an outline, the turn of a picture and its automatic threshold."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tidelab.science.imagej import fractal, rotation
from tidelab.science.imagej.distance import distance_maps
from tidelab.science.imagej.fractal import WIDTHS_PX, band_areas, fractal_dimension
from tidelab.science.imagej.rotation import rotate
from tidelab.science.imagej.threshold import isodata_threshold

masks = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans())


def test_distances_from_one_pixel_by_hand() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    inside, outside = distance_maps(mask, 40)
    assert inside.sum() == inside[4, 4] == 1
    # 41 a side, 58 a corner, 92 a knight's step: (3, 1) is one side and one knight, 133 / 41 = 3.24.
    assert [int(outside[4, 4 + step]) for step in (1, 2, 3)] == [1, 2, 3]
    assert (outside[5, 5], outside[6, 6], outside[7, 7], outside[5, 6], outside[5, 7]) == (1, 3, 4, 2, 3)
    assert np.array_equal(outside, outside[::-1])
    assert np.array_equal(outside, outside.T)


@given(masks)
@settings(max_examples=40, deadline=None)
def test_distances_are_those_of_euclid_within_the_error_of_the_chamfer(mask: np.ndarray) -> None:
    maps = distance_maps(mask, 40)
    for found, side in zip(maps, (mask, ~mask), strict=True):
        assert not found[~side].any()
        if side.all():
            assert (found == 41).all()  # further than asked for
        elif side.any():
            exact = ndimage.distance_transform_edt(side)
            assert (np.abs(found - exact)[side] <= 0.5 + 0.03 * exact[side] + 1e-9).all()


def test_bands_around_a_pixel_by_hand() -> None:
    # In a picture of 4 x 4 px there are 8 neighbours at one pixel (41 or 58 units of 41), and 4 + 3 further ones.
    areas = band_areas(np.ones((1, 1), bool))
    assert areas[0] == 9
    assert areas[-1] == 16
    assert len(areas) == len(WIDTHS_PX) == 26


def test_the_dimension_of_a_smooth_outline_is_1_and_noise_is_rougher() -> None:
    y, x = np.mgrid[-150:151, -150:151]
    assert fractal_dimension(x**2 + y**2 <= 150**2) == pytest.approx(1.0, abs=0.05)
    rough = fractal_dimension(np.random.default_rng(1).random((64, 64)) < 0.4)
    assert rough > 1.5
    assert math.isnan(fractal_dimension(np.zeros((3, 3), bool)))


def test_bands_of_a_large_object_need_no_picture_of_twice_its_size() -> None:
    small, large = np.ones((210, 210), bool), np.ones((210, 4000), bool)
    grown = [b - a for a, b in zip(band_areas(small), band_areas(large), strict=True)]
    # Each pixel more of length adds the band on both long sides: its width inside and outside, on either.
    assert grown == [3790 * 4 * width for width in WIDTHS_PX]


@given(
    arrays(bool, st.tuples(st.integers(1, 90), st.integers(1, 20)), elements=st.booleans()),
    st.integers(400, 3000),
)
@settings(max_examples=25, deadline=None)
def test_bands_are_the_same_in_strips(mask: np.ndarray, strip: int) -> None:
    whole = band_areas(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fractal, "_STRIP_PX", strip)
        assert band_areas(mask) == whole


def test_bands_of_a_fibre_are_the_same_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:400, :300]
    mask = np.abs(y - 1.3 * x) < 3
    whole = band_areas(mask)
    assert len(set(whole)) == len(whole)
    for strip in (1000, 20_000):
        monkeypatch.setattr(fractal, "_STRIP_PX", strip)
        assert band_areas(mask) == whole


def test_maps_and_turns_hold_few_bytes_for_each_pixel() -> None:
    picture = np.zeros((1500, 1500), np.uint8)
    for work, most in (
        (lambda: distance_maps(picture == 0, 40), 12),  # two maps of four bytes, and masks
        (lambda: rotate(picture, 30.0), 2),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rotation, "_STRIP_PIXELS", 2**12)
            tracemalloc.start()
            try:
                work()
                assert tracemalloc.get_traced_memory()[1] < most * picture.size
            finally:
                tracemalloc.stop()


@given(arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9))))
@settings(max_examples=40)
def test_whole_turns_keep_a_picture(picture: np.ndarray) -> None:
    assert np.array_equal(rotate(picture, 0), picture)
    assert np.abs(rotate(picture, 360).astype(int) - picture).max() <= 1
    if picture.shape[0] == picture.shape[1]:
        # A quarter clockwise; edges are read 0.001 px inside, which can cost one grey level.
        assert np.abs(rotate(picture, 90).astype(int) - np.rot90(picture, -1)).max() <= 1


def test_what_comes_from_outside_is_background() -> None:
    turned = rotate(np.zeros((21, 21), np.uint8), 45)
    assert (turned[0, 0], turned[10, 10], turned[0, 10]) == (255, 0, 0)
    assert rotate(np.zeros((21, 21), np.uint8), 45, background=7)[0, 0] == 7


def test_a_turned_picture_is_the_same_in_strips() -> None:
    picture = (
        np.random.default_rng(3).integers(0, 256, (1030, 1030)).astype(np.uint8)
    )  # one strip and six rows
    whole = rotate(picture, 30.25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rotation, "_STRIP_PIXELS", 5000)
        assert np.array_equal(rotate(picture, 30.25), whole)


def test_the_threshold_lies_between_two_classes() -> None:
    counts = np.zeros(256, np.int64)
    counts[[40, 60]] = 10
    counts[200] = 30
    assert isodata_threshold(counts) == 125  # (50 + 200) / 2
    counts[[0, 255]] = 10**6
    assert isodata_threshold(counts) == 125
    assert isodata_threshold(np.bincount([0, 255], minlength=256)) == 128
    assert isodata_threshold(np.bincount([7], minlength=256)) == 128
