"""Slope, contrast, parts and symmetry: the measured crop is in test_features; here shapes that a person can check."""

import math
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy import ndimage
from zooscan import inner_shape
from zooscan.features import FEATURES, measure
from zooscan.inner_shape import contrast, histogram, parts_at, slope, turned, turned_at

from tidelab.science.imagej.fractal import band_areas

SHARED = (
    Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    / "data"
    / "zooscan"
)
LEGACY_BANDS = (
    1470, 1848, 2058, 2292, 2457, 2662, 2842, 3040, 3233, 3451, 3659, 3887, 4115, 4356, 4834, 5084, 5609, 6147, 6717, 7600, 8228, 9220,
    10255, 11341, 12893, 14537,
)  # fmt: skip
"""Band areas of the crop as the legacy software measured them (a test of ecotaxa/ZooProcess-lib quotes them)."""


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the real data at {SHARED}")
def test_the_bands_around_the_measured_crop_are_the_legacy_ones() -> None:
    grey = np.asarray(Image.open(SHARED / "crop_2855_223.png"))
    labels, _ = ndimage.label(grey <= 243, np.ones((3, 3)))
    assert tuple(band_areas(labels == np.bincount(labels.ravel())[1:].argmax() + 1)) == LEGACY_BANDS


def test_slope_by_hand() -> None:
    # All n pixels of one level: the standard deviation of (n, 0, ..., 0) of 255 values is n / sqrt(255); that of the levels is 73.756.
    counts = histogram(np.full((4, 5), 9, np.uint8), np.ones((4, 5), bool))
    assert counts[9] == counts.sum() == 20
    assert slope(counts) == pytest.approx(20 / math.sqrt(255) / math.sqrt(255 * 256 / 12))


def test_contrast_by_hand() -> None:
    grey = np.full((3, 4), 100, np.uint8)
    grey[1, 1], grey[1, 2] = 20, 20
    mask = np.ones((3, 4), bool)
    counts = histogram(grey, mask)
    # Two pixels of level 20 (at most 5 of them, and 10 of level 100), each with 7 neighbours of 100 and one of 20: 80 * 7 / 8 = 70 apart. Summed up with all before
    # it: 70 + 140, times 2 / 256, over the two and one.
    assert contrast(grey, mask, counts, (5, 5, 5)) == pytest.approx((70 + 140) * 2 / 256 / 3)
    # With quartiles of 0 there is no such level, and level 0 has no pixel.
    assert contrast(grey, mask, counts, (0, 0, 0)) == 0
    assert contrast(grey[:2], mask[:2], counts, (5, 5, 5)) == 0


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)),
    st.tuples(*[st.integers(0, 60)] * 3),
    st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)
def test_contrast_is_that_of_the_definition_in_strips_too(
    grey: np.ndarray, quartiles: tuple[int, int, int], strip: int
) -> None:
    mask = grey < 3
    counts = histogram(grey, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inner_shape, "STRIP_PX", strip)
        found = contrast(grey, mask, counts, quartiles)
    picture = np.where(mask, grey, 255).astype(int)
    total, visited = 0.0, 1
    for level in {
        max((one for one in range(255) if 0 < counts[one] <= most), default=0) for most in quartiles
    }:
        so_far = 0.0
        for x in range(1, grey.shape[1] - 1):
            for y in range(1, grey.shape[0] - 1):
                if picture[y, x] == level:
                    around = picture[y - 1 : y + 2, x - 1 : x + 2].sum() - level
                    so_far += abs(level - around / 8)
                    total += so_far * counts[level] / 256
                    visited += 1
    assert found == pytest.approx(total / visited)


def test_a_fibre_that_lies_aslant_needs_few_bytes_for_each_pixel_of_its_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its box has a hundred times its pixels.
    mask = ndimage.binary_dilation(np.eye(1500, dtype=bool), np.ones((3, 9)))
    grey = np.where(mask, 100, 255).astype(np.uint8)
    counts = histogram(grey, mask)
    assert contrast(grey, mask, counts, (100, 100, 100)) == 0
    monkeypatch.setattr(inner_shape, "STRIP_PX", 2**16)
    monkeypatch.setattr("tidelab.science.imagej.fractal._STRIP_PX", 2**16)

    def bytes_a_pixel(work: object) -> float:
        tracemalloc.start()
        try:
            assert callable(work)
            work()
            return tracemalloc.get_traced_memory()[1] / mask.size
        finally:
            tracemalloc.stop()

    assert bytes_a_pixel(lambda: contrast(grey, mask, counts, (100, 100, 100))) < 4
    assert bytes_a_pixel(lambda: band_areas(mask)) < 8
    square = inner_shape.Turned(grey, int(mask.sum()))
    assert bytes_a_pixel(square.horizontal) < 4
    assert bytes_a_pixel(square.vertical) < 6


def test_parts_that_remain_after_an_erosion_by_hand() -> None:
    grey = np.full((9, 20), 200, np.uint8)
    grey[1:8, 1:8] = 10  # 7 x 7, 5 x 5 after the erosion
    grey[2:6, 10:14] = 10  # 4 x 4, 2 x 2 after it: fewer than 5 px
    grey[2:7, 15:19] = 10  # 5 x 4, 3 x 2 after it
    mask = np.ones((9, 20), bool)
    assert parts_at(grey, mask, 10) == 2
    assert parts_at(grey, mask, 9) == 0
    assert parts_at(grey, mask, 200) == 1
    assert parts_at(grey[:, 2:9], mask[:, 2:9], -1) == 0
    grey[4, 4] = 200  # 5 x 5 with a hole of 3 x 3: filled, as "include" does
    assert parts_at(grey, mask, 10) == 2


def test_a_disc_is_symmetric_and_its_thickness_is_that_of_a_circle() -> None:
    y, x = np.mgrid[-30:31, -30:31]
    disc = turned(x**2 + y**2 <= 30**2)
    assert disc is not None
    assert disc.square.shape == (103, 103)  # 61 * sqrt(2) * 1.2 = 103.5
    whole = disc.square.size / 2 / disc.area_px
    # Nearly all pixels of the square equal their mirror images, not only the object's.
    assert 0.93 * whole < disc.horizontal() <= whole
    assert 0.93 * whole < disc.vertical() <= whole
    assert 1 < disc.thickness_ratio(25.4 / 2400) < 1.6
    assert disc.thickness_ratio(10.0) > 1  # a line for each pixel, at any resolution


def test_a_bar_is_thickest_everywhere_the_same() -> None:
    bar = turned(np.ones((11, 91), bool))
    assert bar is not None
    # Lines every 9 px cross it eleven times, 11 px thick each: 11 / (10 * 11 / 11).
    assert bar.thickness_ratio(25.4 / 2400) == pytest.approx(11 / 10)


def test_what_the_macro_does_not_settle_is_empty() -> None:
    comet = np.zeros((10, 100), bool)
    comet[:, :10] = True
    comet[5, :] = True  # its centre of area lies far to the left
    assert turned(comet) is None
    found = measure(np.where(comet, 50, 255).astype(np.uint8), comet)
    assert all(math.isnan(found[name]) for name in ("Symetrieh", "Symetriev", "ThickR"))
    assert not math.isnan(found["Fractal"])
    assert turned(np.ones((1, 1), bool)) is None
    grey, mask = np.full((6, 6), 50, np.uint8), np.ones((6, 6), bool)
    assert turned_at(grey, mask, histogram(grey, mask), 49) is None  # no pixel has that level
    assert turned_at(grey, mask, histogram(grey, mask), -1) is None
    assert turned_at(grey, mask, histogram(grey, mask), 50) is not None


def test_what_is_too_large_to_be_turned_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.full((30, 40), 50, np.uint8)
    mask = np.ones(grey.shape, bool)
    monkeypatch.setattr(inner_shape, "MAX_SQUARE_PX", 60**2)  # 1.2 times the diagonal of 50
    assert turned(mask) is not None
    monkeypatch.setattr(inner_shape, "MAX_SQUARE_PX", 60**2 - 1)
    assert turned(mask) is None
    found = measure(grey, mask)
    for name in ("Symetrieh", "Symetriev", "Symetriehc", "Symetrievc", "ThickR"):
        assert math.isnan(found[name])
    assert not math.isnan(found["Fractal"] + found["Fcons"])


def test_only_the_largest_light_part_is_turned() -> None:
    grey = np.full((20, 60), 200, np.uint8)
    grey[2:18, 2:18], grey[8:12, 30:50] = 10, 10
    mask = np.ones((20, 60), bool)
    part = turned_at(grey, mask, histogram(grey, mask), 10)
    assert part is not None
    assert part.area_px == 16 * 16


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 255)))
@settings(max_examples=60, deadline=None)
def test_every_object_has_a_row(grey: np.ndarray) -> None:
    labels, number = ndimage.label(grey <= 200, np.ones((3, 3)))
    for count, box in enumerate(ndimage.find_objects(labels), start=1):
        row = measure(grey[box], labels[box] == count)
        assert list(row) == [feature.name for feature in FEATURES]
        assert min(row["Nb1"], row["Fcons"], row["Slope"]) >= 0
        assert math.isnan(row["ThickR"]) or row["ThickR"] >= 1
    assert number >= 0
