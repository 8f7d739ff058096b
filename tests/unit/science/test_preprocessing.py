"""Squares, sizes and numbers: each step by hand on small pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.preprocessing import border_colour, normalise, prepare, resize, square

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
