"""Sizes and biovolumes: circles, spheres and spheroids of known size, drawn and computed."""

import math

import numpy as np
import pytest
from scipy import ndimage

from tidelab.science.biovolume import equivalent_diameter_um, prolate_spheroid_um3, sphere_um3
from tidelab.science.particle_size import NAMES, axes_of, particle_size


def ellipse(width: float, height: float, side: int = 101, angle: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    along, across = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    return np.asarray((2 * along / width) ** 2 + (2 * across / height) ** 2 <= 1)


def test_known_answers() -> None:
    assert float(equivalent_diameter_um(math.pi * 25, 1.0)) == pytest.approx(10)
    assert float(equivalent_diameter_um(math.pi * 25, 0.5)) == pytest.approx(5)
    assert float(sphere_um3(10)) == pytest.approx(523.5988)
    assert float(prolate_spheroid_um3(10, 10, 1.0)) == pytest.approx(float(sphere_um3(10)))
    assert float(prolate_spheroid_um3(40, 20, 0.5)) == pytest.approx(math.pi / 6 * 20 * 10 * 10)
    np.testing.assert_allclose(equivalent_diameter_um([0, math.pi], 2.0), [0, 4])


@pytest.mark.parametrize(
    ("width", "height", "angle"), [(60, 60, 0), (80, 30, 0), (80, 30, 0.7), (21, 9, 1.2)]
)
def test_area_and_axes_of_an_ellipse(width: float, height: float, angle: float) -> None:
    area, major, minor = axes_of(ellipse(width, height, angle=angle))
    assert area == pytest.approx(math.pi / 4 * width * height, rel=0.02)
    assert (major, minor) == (pytest.approx(width, rel=0.02), pytest.approx(height, rel=0.04))


def test_a_single_pixel_and_nothing_at_all() -> None:
    assert axes_of(np.zeros((3, 3), bool)) == (0.0, 0.0, 0.0)
    area, major, minor = axes_of(np.ones((1, 1), bool))
    assert area == 1
    assert major == minor == pytest.approx(4 / math.sqrt(12))
    assert axes_of(np.ones((1, 9), bool))[1] == pytest.approx(4 * math.sqrt(81 / 12))


def test_the_particle_of_a_crop_is_measured_in_pixels_of_the_crop() -> None:
    crop = np.where(ellipse(60, 30)[:, :, None], 60, 200).astype(np.uint8).repeat(3, axis=2)
    found = particle_size(crop)
    assert tuple(found) == NAMES
    assert found["area_px"] == pytest.approx(math.pi / 4 * 60 * 30, rel=0.06)
    assert found["major_axis_px"] == pytest.approx(60, rel=0.04)
    large = np.where(ellipse(600, 300, side=1001)[:, :, None], 60, 200).astype(np.uint8).repeat(3, axis=2)
    shrunk = particle_size(large)
    assert shrunk["area_px"] == pytest.approx(math.pi / 4 * 600 * 300, rel=0.06)
    assert shrunk["minor_axis_px"] == pytest.approx(300, rel=0.04)


@pytest.mark.parametrize(("diameter", "most_px"), [(8, 1.2), (20, 0.9), (80, 0.8)])
def test_a_photographed_disc_comes_out_less_than_a_pixel_too_large(diameter: int, most_px: float) -> None:
    """What docs/explanation/samples-and-effort.md says of the outline: blurred by 0.8 px, with a camera's noise."""
    rng, found = np.random.default_rng(1), []
    side = diameter + 14
    for _ in range(10):
        y, x = np.mgrid[: side * 4, : side * 4] / 4 - side / 2 + 0.125 + rng.uniform(-0.5, 0.5)
        cover = (np.hypot(x, y) < diameter / 2).astype(float).reshape(side, 4, side, 4).mean(axis=(1, 3))
        grey = ndimage.gaussian_filter(165 - 110 * cover, 0.8) + rng.normal(0, 2, cover.shape)
        crop = np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)
        found.append(float(equivalent_diameter_um(particle_size(crop)["area_px"], 1.0)))
    assert 0.2 < np.mean(found) - diameter < most_px


def test_an_empty_crop_has_no_particle() -> None:
    assert particle_size(np.full((20, 30, 3), 128, np.uint8)) == dict.fromkeys(NAMES, 0.0)


@pytest.mark.parametrize("call", [
    lambda: equivalent_diameter_um(-1.0, 1.0), lambda: equivalent_diameter_um(1.0, 0.0), lambda: equivalent_diameter_um(1.0, math.nan),
    lambda: sphere_um3(-1.0), lambda: prolate_spheroid_um3(1.0, -1.0, 1.0), lambda: prolate_spheroid_um3(math.inf, 1.0, 1.0),
])  # fmt: skip
def test_impossible_values_are_refused(call) -> None:
    with pytest.raises(ValueError, match=r"at least 0|above 0"):
        call()
