"""Letterboxes: sizes and places by hand, and the arithmetic of OpenCV in known values (tests/torch compares with OpenCV itself)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.letterbox import GREY, letterbox, placement, resize_linear


def test_a_wide_picture_gets_the_smallest_box_of_whole_strides():
    """1920 x 1080 to 640: 640 x 360, and (640 - 360) mod 32 = 24 grey rows, half above."""
    place = placement(1920, 1080, 640)
    assert (place.scaled_width, place.scaled_height) == (640, 360)
    assert (place.left, place.top) == (0, 12)
    assert (place.box_width, place.box_height) == (640, 384)


def test_an_odd_number_of_grey_rows_has_one_more_below():
    """640 x 475: 165 mod 32 = 5 rows, 2 above and 3 below."""
    place = placement(640, 475, 640)
    assert (place.top, place.box_height) == (2, 480)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([64, 320, 640]))
def test_every_picture_fits(width, height, size):
    place = placement(width, height, size)
    assert place.box_width % 32 == place.box_height % 32 == 0
    assert max(place.scaled_width, place.scaled_height) == size
    assert 0 <= place.left <= place.box_width - place.scaled_width < 32
    assert 0 <= place.top <= place.box_height - place.scaled_height < 32


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4000), st.integers(2, 4000), st.integers(0, 10**6))
def test_boxes_come_back_where_they_were(width, height, seed):
    place = placement(width, height, 640)
    corners = np.sort(np.random.default_rng(seed).uniform(0, 1, (2, 2)), axis=0).ravel()
    box = (corners * [width, height, width, height]).astype(np.float32)[None]
    gain = np.array([place.scaled_width / width, place.scaled_height / height] * 2)
    there = (box * gain + [place.left, place.top] * 2).astype(np.float32)
    assert np.abs(place.to_picture(there) - box).max() <= 1e-3 * max(1.0, 1 / gain.min())


def test_boxes_are_clipped_to_the_picture():
    place = placement(1920, 1080, 640)
    found = place.to_picture(np.array([[-5, 0, 700, 384]], np.float32))
    assert found.tolist() == [[0, 0, 1920, 1080]]


def test_the_picture_lies_in_grey():
    boxed, place = letterbox(np.zeros((30, 64, 3), np.uint8), 64)
    assert boxed.shape == (32, 64, 3)
    assert (boxed[[0, 31]] == GREY).all()
    assert (boxed[place.top : place.top + 30] == 0).all()


def test_a_picture_of_the_right_size_is_not_touched():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 3)).astype(np.uint8)
    assert letterbox(pixels, 64)[0].tolist() == pixels.tolist()


def row(*values):
    return np.repeat(np.array([values], np.uint8)[..., None], 3, axis=2)


def test_resizing_by_hand():
    # Half: the mean of four, rounded half up. (0 + 1 + 0 + 1 + 2) // 4 = 1.
    assert resize_linear(np.vstack([row(0, 1, 10, 20)] * 2), 2, 1)[0, :, 0].tolist() == [1, 15]
    # A third: the middle one of three, nothing averaged.
    assert resize_linear(row(1, 2, 3, 4, 5, 6), 2, 1)[0, :, 0].tolist() == [2, 5]
    # Twice: weights 3/4 and 1/4 of the neighbours; the ends keep their own value.
    assert resize_linear(row(0, 100), 4, 1)[0, :, 0].tolist() == [0, 25, 75, 100]


def test_rows_and_columns_are_treated_alike_up_to_rounding():
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    one, other = resize_linear(pixels, 40, 90), resize_linear(pixels.swapaxes(0, 1), 90, 40).swapaxes(0, 1)
    assert np.abs(one.astype(int) - other).max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(0, 255))
def test_one_grey_stays_that_grey(width, height, new_width, new_height, grey):
    made = resize_linear(np.full((height, width, 3), grey, np.uint8), new_width, new_height)
    assert made.shape == (new_height, new_width, 3)
    assert np.abs(made.astype(int) - grey).max() <= 1


def test_pictures_that_are_views_are_taken():
    pixels = np.random.default_rng(2).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    assert (resize_linear(pixels[::-1, ::-1], 7, 9) == resize_linear(pixels[::-1, ::-1].copy(), 7, 9)).all()


def test_sizes_are_whole_strides():
    with pytest.raises(ValueError, match="multiple of 32"):
        placement(10, 10, 100)
