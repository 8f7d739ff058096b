"""Touching discs are cut where a person would cut them; decisions are kept, undone, and never another person's."""

import json
import os
import tempfile
import tracemalloc
import zipfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from scipy import ndimage
from skimage.segmentation import watershed
from zooscan import proposals, separation
from zooscan.decisions import Decision, Decisions
from zooscan.multiples import LABELS, prepare_folder, prepared, training_folder
from zooscan.separation import Region, ShapeWatershed, apply, cut_of, propose
from zooscan.settings import ProcessSettings
from zooscan.store import Store, StoredObject, StoredScan, StoreError, write

LEAST = 631


def discs(shape, *places):
    """Return the union of discs (x, y, radius)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.logical_or.reduce([(columns - x) ** 2 + (rows - y) ** 2 <= r * r for x, y, r in places])


def grey(mask):
    return np.where(mask, 100, 255).astype(np.uint8)


def whole(part: Region, shape):
    """Return a part as a mask of the object's box."""
    mask = np.zeros(shape, bool)
    mask[part.box] = part.mask
    return mask


def test_two_discs_are_cut_at_their_neck():
    mask = discs((80, 150), (40, 40, 36), (108, 40, 36))
    found = propose(grey(mask), mask, LEAST)
    assert len(found.parts) == 2
    columns = np.nonzero(found.cut.any(axis=0))[0]
    # The neck lies halfway between the centres, x = 74, and the line is two pixels thick.
    assert columns.min() >= 72
    assert columns.max() <= 76
    left, right = (part.area_px for part in found.parts)
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
    assert [part.area_px for part in found.parts] == [int(mask.sum())]


def test_a_part_below_the_least_size_is_not_cut_off():
    mask = discs((80, 120), (40, 40, 36), (84, 40, 11))
    assert len(propose(grey(mask), mask, 100).parts) == 2
    assert len(propose(grey(mask), mask, LEAST).parts) == 1


class Model:
    """A model that sees two animals in one disc, and leaves the right third to nobody."""

    NAME, VERSION = "test", "1"

    def separate(self, pixels, mask):
        columns = np.arange(mask.shape[1])
        return np.where(mask, np.select([columns < 27, columns < 54], [7, 2], 0), 9).astype(np.int32)


def test_labels_of_a_model_are_used_and_what_they_leave_out_is_a_part():
    mask = np.ones((60, 81), bool)
    found = propose(grey(mask), mask, LEAST, Model())
    assert len(found.parts) == 3
    assert [part.x for part in found.parts] == [0, 28, 55]


class Rough:
    """Labels that reach beyond the object, and cross its necks elsewhere."""

    NAME, VERSION = "test", "2"

    def separate(self, pixels, mask):
        columns = np.arange(mask.shape[1])
        return np.broadcast_to(np.select([columns < 90, columns < 180], [3, 1], 4), mask.shape).astype(
            np.int32
        )


@pytest.mark.parametrize("separator", [None, Rough()])
def test_parts_are_those_of_the_recipe_on_the_whole_box(separator):
    """The published recipe as it stands: a full distance transform for each mask, and their sum."""
    mask = discs((120, 260), (40, 45, 36), (108, 52, 38), (176, 40, 34), (225, 80, 30))
    said = np.where(mask, (separator or ShapeWatershed()).separate(grey(mask), mask), 0)
    masks = [said == number for number in np.unique(said[said > 0])]
    distances = [ndimage.distance_transform_edt(np.pad(one, 1))[1:-1, 1:-1] for one in masks]
    markers = np.zeros(mask.shape, np.int32)
    for number, distance in enumerate(distances, start=1):
        markers[np.unravel_index(int(distance.argmax()), mask.shape)] = number
    labels = watershed(-np.sum(distances, axis=0), markers, mask=mask, connectivity=2)
    expected = separation._borders(labels)
    found = propose(grey(mask), mask, LEAST, separator)
    assert len(found.parts) == len(masks) >= 2
    assert (found.cut == expected).all()
    assert (np.logical_or.reduce([whole(part, mask.shape) for part in found.parts]) == mask & ~expected).all()


def test_memory_follows_the_box_and_not_the_number_of_parts():
    def peak(count):
        mask = discs((40, 3340), *((20 + 33 * n, 20, 18) for n in range(count)))
        tracemalloc.start()
        found = propose(grey(mask), mask, 100)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return len(found.parts), size

    few, many = peak(4), peak(100)
    assert (few[0], many[0]) == (4, 100)
    # A full mask and a full distance for each part would be 100 x 9 bytes a pixel more.
    assert many[1] < few[1] + 20 * 40 * 3340


def test_an_object_that_is_too_large_is_left_to_a_person(monkeypatch):
    monkeypatch.setattr(separation, "MAX_PIXELS", 80 * 150 - 1)
    mask = discs((80, 150), (40, 40, 36), (108, 40, 36))
    found = propose(grey(mask), mask, LEAST)
    assert found.too_large
    assert not found.cut.any()
    assert [part.area_px for part in found.parts] == [int(mask.sum())]


class Run:
    """As much of a run as proposals need."""

    def __init__(self, path):
        self.path = path
        self.request = SimpleNamespace(parameters={"separator": ""})


def two_discs(folder: Path) -> Store:
    mask = discs((80, 150), (40, 40, 36), (108, 40, 36))
    known = {**asdict(ProcessSettings())}
    one = StoredObject(1, 0, 0, 150, 80, {"Area": 1})
    write(
        folder / "s_1.zip", StoredScan("s_1", "s", "d1", {}, {}, known, (), {}, (one,)), [(grey(mask), mask)]
    )
    return Store(folder / "s_1.zip")


def test_a_proposal_is_computed_once_and_again_when_it_is_damaged(tmp_path, monkeypatch):
    store, run, made = two_discs(tmp_path), Run(tmp_path / "run"), []
    monkeypatch.setattr(separation, "propose", lambda *given: made.append(1) or propose(*given))
    first = proposals.proposal(run, store, 1)
    again = proposals.proposal(run, store, 1)
    assert made == [1]
    assert (first.cut == again.cut).all()
    assert len(first.parts) == 2
    for one, other in zip(first.parts, again.parts, strict=True):
        assert (one.x, one.y) == (other.x, other.y)
        assert (one.mask == other.mask).all()
    (kept,) = (run.path / proposals.FOLDER).iterdir()
    for content in (b"no picture", kept.read_bytes()[:60]):
        kept.write_bytes(content)
        assert (proposals.proposal(run, store, 1).cut == first.cut).all()
    assert made == [1, 1, 1]
    monkeypatch.setattr(separation, "VERSION", "another")
    proposals.proposal(run, store, 1)
    proposals.proposal(run, store, 1, Rough())
    assert made == [1] * 5


def test_a_run_that_cannot_be_written_still_has_proposals(tmp_path):
    (tmp_path / "run").write_text("a file, so that no folder can be made below it")
    assert len(proposals.proposal(Run(tmp_path / "run"), two_discs(tmp_path), 1).parts) == 2


def test_a_drawn_line_cuts_along_it():
    mask = np.ones((40, 100), bool)
    cut = cut_of([[(50, -5), (50, 45)]], mask.shape)
    assert sorted(set(np.nonzero(cut)[1].tolist())) == [49, 50]
    found = apply(mask, cut, LEAST)
    assert [part.area_px for part in found.parts] == [49 * 40, 49 * 40]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 59), st.booleans())
def test_no_line_from_edge_to_edge_leaks(a, b, bend, across):
    points = [(0.0, float(a)), (30.0, float(bend)), (59.0, float(b))]
    line = [(y, x) for x, y in points] if across else points
    mask = np.ones((60, 60), bool)
    parts = [whole(part, mask.shape) for part in apply(mask, cut_of([line], mask.shape), 0).parts]
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


def test_check_finds_damage_that_the_index_does_not_show(tmp_path):
    path = stored(tmp_path)
    store = Store(path)
    store.check()
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("masks/1.png").header_offset + 60
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"masks/1\.png is damaged"):
        Store(path).check()
    with zipfile.ZipFile(path) as archive:
        index = archive.read("scan.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("scan.json", index)
    with pytest.raises(StoreError, match="objects are missing"):
        Store(path).check()


def test_few_stores_are_open_at_once_and_a_closed_one_opens_again(tmp_path):
    for number in range(12):
        stored(tmp_path).rename(tmp_path / f"{number}.zip")
    stores = [Store(tmp_path / f"{number}.zip") for number in range(12)]
    assert not [store for store in stores if store._archive is not None]
    for _ in range(2):
        for store in stores:
            assert store.pixels(1)[0].shape == (40, 50)
            assert sum(each._archive is not None for each in stores) <= 8
    for store in stores:
        store.close()
    assert not [store for store in stores if store._archive is not None]
    assert stores[0].pixels(1)[1].any()
    stores[0].close()


def test_a_write_that_fails_leaves_nothing(tmp_path):
    scan = Store(stored(tmp_path)).scan
    with pytest.raises(ValueError, match="shorter"):
        write(tmp_path / "other.zip", scan, [])
    assert [path.name for path in tmp_path.iterdir()] == ["s_1.zip"]


def test_two_containers_with_the_same_process_number_share_a_cache(tmp_path, monkeypatch):
    """While one writes, another of the same number writes the same file; none touches the other's."""
    monkeypatch.setattr(os, "getpid", lambda: 7)
    scan = Store(stored(tmp_path)).scan
    mask = discs((40, 50), (25, 20, 18))

    def slowly():
        write(tmp_path / "both.zip", scan, [(grey(mask), mask)])
        yield grey(mask), mask

    write(tmp_path / "both.zip", scan, slowly())
    Store(tmp_path / "both.zip").check()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.zip", "s_1.zip"]


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


def test_the_training_folder_is_deleted_when_the_images_are_read(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for label in LABELS:
        (tmp_path / "data" / label).mkdir(parents=True)
        Image.fromarray(np.full((60, 50, 3), 100, np.uint8)).save(tmp_path / "data" / label / "a.png")
    with training_folder(str(tmp_path / "data")) as folder:
        assert sorted(path.parent.name for path in Path(folder).rglob("*.png")) == list(LABELS)
    assert list(scratch.iterdir()) == []
    with pytest.raises(ValueError, match="holds no vignettes"), training_folder(str(scratch)):
        pass
    assert list(scratch.iterdir()) == []
    with training_folder("generated") as said:
        assert said == "generated"


def test_events_are_plain_json():
    assert json.loads(said(1, "draw", lines=(((0, 0), (1, 2)),)).model_dump_json())["lines"] == [
        [[0, 0], [1, 2]]
    ]
