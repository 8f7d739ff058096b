"""The scale: its table against its edges, and cases worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from eyeonwater.forel_ule import (
    BLUEST_DEG,
    BROWNEST_DEG,
    CHROMATICITY,
    EDGES_DEG,
    forel_ule,
    forel_ule_range,
    hue_angle_deg,
    hue_angle_sd_deg,
)
from hypothesis import given
from hypothesis import strategies as st


def test_the_edges_lie_half_way_between_the_hues_of_the_published_table() -> None:
    hues = [hue_angle_deg(x, y) for x, y in CHROMATICITY]
    middles = [(one + other) / 2 for one, other in pairwise(hues)]
    assert len(hues) == 21
    assert np.abs(np.array(middles) - np.array(EDGES_DEG)).max() < 0.3


def test_each_colour_of_the_table_is_itself() -> None:
    assert [forel_ule(hue_angle_deg(x, y)) for x, y in CHROMATICITY] == list(range(1, 22))


@pytest.mark.parametrize(
    ("x", "y", "degrees"),
    [
        (0.5, 1 / 3, 0.0),
        (1 / 3, 0.5, 90.0),
        (0.2, 1 / 3, 180.0),
        (1 / 3, 0.2, 270.0),
        (0.4333333333, 0.4333333333, 45.0),
    ],
)
def test_hue_angles_by_hand(x: float, y: float, degrees: float) -> None:
    assert math.isclose(hue_angle_deg(x, y), degrees, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("degrees", "colour"),
    [
        (234.55, 1),
        (234.56, 0),
        (227.169, 1),
        (227.168, 2),
        (150.0, 6),
        (90.0, 9),
        (22.742, 20),
        (22.741, 21),
        (19.0, 21),
        (18.99, 0),
        (300.0, 0),
    ],
)
def test_colours_at_the_edges(degrees: float, colour: int) -> None:
    assert forel_ule(degrees) == colour


@given(st.floats(BROWNEST_DEG, BLUEST_DEG), st.floats(0, 90))
def test_a_range_holds_its_colour_and_stays_on_the_scale(degrees: float, sd: float) -> None:
    low, high = forel_ule_range(degrees, sd)
    assert 1 <= low <= forel_ule(degrees) <= high <= 21


def test_no_range_without_a_colour() -> None:
    assert forel_ule_range(300.0, 5.0) == (0, 0)


def test_the_spread_of_the_hue_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(1)
    x, y, covariance = 0.25, 0.31, np.array([[4e-6, 1e-6], [1e-6, 9e-6]])
    drawn = rng.multivariate_normal((x, y), covariance, 20_000)
    hues = np.array([hue_angle_deg(*point) for point in drawn])
    assert math.isclose(hue_angle_sd_deg(x, y, covariance), float(hues.std()), rel_tol=0.03)


def test_at_the_white_point_every_hue_is_as_likely() -> None:
    assert hue_angle_sd_deg(1 / 3, 1 / 3, np.eye(2) * 1e-6) == 180.0
