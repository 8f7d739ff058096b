"""The colour of a photo: known waters, greys, glint, darkness, and pictures of every size."""

import math

import numpy as np
import pytest
from eyeonwater import colour, synthetic
from eyeonwater.colour import WaterColour, measure, water_colour
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays


def plain(red: int, green: int, blue: int, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    return np.full((*size, 3), (red, green, blue), np.uint8)


def test_the_adaptation_takes_the_white_of_srgb_to_equal_energy() -> None:
    # The matrix that Burggraaff et al. print for the same step.
    published = [
        [1.0502616, 0.0270757, -0.0232523],
        [0.0390650, 0.9729502, -0.0092579],
        [-0.0024047, 0.0026446, 0.9180873],
    ]
    assert np.allclose(colour.adaptation(), published, atol=5e-6)
    assert np.allclose(colour.chromaticity(np.array([1.0, 1.0, 1.0])), [1 / 3, 1 / 3], atol=2e-5)


@pytest.mark.parametrize("wanted", range(1, 22))
def test_drawn_water_has_its_colour(wanted: int) -> None:
    found = water_colour(synthetic.water(np.random.default_rng(wanted), wanted))
    assert found.forel_ule == wanted
    low, high = found.forel_ule_range
    assert low <= wanted <= high
    assert 0 < found.hue_sd_deg < 10


def test_a_colour_worked_out_by_hand() -> None:
    """SRGB (40, 110, 120): linear 0.0212, 0.1559, 0.1878 by the formula of the standard, then two matrices."""
    light = [((value / 255 + 0.055) / 1.055) ** 2.4 for value in (40, 110, 120)]
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = colour.adaptation() @ to_xyz @ light
    found = water_colour(plain(40, 110, 120))
    assert math.isclose(found.x, xyz[0] / xyz.sum(), abs_tol=2e-4)
    assert math.isclose(found.y, xyz[1] / xyz.sum(), abs_tol=2e-4)
    assert found.forel_ule == 4


@pytest.mark.parametrize("grey", [20, 128, 240])
def test_grey_has_no_hue(grey: int) -> None:
    found = water_colour(plain(grey, grey, grey))
    assert math.isnan(found.hue_deg)
    assert (found.forel_ule, found.forel_ule_range) == (0, (0, 0))


def test_a_near_grey_has_none_and_a_stronger_tint_has_one() -> None:
    assert water_colour(plain(132, 128, 124)).forel_ule == 0
    assert water_colour(plain(140, 128, 110)).forel_ule > 0


@pytest.mark.parametrize("pixels", [plain(255, 255, 255), plain(5, 6, 8), plain(40, 110, 120, (6, 9))])
def test_nothing_to_measure(pixels: np.ndarray) -> None:
    found = water_colour(pixels)
    assert math.isnan(found.hue_deg)
    assert set(measure(pixels).values()) <= {0.0, 1.0}


def test_glint_is_left_out() -> None:
    calm = synthetic.water(np.random.default_rng(3), 6, glint=0.0)
    sunny = synthetic.water(np.random.default_rng(3), 6, glint=0.3)
    assert water_colour(sunny).forel_ule == water_colour(calm).forel_ule == 6
    assert water_colour(sunny).used < 0.8


def test_glints_of_single_pixels_are_left_out_of_a_large_photo() -> None:
    """As a telephone takes it: 12 million pixels, every twelfth of them the sun. The rest is one colour, which has to come out exactly."""
    photo = plain(40, 110, 120, (3000, 4000))
    photo[::3, ::4] = 255
    found, calm = water_colour(photo), water_colour(plain(40, 110, 120))
    assert math.isclose(found.used, 11 / 12, abs_tol=1e-3)
    # Averaged into the water first, they would bleach it by an eighth and turn its hue by more than a degree.
    assert math.isclose(found.purity, calm.purity, rel_tol=1e-4)
    assert math.isclose(found.hue_deg, calm.hue_deg, abs_tol=1e-2)


def test_what_is_at_the_edge_does_not_matter() -> None:
    photo = synthetic.water(np.random.default_rng(4), 12).copy()
    photo[:40] = (200, 30, 30)
    assert water_colour(photo).forel_ule == 12


@settings(max_examples=25)
@given(arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3))))
def test_any_picture_gives_finite_numbers(pixels: np.ndarray) -> None:
    found = measure(pixels)
    assert all(math.isfinite(value) for value in found.values())
    assert found["forel_ule_low"] <= found["forel_ule"] <= found["forel_ule_high"]


def test_a_large_photo_is_the_small_one() -> None:
    small = synthetic.water(np.random.default_rng(5), 15)
    large = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    assert math.isclose(water_colour(large).hue_deg, water_colour(small).hue_deg, abs_tol=1.0)


def test_a_colour_is_a_plain_record() -> None:
    assert WaterColour(0.2, 0.2, 227.0, 1.0, 0.1, 1.0).forel_ule_range == (1, 2)
