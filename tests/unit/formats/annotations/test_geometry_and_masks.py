"""Areas, boxes, turns and run lengths: against shapely and pycocotools, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as peer
from scipy.ndimage import binary_fill_holes
from shapely.geometry import Polygon

from tests.support.annotated import box, ellipses, masks, polygons, rotated_boxes, small_mask
from tidelab.formats.annotations import Annotation, Mask, rle
from tidelab.formats.annotations import geometry as g

FEW = settings(max_examples=40)


@given(polygons())
@FEW
def test_area_and_smallest_rectangle_are_those_of_shapely(values) -> None:
    one = Annotation("fish", **values)
    peer_polygon = Polygon(one.points)
    assert g.area_px2(one) == pytest.approx(peer_polygon.area, abs=1e-6)
    ours, theirs = Polygon(g.smallest_rectangle(one.points)), peer_polygon.minimum_rotated_rectangle
    assert ours.area == pytest.approx(theirs.area, rel=1e-6, abs=1e-6)
    assert ours.buffer(1e-6).contains(peer_polygon)


@given(polygons(), st.integers(-60, 60), st.integers(-60, 60))
@FEW
def test_what_is_cut_at_the_edge_has_the_area_that_shapely_finds(values, dx, dy) -> None:
    ring = tuple((x + dx * 3, y + dy * 3) for x, y in values["points"])
    frame = Polygon([(0, 0), (320, 0), (320, 240), (0, 240)])
    kept = g.clipped(ring, 320, 240)
    area = Polygon(kept).area if len(kept) > 2 else 0.0
    assert area == pytest.approx(Polygon(ring).intersection(frame).area, abs=1e-6)


@given(rotated_boxes())
@FEW
def test_a_turned_box_comes_back_from_centre_sides_and_angle(values) -> None:
    x, y, width, height, angle = g.unturned(values["points"])
    back = g.turned(x - width / 2, y - height / 2, x + width / 2, y + height / 2, angle)
    assert np.allclose(back, values["points"], atol=1e-9)
    assert g.is_rectangle(values["points"], 0.01)


def test_a_turn_is_clockwise_as_one_sees_it() -> None:
    # The upper left corner of a 4 x 2 box, turned by 90 degrees, is at the upper right.
    ring = g.turned(0, 0, 4, 2, 90)
    assert np.allclose(ring, [(3, -1), (3, 3), (1, 3), (1, -1)])
    assert g.unturned(ring)[2:] == pytest.approx((4, 2, 90))


@given(ellipses())
@FEW
def test_an_ellipse_as_polygon_fits_its_box_and_nearly_its_area(values) -> None:
    one = Annotation("fish", **values)
    outline = Polygon(g.round_outline(one))
    assert outline.area == pytest.approx(g.area_px2(one), rel=0.002)
    assert outline.bounds == pytest.approx(g.bounds(one), abs=0.2)


@given(masks())
@FEW
def test_masks_are_those_of_pycocotools(values) -> None:
    mask: Mask = values["mask"]
    theirs = peer.encode(np.asfortranarray(mask.pixels().astype(np.uint8)))
    assert rle.to_text(mask) == theirs["counts"].decode()
    assert rle.from_text(theirs["counts"].decode(), mask.height, mask.width) == mask
    x, y, width, height = peer.toBbox(theirs)
    assert mask.bounds() == (x, y, x + width, y + height)
    assert mask.area_px2 == peer.area(theirs)


@given(masks())
@FEW
def test_masks_survive_the_run_lengths_of_cvat(values) -> None:
    mask: Mask = values["mask"]
    runs, box_px = rle.to_rows(mask)
    assert rle.from_rows(runs, box_px, (mask.width, mask.height)) == mask


@given(masks())
@FEW
def test_the_outline_of_a_mask_goes_along_its_pixels(values) -> None:
    mask: Mask = values["mask"]
    filled = Polygon()
    for ring in g.mask_outlines(mask):
        filled = filled.union(Polygon(ring))
    holes = sum(Polygon(ring).area for part in getattr(filled, "geoms", [filled]) for ring in part.interiors)
    assert filled.bounds == mask.bounds()
    # Boxes that overlap may leave holes between them, which are filled.
    whole = binary_fill_holes(mask.pixels())
    assert filled.area + holes == pytest.approx(whole.sum())


def test_by_hand() -> None:
    mask = small_mask((10, 20), (11, 20), (10, 21))
    assert mask.bounds() == (10, 20, 12, 22)
    assert mask.area_px2 == 3
    assert rle.to_rows(mask) == ([0, 3, 1], (10, 20, 2, 2))
    assert g.area_px2(box(1, 2, 4, 6)) == 12
    assert g.area_px2(Annotation("a", "circle", ((5, 5),), radius_px=2)) == pytest.approx(4 * math.pi)
    assert g.bounds(Annotation("a", "circle", ((5, 5),), radius_px=2)) == (3, 3, 7, 7)
    square = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    other = tuple((x + 5, y) for x, y in square)
    assert Polygon(g.joined((square, other))).area == pytest.approx(8)


@pytest.mark.parametrize("text", ["\x00", "P" * 50, "\x7f", "abc", "é"])
def test_damaged_run_lengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="mask"):
        rle.from_text(text, 10, 10)


def test_masks_that_are_none_are_refused() -> None:
    for counts in ((5,), (-1, 101), ()):
        with pytest.raises(ValueError, match="mask"):
            Mask(10, 10, counts)
    with pytest.raises(ValueError, match="px"):
        Mask(10**6, 10**6, (10**12,))
    with pytest.raises(ValueError, match="rle"):
        rle.from_rows([3], (0, 0, 2, 2), (10, 10))
    with pytest.raises(ValueError, match="in the picture"):
        rle.from_rows([0, 4], (50, 50, 2, 2), (10, 10))
