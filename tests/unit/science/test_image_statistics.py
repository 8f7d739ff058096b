"""What an image looks like in numbers: known answers, and that each number means what its name says."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFilter

from tidelab.science.image_statistics import SHARPNESS_SIDE_PX, STATISTICS, image_statistics


def flat(red, green, blue, height=40, width=60):
    return np.full((height, width, 3), (red, green, blue), dtype=np.uint8)


def textured(side=100, seed=1):
    return np.random.default_rng(seed).integers(60, 200, (side, side, 3), dtype=np.uint8)


def test_a_flat_image_has_known_numbers():
    values = image_statistics(flat(200, 100, 50))
    assert values["width_px"] == 60
    assert values["height_px"] == 40
    assert values["aspect"] == 1.5
    # ITU-R BT.601: 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2, in whole grey values 124
    assert values["brightness"] == 124
    assert values["background"] == 124
    assert values["contrast"] == 0
    assert values["sharpness"] == 0
    assert values["saturation"] == pytest.approx(0.75)
    assert values["red_minus_blue"] == 150
    assert values["green_excess"] == -25


def test_half_black_half_white():
    pixels = flat(0, 0, 0, 10, 10)
    pixels[:, 5:] = 255
    values = image_statistics(pixels)
    assert values["brightness"] == 127.5
    assert values["contrast"] == 127.5
    # Laplacian of the 8 x 8 middle: +255 in one column, -255 in the next, 0 elsewhere; variance 255^2 / 4, over 127.5^2
    assert values["sharpness"] == pytest.approx(1.0)


def test_the_background_is_the_edge_and_not_the_particle():
    pixels = flat(220, 220, 220)
    pixels[5:-5, 5:-5] = 10
    assert image_statistics(pixels)["background"] == 220


@pytest.mark.parametrize("side", [100, 400])
def test_blur_lowers_sharpness_and_leaves_brightness(side):
    sharp = textured(side)
    blurred = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(3 * side / 100)))
    before, after = image_statistics(sharp), image_statistics(blurred)
    assert after["sharpness"] < before["sharpness"] / 2
    assert after["brightness"] == pytest.approx(before["brightness"], abs=1.5)


def test_sharpness_does_not_call_faint_or_large_images_blurred():
    base = textured(SHARPNESS_SIDE_PX)
    faint = (base // 4 + 100).astype(np.uint8)
    enlarged = np.asarray(Image.fromarray(base).resize((512, 512), Image.Resampling.NEAREST))
    expected = image_statistics(base)["sharpness"]
    assert image_statistics(faint)["sharpness"] == pytest.approx(expected, rel=0.05)
    assert image_statistics(enlarged)["sharpness"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 900), (2, 2), (3, 3), (900, 1)])
def test_tiny_and_thin_images_have_all_numbers(height, width):
    values = image_statistics(np.zeros((height, width, 3), dtype=np.uint8))
    assert list(values) == list(STATISTICS)
    assert all(np.isfinite(value) for value in values.values())


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
@settings(max_examples=60, deadline=None)
def test_every_image_gives_finite_numbers_in_range_and_turning_it_keeps_its_look(pixels):
    values = image_statistics(pixels)
    assert all(np.isfinite(value) for value in values.values())
    assert 0 <= values["brightness"] <= 255
    assert 0 <= values["background"] <= 255
    assert 0 <= values["contrast"] <= 127.5
    assert 0 <= values["saturation"] <= 1
    assert values["aspect"] >= 1
    turned = image_statistics(np.rot90(pixels))
    assert (turned["width_px"], turned["height_px"]) == (values["height_px"], values["width_px"])
    for name in (
        "brightness",
        "background",
        "contrast",
        "sharpness",
        "saturation",
        "red_minus_blue",
        "green_excess",
    ):
        assert turned[name] == pytest.approx(values[name], abs=1e-9, rel=1e-9)


def test_a_view_with_strides_gives_the_same_as_its_copy():
    pixels = textured()[::2, ::-1]
    assert image_statistics(pixels) == image_statistics(pixels.copy())


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused_in_words(pixels):
    with pytest.raises(ValueError, match=r"uint8 array of shape \(height, width, 3\)"):
        image_statistics(pixels)


def test_a_hundred_pixel_image_takes_milliseconds_at_most():
    pixels = textured(100)
    image_statistics(pixels)
    fastest = min(_seconds(pixels) for _ in range(20))
    assert fastest < 0.005  # about 0.5 ms; the margin is for a busy machine


def _seconds(pixels):
    start = time.perf_counter()
    image_statistics(pixels)
    return time.perf_counter() - start
