"""Squares, sizes and numbers: each step by hand on small pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tidelab.science.preprocessing import (
    border_colour,
    fitted,
    normalise,
    prepare,
    resize,
    shorter_side,
    square,
)

SPEC = {
    "crop": "pad-square",
    "fill": "border",
    "resample": "area",
    "mean": (127.5,) * 3,
    "scale": (127.5,) * 3,
}


def columns(height, width):
    """Return a picture whose value is its column number."""
    return np.broadcast_to(np.arange(width, dtype=np.uint8)[None, :, None], (height, width, 3)).copy()


def test_centre_square_cuts_the_longer_side_around_its_centre():
    assert square(columns(4, 10), "centre-square")[0, :, 0].tolist() == [3, 4, 5, 6]
    assert square(columns(4, 9), "centre-square")[0, :, 0].tolist() == [2, 3, 4, 5]
    assert square(columns(4, 10).swapaxes(0, 1), "centre-square")[:, 0, 0].tolist() == [3, 4, 5, 6]


def test_pad_square_loses_nothing_and_fills_with_what_was_asked():
    padded = square(columns(2, 6), "pad-square", fill=200)
    assert padded.shape == (6, 6, 3)
    assert padded[2:4].tolist() == columns(2, 6).tolist()
    assert (padded[:2] == 200).all()
    assert (padded[4:] == 200).all()


def test_border_is_the_median_of_the_edge_not_of_the_particle():
    pixels = np.full((9, 9, 3), (150, 160, 170), np.uint8)
    pixels[1:-1, 1:-1] = 10
    pixels[0, 0] = 255
    assert border_colour(pixels).tolist() == [150, 160, 170]


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["centre-square", "pad-square"]))
def test_any_picture_becomes_square(height, width, crop):
    assert square(columns(height, width), crop).shape == (
        (min, max)[crop == "pad-square"](height, width),
    ) * 2 + (3,)


def test_normalisation_is_per_channel_in_rgb_order():
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    found = normalise(pixels, (0.0, 128.0, 0.0), (1.0, 64.0, 255.0))
    assert found.dtype == np.float32
    assert found[0, 0].tolist() == [0.0, 0.0, 1.0]


def test_resize_averages_when_it_shrinks():
    checks = np.indices((8, 8)).sum(axis=0)[:, :, None] % 2 * np.full(3, 255)
    assert np.abs(resize(checks.astype(np.uint8), 4, "area").astype(int) - 127).max() <= 1


def test_prepare_is_deterministic_and_of_the_right_shape():
    pixels = np.random.default_rng(0).integers(0, 256, (31, 77, 3)).astype(np.uint8)
    first, second = (prepare(pixels, size_px=64, **SPEC) for _ in range(2))
    assert first.shape == (64, 64, 3)
    assert first.tobytes() == second.tobytes()


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="centre-square or pad-square"):
        square(columns(2, 2), "middle")
    with pytest.raises(ValueError, match="bilinear, bicubic"):
        resize(columns(2, 2), 4, "nearest")


def test_shorter_side_is_resized_before_the_middle_is_cut():
    """7 x 4 px to 2: the longer side is int(2 * 7 / 4) = 3, and round(0.5) = 0 columns are cut on the left."""
    pixels = columns(4, 7) * 30
    whole = np.asarray(Image.fromarray(pixels).resize((3, 2), Image.Resampling.BILINEAR))
    assert shorter_side(pixels, 2, "bilinear").tolist() == whole[:, 0:2].tolist()
    upright = shorter_side(pixels.swapaxes(0, 1), 2, "bilinear")
    assert upright.tolist() == whole[:, 0:2].swapaxes(0, 1).tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(4, 24))
def test_shorter_side_of_any_picture(height, width, size):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    made = fitted(pixels, size_px=size, crop="shorter-side", fill="border", resample="bilinear")
    assert made.shape == (size, size, 3)
    if height == width:
        assert (made == resize(pixels, size, "bilinear")).all()


def test_a_strip_is_cut_from_its_middle_without_being_enlarged_whole():
    strip = np.zeros((1, 20_000, 3), np.uint8)
    strip[:, 9_990:10_010] = 200
    made = shorter_side(strip, 224, "bilinear")  # 224 x 4,480,000 px otherwise: 3 GB
    assert made.shape == (224, 224, 3)
    assert (made == 200).all()


def test_shorter_side_refuses_what_square_does_not_know():
    with pytest.raises(ValueError, match="resample"):
        shorter_side(columns(4, 4), 4, "nearest")
    with pytest.raises(ValueError, match="before resizing"):
        square(columns(4, 4), "shorter-side")
