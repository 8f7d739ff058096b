"""ImageJ's measurements: against plain definitions, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from tidelab.science.imagej import ellipse, filters, histogram, outline

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.booleans())
pictures = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(pictures)
@settings(max_examples=60)
def test_circular_mean_is_the_rounded_mean_of_37_pixels(picture: np.ndarray) -> None:
    kernel = filters.circular_kernel(3)
    assert kernel.sum() == 37
    exact = ndimage.correlate(picture.astype(np.float64), kernel.astype(np.float64), mode="nearest") / 37
    assert np.array_equal(filters.circular_mean(picture), np.floor(exact + 0.5).astype(np.uint8))


def test_resize_reads_where_imagej_reads() -> None:
    source = np.array([[0, 100], [0, 100]], np.uint8)
    # Positions (x - 4/2 - 1) / 2 + 1 = -0.5, 0, 0.5, 1, kept within [0, 0.999].
    assert filters.source_positions(4, 2).tolist() == pytest.approx([0, 0, 0.5, 0.999])
    assert filters.resize(source, 4, 4).tolist() == [[0, 0, 50, 100]] * 4
    assert filters.resize(source, 2, 2).tolist() == source.tolist()


@given(pictures, st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=60)
def test_resize_invents_no_level(picture: np.ndarray, width: int, height: int) -> None:
    found = filters.resize(picture, width, height)
    assert found.shape == (height, width)
    assert picture.min() <= found.min() <= found.max() <= picture.max()


@given(masks)
@settings(max_examples=80)
def test_outline_encloses_the_filled_region(mask: np.ndarray) -> None:
    labels, number = ndimage.label(mask, np.ones((3, 3)))
    for label in range(1, number + 1):
        region = labels == label
        corners = outline.outer_outline(region)
        rows, columns = corners[:, 0], corners[:, 1]
        # Shoelace formula: a clockwise outline along pixel edges encloses whole pixels.
        area = 0.5 * abs(np.dot(columns, np.roll(rows, -1)) - np.dot(rows, np.roll(columns, -1)))
        assert area == ndimage.binary_fill_holes(region).sum()


def test_the_outline_begins_where_the_wand_begins() -> None:
    region = np.array([[0, 1, 1, 0], [1, 1, 1, 1]], bool)
    # (row, column) of corners: after the top right corner (0, 3) comes (1, 3).
    expected = [[1, 3], [1, 4], [2, 4], [2, 0], [1, 0], [1, 1], [0, 1], [0, 3]]
    assert outline.outer_outline(region).tolist() == expected


@pytest.mark.parametrize(
    ("side", "expected"), [(1, 4 - 2 * (2 - math.sqrt(2))), (2, 8 - 4 * (2 - math.sqrt(2)))]
)
def test_perimeter_of_squares_as_imagej_documents_it(side: int, expected: float) -> None:
    assert outline.traced_perimeter(outline.outer_outline(np.ones((side, side), bool))) == pytest.approx(
        expected
    )


@given(masks)
@settings(max_examples=60)
def test_feret_is_the_largest_distance_of_corners(mask: np.ndarray) -> None:
    if mask.any():
        rows, columns = np.nonzero(ndimage.label(mask, np.ones((3, 3)))[0] == 1)
        corners = np.array(
            [
                (row + down, column + right)
                for row, column in zip(rows, columns, strict=True)
                for down in (0, 1)
                for right in (0, 1)
            ]
        )
        distances = np.hypot(*(corners[:, None, side] - corners[None, :, side] for side in (0, 1)))
        region = np.zeros_like(mask)
        region[rows, columns] = True
        assert outline.feret_diameter(outline.outer_outline(region)) == pytest.approx(float(distances.max()))


@given(masks)
@settings(max_examples=60)
def test_a_drawn_hull_covers_its_region(mask: np.ndarray) -> None:
    if mask.any():
        hull = outline.drawn_hull(mask)
        rows, columns = np.nonzero(mask)
        assert mask.sum() <= hull.area_px <= (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 0 < hull.perimeter_px <= hull.area_px


def test_hulls_by_hand() -> None:
    assert outline.drawn_hull(np.eye(5, dtype=bool)) == outline.DrawnHull(5, 5)
    corner = np.zeros((3, 3), bool)
    corner[0, :] = corner[:, 0] = True
    assert outline.drawn_hull(corner) == outline.DrawnHull(6, 6)


def test_the_ellipse_of_a_drawn_ellipse() -> None:
    rows, columns = np.mgrid[-60:61, -60:61]
    turn = math.radians(30)
    # Rows count downwards: an axis that rises to the right has falling rows.
    along, across = (
        columns * math.cos(turn) - rows * math.sin(turn),
        columns * math.sin(turn) + rows * math.cos(turn),
    )
    found = ellipse.fit_ellipse((along / 50) ** 2 + (across / 20) ** 2 <= 1)
    assert (found.major_px, found.minor_px) == (pytest.approx(100, rel=0.01), pytest.approx(40, rel=0.01))
    assert found.angle_deg == pytest.approx(30, abs=0.5)
    assert (found.x_px, found.y_px) == (60.5, 60.5)


def test_the_ellipse_of_a_line_and_a_pixel() -> None:
    assert ellipse.fit_ellipse(np.ones((5, 1), bool)).angle_deg == pytest.approx(90)
    one = ellipse.fit_ellipse(np.ones((1, 1), bool))
    assert one.major_px == one.minor_px == pytest.approx(2 / math.sqrt(math.pi))


@given(arrays(np.uint8, st.integers(1, 50)))
@settings(max_examples=60)
def test_statistics_of_a_histogram_are_those_of_its_pixels(levels: np.ndarray) -> None:
    found = histogram.grey_statistics(np.bincount(levels, minlength=256))
    assert (found.count, found.integrated_density) == (levels.size, int(levels.sum()))
    assert (found.minimum, found.maximum) == (levels.min(), levels.max())
    assert found.mean == pytest.approx(levels.mean())
    assert found.median == sorted(levels)[levels.size // 2]
    if levels.size > 1:
        assert found.standard_deviation == pytest.approx(levels.std(ddof=1), abs=1e-9)


@pytest.mark.parametrize("function", [outline.outer_outline, outline.drawn_hull, ellipse.fit_ellipse])
def test_empty_regions_are_refused(function: object) -> None:
    with pytest.raises(ValueError, match="empty region"):
        function(np.zeros((3, 3), bool))  # type: ignore[operator]
