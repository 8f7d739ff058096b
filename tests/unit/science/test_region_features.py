"""Region features of drawn shapes whose area, roundness and elongation are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tidelab.science.features import EXTRACTORS, HOG_REGION, extractor, hog_region_features
from tidelab.science.region_features import NAMES, region_features

Y, X = np.mgrid[:160, :180]


def picture(mask, background=180, dark=60):
    pixels = np.full((*mask.shape, 3), background, np.uint8)
    pixels[mask] = dark
    return pixels


def measured(mask, **levels):
    return dict(zip(NAMES, region_features(picture(mask, **levels)).tolist(), strict=True))


def disc(radius):
    return radius**2 > (Y - 80) ** 2 + (X - 90) ** 2


def ellipse(a, b):
    return ((X - 90) / a) ** 2 + ((Y - 80) / b) ** 2 < 1


@pytest.mark.parametrize("radius", [12, 25, 50])
def test_disc(radius):
    found = measured(disc(radius))
    assert found["circularity"] == pytest.approx(1, abs=0.04)
    assert np.exp(found["log_area_px"]) == pytest.approx(np.pi * radius**2, rel=0.07)
    assert found["eccentricity"] < 0.1
    assert found["elongation"] == pytest.approx(1, abs=0.02)
    assert found["solidity"] > 0.95
    assert found["euler_number"] == 1


def test_ellipse_has_the_eccentricity_of_its_axes():
    found = measured(ellipse(60, 25))
    assert found["eccentricity"] == pytest.approx(np.sqrt(1 - (25 / 60) ** 2), abs=0.02)
    assert found["elongation"] == pytest.approx(60 / 25, rel=0.06)
    assert np.exp(found["log_major_axis_px"]) == pytest.approx(120, rel=0.04)


def test_ring_has_a_hole():
    found = measured(disc(50) & ~disc(35))
    assert found["euler_number"] == 0
    assert found["filled_share"] < 0.7
    assert found["circularity"] == pytest.approx(1, abs=0.04), "holes do not change the outline"


def test_darkness_is_a_share_of_the_background():
    found = measured(disc(40), background=200, dark=50)
    assert found["darkness_p50"] == pytest.approx(0.75, abs=0.01)
    assert found["background_grey"] == pytest.approx(200, abs=0.1)


def test_a_turn_changes_shape_features_little():
    shape = ellipse(60, 25)
    first = measured(shape)
    turned = measured(np.rot90(shape))
    for name in ("circularity", "eccentricity", "solidity", "log_area_px", "hu_1"):
        assert turned[name] == pytest.approx(first[name], rel=0.01), name


def test_a_large_picture_is_reported_in_its_own_pixels():
    small = measured(disc(40))
    large = dict(
        zip(NAMES, region_features(np.repeat(np.repeat(picture(disc(40)), 5, 0), 5, 1)).tolist(), strict=True)
    )
    assert large["log_area_px"] - small["log_area_px"] == pytest.approx(np.log(25), abs=0.08)
    assert large["image_width_px"] == 5 * small["image_width_px"]


def test_an_empty_picture_has_no_particle():
    found = measured(np.zeros((40, 40), bool))
    assert found["log_area_px"] == 0
    assert found["image_width_px"] == 40


@settings(max_examples=60, deadline=None)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_picture_gives_finite_numbers(pixels):
    for name, measure in EXTRACTORS.items():
        vector = measure(pixels)
        assert vector.dtype == np.float32, name
        assert np.isfinite(vector).all(), name


def test_lengths_are_fixed():
    pixels = picture(disc(30))
    assert region_features(pixels).shape == (len(NAMES),)
    assert hog_region_features(pixels).shape == (288 + len(NAMES),)
    assert extractor(HOG_REGION) is hog_region_features


def test_unknown_extractor_names_the_known_ones():
    with pytest.raises(ValueError, match=r"region_features:9.*region_features:1"):
        extractor("tidelab.science.region_features:9")
