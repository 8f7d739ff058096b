"""A scan from file to objects: generated ones with known truth, the steps by hand, and bad input."""

import itertools
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from zooscan import background, levels, rows_file, synthetic
from zooscan.objects import CancelledError, Limits, ScanError
from zooscan.quality import quality_words
from zooscan.scan import process_scan
from zooscan.segment import find_objects
from zooscan.settings import ProcessSettings

SMALL = ProcessSettings(dpi=600)
COUNTS: dict[synthetic.Kind, int] = {"single": 20, "holed": 6, "pair": 4, "speck": 15, "edge": 4}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, synthetic.ScanPlan]:
    folder = tmp_path_factory.mktemp("scan")
    plan = synthetic.plan_scan(900, 1201, counts=COUNTS, min_area_px=SMALL.min_area_px, seed=3, frame_px=12)
    scan, blanks = folder / "s_1.tif", (folder / "b1.tif", folder / "b2.tif")
    synthetic.write_scan(scan, plan, dpi=600)
    for seed, blank in enumerate(blanks):
        synthetic.write_blank(blank, 455, 610, dpi=300, seed=seed)
    return scan, *blanks, plan


def test_every_drawn_object_is_found_with_its_area_at_its_place(
    made: tuple[Path, Path, Path, synthetic.ScanPlan], tmp_path: Path
) -> None:
    scan, first, second, plan = made
    steps: list[tuple[str, int, int]] = []
    done = process_scan(scan, [first, second], SMALL, tmp_path / "work", lambda *step: steps.append(step))
    assert (done.width_px, done.height_px) == (1201, 900)
    assert done.limits.left == done.limits.top == 12
    drawn = [one for one in plan.drawn if one.kind in ("single", "holed", "pair")]
    # The scan is turned: what was at column x, row y lies at column height - 1 - y, row width - 1 - x.
    truth = sorted((plan.width - 1 - max(e.box[1] for e in one.ellipses), one.area_px) for one in drawn)
    found = sorted((one.y_px, one.area_px) for one in done.objects)
    assert sorted(area for _, area in truth) == sorted(area for _, area in found)
    assert all(abs(expected[0] - seen[0]) <= 2 for expected, seen in zip(truth, found, strict=True))
    holes = [one for one in done.objects if one.area_px > one.area_exc_px]
    assert len(holes) == COUNTS["holed"]
    assert {word.name: word.good for word in done.quality} == dict.fromkeys(
        ("bw_ratio", "objects", "frame", "resolution"), True
    )
    assert steps[-1][1] == steps[-1][2] == 900
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["s_1_vis1.tif"]


def test_strips_do_not_change_the_result(
    made: tuple[Path, Path, Path, synthetic.ScanPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, first, second, _ = made
    whole = process_scan(scan, [first, second], SMALL, tmp_path / "whole")
    monkeypatch.setattr(rows_file, "STRIP_PX", 1201 * 7)
    cut = process_scan(scan, [first, second], SMALL, tmp_path / "cut")
    assert np.array_equal(whole.picture(), cut.picture())
    assert len(whole.objects) == len(cut.objects)
    for one, other in zip(whole.objects, cut.objects, strict=True):
        assert np.array_equal(one.runs, other.runs)
        assert (one.id, one.x_px, one.y_px, one.area_px) == (other.id, other.x_px, other.y_px, other.area_px)


def test_a_compressed_and_tiled_scan_gives_the_same(
    made: tuple[Path, Path, Path, synthetic.ScanPlan], tmp_path: Path
) -> None:
    scan, first, second, _ = made
    packed = tmp_path / "s_1.tif"
    tifffile.imwrite(
        packed,
        tifffile.imread(scan),
        compression="zlib",
        tile=(128, 128),
        byteorder=">",
        resolution=(600, 600),
        resolutionunit="INCH",
    )
    plain = process_scan(scan, [first, second], SMALL, tmp_path / "a")
    again = process_scan(packed, [first, second], SMALL, tmp_path / "b")
    assert np.array_equal(plain.picture(), again.picture())


def test_stopping_leaves_nothing_behind(
    made: tuple[Path, Path, Path, synthetic.ScanPlan], tmp_path: Path
) -> None:
    scan, first, second, _ = made
    asked = iter([False] * 30 + [True] * 1000)
    with pytest.raises(CancelledError):
        process_scan(scan, [first, second], SMALL, tmp_path / "work", cancelled=lambda: next(asked))
    assert list((tmp_path / "work").iterdir()) == []


def test_bad_scans_and_blanks_are_named(
    made: tuple[Path, Path, Path, synthetic.ScanPlan], tmp_path: Path
) -> None:
    scan, first, second, _ = made
    bad = tmp_path / "bad.tif"
    other = tmp_path / "other.tif"
    work = tmp_path / "work"
    synthetic.write_blank(other, 300, 610, dpi=300)

    def refused(scan: Path, blanks: list[Path]) -> str:
        with pytest.raises(ScanError) as error:
            process_scan(scan, blanks, SMALL, work)
        assert list(work.iterdir()) == []
        return str(error.value)

    assert "expected the two" in refused_early(scan, [first], work)
    bad.write_bytes(b"no picture")
    assert "bad.tif" in refused(bad, [first, second])
    assert "bad.tif" in refused(tmp_path / "none" / "bad.tif", [first, second])
    bad.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
    assert "bad.tif" in refused(bad, [first, second])
    assert "differ in size" in refused(scan, [first, other])
    assert "covers 300 px" in refused(scan, [other, other])
    tifffile.imwrite(other, tifffile.imread(first), resolutionunit="NONE")
    assert "says no resolution" in refused(scan, [other, other])
    tifffile.imwrite(bad, np.zeros((40, 40, 3), np.uint8))
    assert "one grey picture" in refused(bad, [first, second])
    tifffile.imwrite(bad, np.zeros((900, 900), np.uint16))
    assert "black" in refused(bad, [first, second])
    tifffile.imwrite(bad, np.zeros((5, 5), np.uint16))
    assert "too few" in refused(bad, [first, second])


def refused_early(scan: Path, blanks: list[Path], work: Path) -> str:
    with pytest.raises(ScanError) as error:
        process_scan(scan, blanks, SMALL, work)
    return str(error.value)


@pytest.mark.parametrize(
    ("median", "low", "high"),
    [(54921, 756, 63159), (43516.45, 599, 50043), (54810.4, 755, 63031), (51975.6, 716, 59771)],
)
def test_level_points_of_real_scans(median: float, low: int, high: int) -> None:
    assert levels.level_points(median, ProcessSettings()) == (low, high)


def test_level_table_by_hand() -> None:
    table = levels.level_table(100, 355)
    assert [int(table[level]) for level in (0, 100, 101, 228, 355, 65535)] == [0, 0, 1, 128, 255, 255]


def test_a_scan_is_turned_clockwise_and_flipped() -> None:
    rows = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(levels.turned(rows), np.flipud(np.rot90(rows, -1)))


@pytest.mark.parametrize(
    ("black", "ratio", "good"),
    # Of 1,000 pixels: 200 / 800 is 0.25 and still in order; 207 are 20.7 % of all, and 207 / 793 = 0.261 is too dense.
    [(0, 0.0, True), (200, 0.25, True), (201, 0.2516, False), (207, 0.261, False), (999, 999.0, False)],
)
def test_the_density_is_black_over_white_and_not_over_all(black: int, ratio: float, good: bool) -> None:
    picture = np.full(1000, 244, np.uint8)
    picture[:black] = 243
    found = find_objects(picture.reshape(25, 40), ProcessSettings())
    assert (found.black_px, found.white_px) == (black, 1000 - black)
    word = quality_words(found, framed=False, dpi=2400, settings=ProcessSettings())[0]
    assert (word.name, word.value, word.good) == ("bw_ratio", ratio, good)


def test_a_cleared_frame_is_white_and_a_picture_without_white_has_no_ratio() -> None:
    # 10 x 10, of which the inner 6 x 6 is looked at, 18 of it black: 18 / (100 - 18).
    picture = np.full((10, 10), 255, np.uint8)
    picture[2:5, 2:8] = 0
    assert find_objects(picture, ProcessSettings(), Limits(2, 2, 8, 8)).bw_ratio == pytest.approx(18 / 82)
    black = find_objects(np.zeros((4, 4), np.uint8), ProcessSettings())
    assert black.bw_ratio is None
    word = quality_words(black, framed=False, dpi=None, settings=ProcessSettings())[0]
    assert (word.value, word.good) == ("", False)
    assert "No pixel is above the threshold" in word.words


def test_blanks_are_combined_by_rounded_halves() -> None:
    first, second = np.array([[255, 254, 1, 0]], np.uint8), np.array([[255, 255, 2, 0]], np.uint8)
    assert background.combine(first, second).tolist() == [[255, 255, 2, 0]]
    assert background.remove_background(
        np.array([[10, 200]], np.uint8), np.array([[200, 10]], np.uint8)
    ).tolist() == [[65, 65]]


@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(3, 40), st.integers(3, 40)),
        elements=st.sampled_from([0, 243, 244, 255]),
    )
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_objects_are_those_of_filling_and_labelling_the_whole_picture(picture: np.ndarray) -> None:
    tiny = ProcessSettings(dpi=100, min_esd_mm=0.6, max_side_ratio=8)
    found = find_objects(picture, tiny).objects
    labels, number = ndimage.label(picture <= 243, np.ones((3, 3)))
    every = [labels == label for label in range(1, number + 1)]
    filled = [ndimage.binary_fill_holes(mask) for mask in every]
    expected = set()
    for mask, whole in zip(every, filled, strict=True):
        rows, columns = np.nonzero(mask)
        edge = (
            rows.min() == 0
            or columns.min() == 0
            or rows.max() == picture.shape[0] - 1
            or columns.max() == picture.shape[1] - 1
        )
        sides = sorted((np.ptp(rows) + 1, np.ptp(columns) + 1))
        in_hole = any((other & ~solid & mask).any() for other, solid in zip(filled, every, strict=True))
        if (
            not edge
            and sides[1] <= 8 * sides[0]
            and tiny.min_area_px <= whole.sum() <= tiny.max_area_px
            and not in_hole
        ):
            expected.add((int(columns.min()), int(rows.min()), int(whole.sum()), int(mask.sum())))
    assert {(one.x_px, one.y_px, one.area_px, one.area_exc_px) for one in found} == expected
    assert [one.id for one in found] == list(range(1, len(found) + 1))


def test_a_plan_that_does_not_fit_says_so() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        synthetic.plan_scan(300, 300, counts={"single": 500}, min_area_px=100)


def test_generated_truth_counts_pixels() -> None:
    plan = synthetic.plan_scan(900, 900, counts={"single": 3}, min_area_px=100, seed=2)
    for drawn in plan.drawn:
        ellipse = drawn.ellipses[0]
        assert drawn.area_px == pytest.approx(math.pi * ellipse.half_width * ellipse.half_height, rel=0.05)
        assert drawn.area_px > 140


@given(st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_tiff_is_read_or_refused(data: st.DataObject) -> None:
    packed = data.draw(st.booleans())
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "s.tif"
        picture = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)
        tifffile.imwrite(path, picture, compression="zlib" if packed else None, rowsperstrip=7)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(
            bytes(content[: data.draw(st.integers(1, len(content)))]) if data.draw(st.booleans()) else content
        )
        try:
            scan = rows_file.open_scan(path, Path(place))
            seen = sum(rows.size for _, rows in itertools.islice(scan.strips(), 4))
        except ScanError as error:
            message = str(error)
        else:
            message = f"s.tif: {seen} pixels"
        assert "s.tif" in message or "s.rows" in message
