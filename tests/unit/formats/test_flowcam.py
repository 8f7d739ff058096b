"""FlowCam lists and summaries: the known variants are read, and anything else is a fault in words, never an exception."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.formats.flowcam import (
    FlowCamError,
    Particle,
    find_runs,
    looks_like_list,
    parse_list,
    parse_summary,
    read_run_folder,
)
from tidelab.formats.flowcam.particles import MAX_FAULTS, MAX_ROWS
from tidelab.training.synthetic_flowcam import place, write_run

HEADER = "017\nnum-fields|8\nid|int32\nimage_x|int32\nimage_y|int32\nimage_w|int32\nimage_h|int32\ncal_const|double\ntimestamp|timestamp\ncollage_file|string\n"
ROW = "{id}|{x}|0|59|63|1.8130|2019-10-08T14:23:07.847|run_000001.tif\n"
GOOD = HEADER + ROW.format(id=1, x=0) + ROW.format(id=2, x=61)

TXT = """Run:
\tMode:  AutoImage
\tFluid Volume Imaged: 0.9485 ml
\tEfficiency: 53.4%
\tParticle Count: 1052

Images:
\tParticles Per Image:  1.48
\tParticles Per Image:  1.48

Date/Time:
\tStart:  2023-03-14 15:06:17
\tEnd:  2023-03-14 15:08:21

Environment:
\tSoftware: VisualSpreadsheet 4.19.3
\tMagnification: 10X
\tCalibration Factor: 0.5730
\tGumStix Firmware: 23
\tCalibration Factor: 0.5730
\tSerialNo:  548
"""
CSV = """======== Run Summaries ========
Name: run
\tFluid Volume Imaged, 0.9485 ml
\tParticle Count, 1052
\tStart Time, 2023-03-14 15:06:17
\tCalibration Factor, 0.5730
\tSerialNo, 548
"""


def old_list(columns: int) -> str:
    """A list before format 017: two lines of header, values set apart by colons in a fixed order."""
    shift = 0 if columns == 44 else 1
    values = ["0"] * columns
    values[0], values[1] = "7", "2.2500"
    values[34 + shift : 39 + shift] = ["old_000001.tif", "10", "20", "30", "40"]
    return f"016\n1\n{':'.join(values)}\n"


def test_a_list_of_format_017_gives_particles_and_pixel_size() -> None:
    found = parse_list(GOOD)
    assert found.particles == (
        Particle(1, "run_000001.tif", 0, 0, 59, 63),
        Particle(2, "run_000001.tif", 61, 0, 59, 63),
    )
    assert (found.um_per_px, found.faults) == (1.813, ())


@pytest.mark.parametrize("columns", [44, 47])
def test_older_lists_are_read_by_the_position_of_their_columns(columns: int) -> None:
    found = parse_list(old_list(columns))
    assert found.particles == (Particle(7, "old_000001.tif", 10, 20, 30, 40),)
    assert found.um_per_px == 2.25


@pytest.mark.parametrize(("row", "words"), [
    ("1|0|0|59\n", "Line 13: 4 values where at least 8 were expected"),
    (ROW.format(id=1, x=0), "Line 13: the particle 1 stands there twice"),
    (ROW.format(id=3, x="left"), "Line 13: image_x is 'left', a whole number was expected"),
    (ROW.format(id=3, x=-1), "Line 13: image_x is '-1', a whole number was expected"),
    (ROW.format(id="1e5", x=0), "Line 13: id is '1e5', a whole number was expected"),
    ("3|0|0|0|63|1.8130|t|run_000001.tif\n", "Line 13: image_w is 0, 1 to 65535 pixels were expected"),
    ("3|0|0|5|70000|1.8130|t|run_000001.tif\n", "Line 13: image_h is 70000, 1 to 65535 pixels were expected"),
    ("3|0|0|5|5|1.8130|t|../secret.tif\n", "Line 13: collage_file is '../secret.tif', the name of a file in the same folder was expected"),
    ("3|0|0|5|5|1.8130|t|\n", "Line 13: collage_file is '', the name of a file"),
])  # fmt: skip
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_kept(row: str, words: str) -> None:
    found = parse_list(GOOD + row)
    assert len(found.particles) == 2
    assert str(found.faults[0]).startswith(words)


@pytest.mark.parametrize(("text", "words"), [
    ("", "It does not begin like a FlowCam list"), ("a.png\nb.png\n", "It does not begin like a FlowCam list"),
    ("017\nnum-fields|many\n", "Line 2 announces 'many' columns"), ("017\nnum-fields|999\n", "Line 2 announces '999' columns"),
    ("017\nnum-fields|2\nid|int32\nimage_x|int32\n1|2\n", "It has no column image_y"),
    (HEADER.replace("collage_file", "collage"), "It has no column collage_file"),
])  # fmt: skip
def test_a_file_that_is_no_list_says_what_was_expected(text: str, words: str) -> None:
    with pytest.raises(FlowCamError) as caught:
        parse_list(text)
    assert str(caught.value).startswith(words)


def test_a_calibration_constant_that_differs_is_none() -> None:
    found = parse_list(GOOD + "3|0|0|5|5|0.9|t|run_000001.tif\n")
    assert found.um_per_px is None
    assert "do not share one calibration constant (0.9, 1.8130)" in str(found.faults[0])
    assert parse_list(HEADER + "3|0|0|5|5|0|t|a.tif\n").um_per_px is None
    assert parse_list(HEADER + "3|0|0|5|5|nan|t|a.tif\n").um_per_px is None


def test_many_faults_are_counted_and_not_listed() -> None:
    found = parse_list(HEADER + "broken\n" * 1000)
    assert len(found.faults) == MAX_FAULTS
    assert str(found.faults[-1]) == f"{1000 - MAX_FAULTS + 1} more rows could not be read"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.characters()), max_size=6), st.integers(0, len(GOOD))
)
def test_a_mutated_list_gives_particles_inside_bounds_or_words(
    places: list[tuple[int, str]], end: int
) -> None:
    text = list(GOOD)
    for where, char in places:
        text[where] = char
    try:
        found = parse_list("".join(text[: end or None]))
    except FlowCamError:
        return
    for one in found.particles:
        assert one.x >= 0 and one.y >= 0 and 1 <= one.width <= 65535 and 1 <= one.height <= 65535  # noqa: PT018
        assert "/" not in one.collage
    assert len({one.particle_id for one in found.particles}) == len(found.particles)


@pytest.mark.parametrize(
    "text", [TXT, CSV, TXT.replace("\n", "\r\n"), "\ufeff" + TXT, TXT.replace("0.9485", "0,9485")]
)
def test_both_kinds_of_summary_say_the_same(text: str) -> None:
    found = parse_summary(text)
    assert (found.volume_imaged_ml, found.um_per_px, found.serial_number, found.particle_count) == (
        0.9485,
        0.573,
        "548",
        1052,
    )
    assert found.start == "2023-03-14 15:06:17"
    assert found.faults == ()


@pytest.mark.parametrize(("change", "words"), [
    (("0.9485 ml", "0.0000 ml"), "Line 3: fluid volume imaged is '0.0000 ml', a number above 0 was expected: it stays unknown"),
    (("0.9485 ml", "0.9485 gallons"), "Line 3: fluid volume imaged is '0.9485 gallons', a volume such as 0.9485 ml was expected"),
    (("0.9485 ml", "-0.5 ml"), "Line 3: fluid volume imaged is '-0.5 ml', a volume such as"),
    (("0.9485 ml", "1e3 ml"), "Line 3: fluid volume imaged is '1e3 ml', a volume such as"),
    (("\tEfficiency: 53.4%", "\tFluid Volume Imaged: 2.0 ml"), "Line 4: fluid volume imaged is '0.9485 ml' in line 3 and '2.0 ml' here"),
])  # fmt: skip
def test_a_volume_that_cannot_be_used_stays_unknown_with_the_reason(
    change: tuple[str, str], words: str
) -> None:
    found = parse_summary(TXT.replace(*change))
    assert found.volume_imaged_ml is None
    assert str(found.faults[0]).startswith(words)
    assert found.um_per_px == 0.573


def test_other_units_of_volume_are_converted_and_unknown_ones_not_assumed() -> None:
    assert parse_summary("Fluid Volume Imaged: 250 ul").volume_imaged_ml == pytest.approx(0.25)
    assert parse_summary("Fluid Volume Imaged: 0.002 L").volume_imaged_ml == pytest.approx(2)
    assert parse_summary("Fluid Volume Imaged: 3").volume_imaged_ml is None
    assert parse_summary("Fluid Volume Imaged: N/A").faults == ()


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300), st.integers(0, 40))
def test_any_text_is_a_summary_that_says_little(text: str, where: int) -> None:
    lines = TXT.splitlines()
    found = parse_summary("\n".join([*lines[:where], text, *lines[where:]]))
    assert found.volume_imaged_ml is None or found.volume_imaged_ml > 0
    assert found.um_per_px is None or found.um_per_px > 0


def test_the_files_of_a_run_are_found_by_its_name() -> None:
    names = [
        "A.lst", "A_000001.tif", "A_000001_bin.tif", "A_run_summary.txt", "B.lst", "B_000001.TIF", "b_summary.csv", "cal_image_000001.tif",
        "rawfile_000004.tif", "photo.png", "A_note.txt",
    ]  # fmt: skip
    one, two = find_runs(names)
    assert (one.name, one.summary, two.name, two.summary) == ("A", "A_run_summary.txt", "B", "b_summary.csv")
    assert one.pictures == ("A_000001.tif", "A_000001_bin.tif", "cal_image_000001.tif", "rawfile_000004.tif")
    assert two.pictures == ("B_000001.TIF", "cal_image_000001.tif", "rawfile_000004.tif")
    # With one list alone, a summary of another name is that of the run; of two, nobody knows which.
    assert find_runs(["A.lst", "x_run_summary.txt"])[0].summary == "x_run_summary.txt"
    assert find_runs(["A.lst", "x_run_summary.txt", "y_summary.csv"])[0].summary == ""


def test_a_run_folder_is_read_in_one_piece_and_says_what_it_lacks(tmp_path: Path) -> None:
    import numpy as np

    folder = write_run(tmp_path, "run-1", [np.zeros((5, 4, 3), np.uint8)] * 3)
    found = read_run_folder(folder)
    assert (found.name, len(found.particles.particles), found.summary.volume_imaged_ml) == ("run-1", 3, 0.5)
    assert found.missing == ()
    (folder / "run-1_run_summary.txt").unlink()
    (folder / "run-1_000001.tif").unlink()
    assert read_run_folder(folder).missing == (
        "The collage run-1_000001.tif is not in the folder.",
        "The run run-1 has no summary (a file that ends in _run_summary.txt or _summary.csv): how much fluid was imaged is not known.",
    )
    (folder / "second.lst").write_text("x")
    with pytest.raises(FlowCamError, match="holds 2 lists of particles"):
        read_run_folder(folder)
    with pytest.raises(FlowCamError, match="no list of particles"):
        read_run_folder(tmp_path)
    with pytest.raises(FlowCamError, match="cannot be read"):
        read_run_folder(tmp_path / "nowhere")


def test_other_lists_are_not_taken_for_flowcam() -> None:
    assert looks_like_list(GOOD)
    assert looks_like_list(old_list(47))
    assert not looks_like_list("img_1.png\nimg_2.png\n")
    assert not looks_like_list("2024\nsomething\nelse")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=40))
def test_generated_particles_never_overlap(sizes: list[tuple[int, int]]) -> None:
    places = place(sizes, 64)
    taken: dict[int, set[tuple[int, int]]] = {}
    for one, (width, height) in zip(places, sizes, strict=True):
        cells = {(x, y) for x in range(one.x, one.x + width) for y in range(one.y, one.y + height)}
        assert not cells & taken.setdefault(one.collage, set())
        taken[one.collage] |= cells


def test_a_list_of_millions_of_rows_is_refused_before_they_are_looked_at() -> None:
    with pytest.raises(FlowCamError, match="It has 1000001 rows; at most 1000000 are read"):
        parse_list(HEADER + "x\n" * (MAX_ROWS + 1))
