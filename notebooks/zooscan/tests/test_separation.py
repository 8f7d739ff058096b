"""Touching discs are cut where a person would cut them; decisions are kept, undone, and never another person's."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from zooscan.decisions import Decision, Decisions
from zooscan.multiples import LABELS, prepare_folder, prepared
from zooscan.separation import apply, box_of, cut_of, propose
from zooscan.store import Store, StoredObject, StoredScan, StoreError, write

LEAST = 631


def discs(shape, *places):
    """Return the union of discs (x, y, radius)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.logical_or.reduce([(columns - x) ** 2 + (rows - y) ** 2 <= r * r for x, y, r in places])


def grey(mask):
    return np.where(mask, 100, 255).astype(np.uint8)


def test_two_discs_are_cut_at_their_neck():
    mask = discs((80, 150), (40, 40, 36), (108, 40, 36))
    found = propose(grey(mask), mask, LEAST)
    assert len(found.parts) == 2
    columns = np.nonzero(found.cut.any(axis=0))[0]
    # The neck lies halfway between the centres, x = 74, and the line is two pixels thick.
    assert columns.min() >= 72
    assert columns.max() <= 76
    left, right = (int(part.sum()) for part in found.parts)
    assert left + right + int(found.cut.sum()) == int(mask.sum())
    assert left == pytest.approx(right, rel=0.03)


def test_four_in_a_row_give_four():
    mask = discs((80, 300), *((40 + 68 * n, 40, 36) for n in range(4)))
    assert len(propose(grey(mask), mask, LEAST).parts) == 4


@pytest.mark.parametrize("places", [[(40, 40, 36)], [(40, 40, 30), (60, 40, 30)]])
def test_one_animal_is_left_whole(places):
    mask = discs((80, 110), *places)
    found = propose(grey(mask), mask, LEAST)
    assert not found.cut.any()
    assert [int(part.sum()) for part in found.parts] == [int(mask.sum())]


def test_a_part_below_the_least_size_is_not_cut_off():
    mask = discs((80, 120), (40, 40, 36), (84, 40, 11))
    assert len(propose(grey(mask), mask, 100).parts) == 2
    assert len(propose(grey(mask), mask, LEAST).parts) == 1


class Model:
    """A model that sees two animals in one disc, and leaves the right third to nobody."""

    NAME, VERSION = "test", "1"

    def __call__(self, grey, mask):
        columns = np.arange(mask.shape[1])
        return [mask & (columns < 27), mask & (columns >= 27) & (columns < 54)]


def test_masks_of_a_model_are_used_and_what_they_leave_out_is_a_part():
    mask = np.ones((60, 81), bool)
    found = propose(grey(mask), mask, LEAST, Model())
    assert len(found.parts) == 3
    assert [box_of(part)[0] for part in found.parts] == [0, 28, 55]


def test_a_drawn_line_cuts_along_it():
    mask = np.ones((40, 100), bool)
    cut = cut_of([[(50, -5), (50, 45)]], mask.shape)
    assert sorted(set(np.nonzero(cut)[1].tolist())) == [49, 50]
    found = apply(mask, cut, LEAST)
    assert [int(part.sum()) for part in found.parts] == [49 * 40, 49 * 40]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 59), st.booleans())
def test_no_line_from_edge_to_edge_leaks(a, b, bend, across):
    points = [(0.0, float(a)), (30.0, float(bend)), (59.0, float(b))]
    line = [(y, x) for x, y in points] if across else points
    mask = np.ones((60, 60), bool)
    parts = apply(mask, cut_of([line], mask.shape), 0).parts
    # Whatever the slope: no part lies on both sides, so no part touches all four sides of the square.
    assert not any(
        part[0].all() and part[-1].all() for part in parts if part[:, 0].all() and part[:, -1].all()
    )
    assert sum(int(part.sum()) for part in parts) < mask.size


def said(number, action, person="ada", image="a", **facts):
    return Decision(
        event_id=str(number),
        time=datetime(2026, 1, 1, tzinfo=UTC),
        person=person,
        action=action,
        image_id=image,
        **facts,
    )


def test_the_last_decision_counts_and_undo_takes_back_ones_own():
    log = Decisions()
    for event in (
        said(1, "keep"),
        said(2, "refuse", "ben"),
        said(3, "undo", "ada", undoes="2"),
        said(3, "undo", "ada", undoes="1"),
    ):
        log.add(event)
    assert log.in_force()["a"].event_id == "2"  # ben's stands: ada cannot undo it
    log.add(said(4, "undo", "ben", undoes="2"))
    assert log.in_force()["a"].event_id == "1"
    assert log.last_of("ben") is None
    assert log.last_of("ada").event_id == "1"


@pytest.mark.parametrize(
    "facts",
    [
        {"lines": (((0, 0),),)},
        {"lines": (((float("nan"), 0), (1, 1)),)},
        {"lines": (((0, 0), (1e9, 1)),)},
        {"person": ""},
    ],
)
def test_lines_that_are_none_are_no_decision(facts):
    with pytest.raises(ValidationError):
        Decision.model_validate_json(said(1, "draw").model_copy(update=facts).model_dump_json())


def stored(folder: Path) -> Path:
    mask = discs((40, 50), (25, 20, 18))
    scan = StoredScan(
        "s_1", "s", "d1", {}, {}, {"dpi": 2400}, (), {}, (StoredObject(1, 0, 0, 50, 40, {"Area": 1}),)
    )
    write(folder / "s_1.zip", scan, [(grey(mask), mask)])
    return folder / "s_1.zip"


def test_a_store_gives_back_what_was_put_in(tmp_path):
    store = Store(stored(tmp_path))
    crop, mask = store.pixels(1)
    assert (crop == grey(mask)).all()
    assert store.scan.objects[0].features == {"Area": 1}
    assert store.scan.pixel_mm == pytest.approx(25.4 / 2400)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_spoilt_store_is_told(tmp_path_factory, data):
    path = stored(tmp_path_factory.mktemp("store"))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        crop, mask = Store(path).pixels(1)
    except StoreError:
        return
    assert crop.shape == mask.shape == (40, 50)


def test_a_vignette_is_prepared_as_the_network_was_taught():
    sheet = np.full((100, 60, 3), 255, np.uint8)
    sheet[20:30, 10:40] = 55
    sheet[90:93, 5:55] = 85  # the scale bar, in the lowest 31 rows
    found = prepared(sheet)
    assert found.shape == (30, 30, 3)
    assert found[10:20].min() == 200
    assert found[:10].max() == found[20:].max() == 0
    assert (prepared(sheet, footer_px=0).shape[0]) > 30
    assert prepared(np.full((50, 50, 3), 255, np.uint8)).max() == 0
    assert LABELS == ("multi", "single")


def test_a_training_folder_without_vignettes_is_told(tmp_path):
    (tmp_path / "multi").mkdir()
    with pytest.raises(ValueError, match="holds no vignettes"):
        prepare_folder(tmp_path, tmp_path / "out")
    (tmp_path / "multi/a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a\.png is no picture"):
        prepare_folder(tmp_path, tmp_path / "out")


def test_events_are_plain_json():
    assert json.loads(said(1, "draw", lines=(((0, 0), (1, 2)),)).model_dump_json())["lines"] == [
        [[0, 0], [1, 2]]
    ]
