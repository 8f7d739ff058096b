"""A ZooProcess project as it lies on a disk: what is new, what is done, what is missing; and bad files, told and survived."""

import datetime
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from zooscan.blanks import BlankPair, pair_for
from zooscan.drawings import write_project
from zooscan.header import ScanHeader, decimal_degrees, moment, sample_facts
from zooscan.legacy_text import TextError, data_table, header_table, key_values, read_text
from zooscan.project import ProjectError, read_project

SHARED = Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("project") / "Zooscan_drawn"
    write_project(root)
    return root


@pytest.fixture
def project(drawn, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(drawn, tmp_path / "Zooscan_drawn"))


def scan(project: Path, scan_id: str = "drawn_st1_d1_1"):
    return next(one for one in read_project(project).scans if one.scan_id == scan_id)


def test_a_project_is_read(drawn):
    found = read_project(drawn)
    assert [one.scan_id for one in found.scans] == ["drawn_st1_d1_1", "drawn_st1_d2_1", "drawn_st2_tot_1"]
    assert {one.status for one in found.scans} == {"new"}
    assert found.faults == []
    assert found.expected == {
        "drawn_st1": ("drawn_st1_d1_1", "drawn_st1_d2_1"),
        "drawn_st2": ("drawn_st2_tot_1",),
    }
    header = found.scans[1].header
    assert (header.sample_id, header.fraction, header.volume_m3, header.sub_part) == (
        "drawn_st1",
        "d2",
        50.0,
        4.0,
    )


def test_nothing_is_written_into_it(drawn):
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*")}
    read_project(drawn)
    assert {path: path.stat().st_mtime_ns for path in drawn.rglob("*")} == before


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(ProjectError, match="expected the folders"):
        read_project(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda root: (root / "Zooscan_scan/_raw/drawn_st1_d1_1_log.txt").unlink(),
            "nobody knows when it was scanned",
        ),
        (lambda root: shutil.rmtree(root / "Zooscan_back"), "no two blanks scanned before it"),
        (
            lambda root: (root / "Zooscan_back/20260105_0900_back_large_raw_2.tif").unlink(),
            "no two blanks scanned before it",
        ),
        (
            lambda root: (root / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif").write_bytes(b"\n"),
            "empty or nearly so",
        ),
        (
            lambda root: (root / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif").write_bytes(
                b"II*\0" + b"x" * 999
            ),
            "no TIFF",
        ),
        (lambda root: (root / "Zooscan_config/lut.txt").unlink(), "lut.txt of the project is missing"),
        (
            lambda root: (root / "Zooscan_scan/_raw/drawn_st1_d1_1_log.txt").write_text(
                "[Image]\nScanning_date= yesterday\n"
            ),
            "Scanning_date in its log is 'yesterday'",
        ),
        (
            lambda root: (root / "Zooscan_scan/_raw/drawn_st1_d1_1_log.txt").write_text(
                "[Image]\nScanning_date= 20260105_1030\nScanning_area= narrow\n"
            ),
            "No blanks of the scanning area 'narrow'",
        ),
    ],
)
def test_what_is_missing_is_said(project, spoil, reason):
    spoil(project)
    found = scan(project)
    assert found.status == "incomplete"
    assert any(reason in one for one in found.reasons), found.reasons


def test_links_out_of_the_project_are_not_followed(project, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("SampleId= secret\n")
    (project / "Zooscan_scan/_raw/drawn_st1_d1_1_meta.txt").symlink_to(secret)
    assert scan(project).header.sample_id == "drawn_st1"
    shutil.move(project / "Zooscan_back", tmp_path / "elsewhere")
    (project / "Zooscan_back").symlink_to(tmp_path / "elsewhere")
    assert scan(project).blanks is None


def test_colour_scans_are_refused(project):
    tifffile.imwrite(
        project / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif",
        np.zeros((40, 40, 3), np.uint8),
        photometric="rgb",
    )
    assert "not one grey picture" in scan(project).reasons[0]


def test_what_zooprocess_processed_is_done(project):
    work = project / "Zooscan_scan/_work/drawn_st1_d1_1"
    work.mkdir(parents=True)
    (work / "drawn_st1_d1_1_dat1.pid").write_text("PID\n[Data]\n!Item;Label;Area\n1;drawn;700\n2;drawn;800\n")
    assert (scan(project).status, scan(project).reasons) == (
        "done",
        ("ZooProcess has processed it: drawn_st1_d1_1_dat1.pid lists 2 objects.",),
    )
    (work / "drawn_st1_d1_1_dat1.pid").write_text("PID\n[Image]\nan analysis that stopped\n")
    assert scan(project).status == "new"


def test_its_own_meta_file_counts_before_the_tables(project):
    meta = project / "Zooscan_scan/_raw/drawn_st1_d1_1_meta.txt"
    meta.write_text("SampleId= other\nVol= 7\nFracnb= 2\n")
    assert (scan(project).header.sample_id, scan(project).header.volume_m3) == ("other", 7.0)
    meta.write_text("Vol= 7\n")
    assert scan(project).header.sample_id == "drawn_st1"
    assert any("SampleId" in str(fault) for fault in read_project(project).faults)


def pair(day: int, area: str = "large", size=(500, 400)) -> BlankPair:
    return BlankPair(datetime.datetime(2026, 1, day, tzinfo=datetime.UTC), area, Path("a"), Path("b"), size)


def test_the_latest_pair_before_the_scan_is_taken():
    pairs = [pair(1), pair(2), pair(3, "narrow"), pair(4, size=(500, 900)), pair(6)]
    chosen, why = pair_for(pairs, "20260105_1200", "large", (1000, 800))
    assert (chosen, why) == (pairs[1], "")
    assert "the first one was scanned on 2026-01-01" in pair_for(pairs, "20251231_1200", "large", None)[1]
    assert "do not have the shape" in pair_for(pairs[:2], "20260105_1200", "large", (1000, 300))[1]


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("47.5076", 47.846),
        ("15.2622", 15.437),
        ("0.3000", 0.5),
        ("-12.3000", -12.5),
        ("47.6000", None),
        ("47,5", None),
        ("", None),
    ],
)
def test_degrees_and_minutes(text, degrees):
    assert decimal_degrees(text) == pytest.approx(degrees)


def test_west_is_positive_in_a_header_and_negative_in_the_facts():
    values = {
        "latitude": "47.5076",
        "longitude": "15.2622",
        "date": "20230626-0828",
        "zmin": "312",
        "zmax": "419",
        "ship": "thalassa",
    }
    facts, faults = sample_facts(ScanHeader("s_1", "s", values, "meta.txt"))
    assert faults == []
    assert (facts["latitude"], facts["longitude"]) == (pytest.approx(47.846), pytest.approx(-15.437))
    assert facts["time"] == datetime.datetime(2023, 6, 26, 8, 28, tzinfo=datetime.UTC)
    assert (facts["depth_min_m"], facts["depth_max_m"]) == (312, 419)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("latitude", "95.1000", "up to 90"),
        ("longitude", "15.7500", "minutes below 60"),
        ("date", "26/06/2023", "YYYYMMDD-HHMM"),
    ],
)
def test_a_value_that_is_none_names_file_row_and_field(key, value, words):
    facts, (fault,) = sample_facts(ScanHeader("s_1", "s", {key: value}, "table.csv", line=7))
    assert key not in facts
    assert (fault.file, fault.line, fault.field) == ("table.csv", 7, key)
    assert words in fault.message


def test_what_zooprocess_writes_for_unknown_is_unknown():
    header = ScanHeader("s_1", "s", {"vol": "99999", "fracnb": "0", "latitude": "99999", "zmin": "9999"}, "t")
    assert (header.volume_m3, header.sub_part, sample_facts(header)) == (
        None,
        None,
        ({"instrument": "ZooScan"}, []),
    )


def table(tmp_path: Path, text: str):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    return header_table(path, "t.csv", "sampleid")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("ship;vol\nx;1\n", (1, "sampleid"), "no column sampleid"),
        ("sampleid;vol\na;1;2\n", (2, ""), "3 cells, the header 2"),
        ("sampleid;vol\na;1\na;2\n", (3, "sampleid"), "stands already in line 2"),
        ("sampleid;vol\n;1\n", (2, "sampleid"), "empty"),
        ("sampleid;vol;vol\na;1;2\n", (1, "vol"), "twice"),
    ],
)
def test_faults_of_a_table_name_row_and_field(tmp_path, text, place, words):
    _, faults = table(tmp_path, text)
    assert [(fault.line, fault.field) for fault in faults] == [place]
    assert words in faults[0].message


def test_latin_1_and_quotes_are_read(tmp_path):
    found, faults = table(tmp_path, 'SampleId ; Sample_comment\nä1;"one; two"\n')
    assert faults == []
    assert found.rows == {"ä1": (2, {"sampleid": "ä1", "sample_comment": "one; two"})}


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_a_fault(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(content)
    found, faults = header_table(path, "t.csv", "sampleid")
    assert found.rows or faults
    try:
        sections = key_values(read_text(path))
    except TextError:
        return
    assert all(key == key.lower() for values in sections.values() for key in values)
    data_table(read_text(path))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 6))
def test_a_spoilt_header_table_stops_nothing(drawn, tmp_path_factory, seed, changes):
    root = tmp_path_factory.mktemp("spoilt") / "p"
    shutil.copytree(drawn, root)
    path = root / "Zooscan_meta/zooscan_sample_header_table.csv"
    random = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for _ in range(changes):
        content[int(random.integers(len(content)))] = int(random.integers(256))
    path.write_bytes(content)
    found = read_project(root)
    assert len(found.scans) == 3
    for one in found.scans:
        facts, _ = sample_facts(one.header)
        assert -90 <= facts.get("latitude", 0) <= 90
        assert one.header.volume_m3 is None or one.header.volume_m3 > 0


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text):
    found = moment(text)
    assert found is None or found.tzinfo is datetime.UTC


def test_the_published_test_project():
    root = SHARED / "data/zooscan/zooprocess_lib/tests/data/project"
    if not root.is_dir():
        pytest.skip(f"needs the real project at {root}, which is not part of this one")
    found = read_project(root)
    (one,) = found.scans
    assert one.scan_id == "apero2023_tha_bioness_017_st66_d_n1_d3_1"
    assert (one.header.sample_id, one.header.volume_m3, one.header.sub_part) == (
        "apero2023_tha_bioness_017_st66_d_n1",
        357.0,
        8.0,
    )
    assert one.status == "incomplete"
    assert found.faults == []
    columns, rows = data_table(read_text(next((root / "work").glob("*.pid"))))
    assert (columns[:3], rows) == (["Item", "Label", "Area"], 439)
