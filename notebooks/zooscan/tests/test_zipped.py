"""A zip of a project is read like its folder: bounded, never outside of its place, nothing left behind."""

import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zooscan import reader, zipped
from zooscan.drawings import write_project
from zooscan.project import read_project

from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collect import collect
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog

LIMITS = Limits(zip_ratio=5000)
"""Drawn scans hold no noise and pack better than real ones do."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("project") / "Zooscan_drawn"
    write_project(root)
    # What ZooProcess leaves beside it, and nobody needs here.
    work = root / "Zooscan_scan/_work/drawn_st2_tot_1"
    work.mkdir(parents=True)
    (work / "drawn_st2_tot_1_dat1.pid").write_text("[Data]\n!Item;Label;Area\n1;x;700\n")
    (work / "drawn_st2_tot_1_vis1.zip").write_bytes(b"PK\5\6" + bytes(18))
    (work / "drawn_st2_tot_1_sep.gif").write_bytes(b"GIF89a")
    (root / "PID_process").mkdir()
    (root / "PID_process/vignette.jpg").write_bytes(b"\xff\xd8\xff")
    return root


def packed(drawn: Path, target: Path, inside: str = "Zooscan_drawn") -> Path:
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in drawn.rglob("*") if path.is_file()):
            archive.write(path, str(Path(inside) / path.relative_to(drawn)))
    return target


def unpacked(given: Path, target: Path, limits: Limits = LIMITS) -> tuple[list[Path], Collection]:
    """Return the folders of the projects in a zip, and what is left of the collection."""
    taken: list[tuple[list[Path], Collection]] = []

    def take(_paths, found):
        taken.append((zipped.unpack_projects(found, target, limits, lambda: None), found))

    try:
        collect([given], limits, take)
    except RunError:
        if not taken:  # else: nothing is left of the input, as it should be
            raise
    return taken[0]


@pytest.mark.parametrize("inside", ["", "Zooscan_drawn", "backup/2026/Zooscan_drawn"])
def test_the_zip_holds_what_the_folder_holds(drawn, tmp_path, inside):
    (root,), found = unpacked(packed(drawn, tmp_path / "export.zip", inside), tmp_path / "out")
    assert root.name == (Path(inside).name or "export")
    folder, zip_ = read_project(drawn), read_project(root)
    assert [(one.scan_id, one.status, one.size, one.header.values) for one in zip_.scans] == [
        (one.scan_id, one.status, one.size, one.header.values) for one in folder.scans
    ]
    assert {one.status for one in zip_.scans} == {"new", "done"}
    assert zip_.expected == folder.expected
    assert zip_.faults == folder.faults == []
    assert found.sources == found.side_files == found.failures == []
    # Only what is read was written: no pictures of ZooProcess, no zip in the zip.
    assert {path.suffix for path in root.rglob("*") if path.is_file()} == {".tif", ".txt", ".csv", ".pid"}
    found.close()


def test_pictures_beside_a_project_are_left_to_others(drawn, tmp_path):
    path = packed(drawn, tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/readme.txt", "x")
    roots, found = unpacked(path, tmp_path / "out")
    assert len(roots) == 1
    assert [side.name for side in found.side_files] == ["other/readme.txt"]
    found.close()


def test_zips_beside_a_project_and_in_other_archives_are_still_told(drawn, tmp_path):
    # The drawn project holds a zip of ZooProcess itself, which nobody misses.
    mine = with_members(drawn, tmp_path / "in/p.zip", ("other/inner.zip", b"PK"))
    with zipfile.ZipFile(tmp_path / "in/pictures.zip", "w") as archive:
        archive.writestr("Zooscan_drawn/x.zip", b"PK")
        archive.writestr("a.txt", "x")
    for input_, before in ((mine, ""), (mine.parent, "p.zip/")):
        roots, found = unpacked(input_, tmp_path / f"out{len(before)}")
        assert len(roots) == 1
        told = {row.image for row in found.failures if row.kind == "zip-nested"}
        others = {"pictures.zip/Zooscan_drawn/x.zip"} if before else set()
        assert told == {f"{before}other/inner.zip"} | others
        found.close()


def test_two_projects_in_one_zip_are_two(drawn, tmp_path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for top in ("a/Zooscan_x", "b/Zooscan_x"):
            for one in sorted(one for one in drawn.rglob("*.t*") if one.is_file()):
                archive.write(one, f"{top}/{one.relative_to(drawn)}")
    roots, found = unpacked(path, tmp_path / "out")
    assert len(set(roots)) == 2
    assert [len(read_project(root).scans) for root in roots] == [3, 3]
    found.close()


def with_members(drawn: Path, path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    packed(drawn, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return path


RAW = "Zooscan_drawn/Zooscan_scan/_raw"


def test_nothing_is_written_outside(drawn, tmp_path):
    link = zipfile.ZipInfo(f"{RAW}/link_raw_1.tif")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = with_members(
        drawn,
        tmp_path / "evil.zip",
        (f"{RAW}/../../../../escaped_raw_1.tif", b"x"),
        ("/etc/escaped_raw_1.tif", b"x"),
        ("C:\\escaped_raw_1.tif", b"x"),
        (link, b"/etc/passwd"),
        (f"{RAW}/./drawn_st1_d1_raw_1.tif", b"another of the same name"),
    )
    (root,), found = unpacked(path, tmp_path / "out")
    assert not list(tmp_path.rglob("*escaped*"))
    assert not [one for one in root.rglob("*") if one.is_symlink()]
    kinds = sorted(row.kind for row in found.failures)
    assert kinds == ["zip-duplicate", "zip-link", "zip-unsafe-path", "zip-unsafe-path", "zip-unsafe-path"]
    assert (root / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif").stat().st_size > 100
    found.close()


def test_a_bomb_and_too_much_are_refused_before_the_disk_is_full(drawn, tmp_path):
    path = with_members(drawn, tmp_path / "bomb.zip", (f"{RAW}/bomb_raw_1.tif", bytes(40 * 2**20)))
    with pytest.raises(RunError, match=r"bomb_raw_1.tif: It unpacks to more than 200 times its size"):
        unpacked(path, tmp_path / "out", Limits(zip_ratio=200))
    with pytest.raises(RunError, match="already unpacks to 1 MB"):
        unpacked(path, tmp_path / "out2", Limits(zip_ratio=5000, zip_mb=1))
    roots, found = unpacked(path, tmp_path / "out3", Limits(zip_ratio=5000, file_mb=20))
    assert [(row.image.rpartition("/")[2], row.kind) for row in found.failures] == [
        ("bomb_raw_1.tif", "too-large")
    ]
    assert not (roots[0] / "Zooscan_scan/_raw/bomb_raw_1.tif").exists()
    found.close()


def test_too_little_room_is_said_before_anything_is_written(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(zipped.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(RunError, match=r"less room where runs are kept\. A zip is unpacked whole"):
        unpacked(packed(drawn, tmp_path / "p.zip"), tmp_path / "out")


def test_a_damaged_member_costs_itself(drawn, tmp_path):
    path = packed(drawn, tmp_path / "p.zip")
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{RAW}/drawn_st1_d2_raw_1.tif")
    content = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    content[start : start + 200] = bytes(200)
    path.write_bytes(content)
    (root,), found = unpacked(path, tmp_path / "out")
    assert [(row.image.rpartition("/")[2], row.kind) for row in found.failures] == [
        ("drawn_st1_d2_raw_1.tif", "zip-damaged")
    ]
    assert [one.scan_id for one in read_project(root).scans] == ["drawn_st1_d1_1", "drawn_st2_tot_1"]
    found.close()


def context(tmp_path: Path, **parameters: str) -> ReaderContext:
    (tmp_path / "run").mkdir(exist_ok=True)
    return ReaderContext(
        tmp_path / "run", LIMITS, {"scans": "new", **parameters}, RunLog(tmp_path / "log.txt"), lambda *_: None, lambda: False,
        tmp_path / "run/work", tmp_path / "cache",
    )  # fmt: skip


def test_a_stop_while_unpacking_leaves_nothing(drawn, tmp_path):
    path = packed(drawn, tmp_path / "p.zip")
    mine = context(tmp_path)
    mine.cancelled = lambda: True
    with pytest.raises(RunCancelled):
        collect([path], LIMITS, lambda given, found: reader.read(given, found, mine))
    assert not (tmp_path / "run/work" / reader.UNPACKED).exists()


@pytest.mark.parametrize("content", [b"", b"PK\3\4 broken", b"PK\5\6" + bytes(18)])
def test_a_zip_without_a_project_says_what_was_expected(tmp_path, content):
    (tmp_path / "p.zip").write_bytes(content)
    with pytest.raises(RunError, match="expected a folder, or a zip of it") as told:
        collect(
            [tmp_path / "p.zip"], LIMITS, lambda given, found: reader.read(given, found, context(tmp_path))
        )
    assert "p.zip" in str(told.value)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_spoilt_zip_is_read_or_refused_in_words(small, tmp_path, changes):
    content = bytearray(small)
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path / f"{zlib.crc32(content)}.zip"
    path.write_bytes(content)
    out = tmp_path / f"out{zlib.crc32(content)}"
    try:
        _, found = unpacked(path, out)
        found.close()
    except RunError as error:
        words = str(error)
    else:
        words = "Read."
    assert words.endswith((".", ")"))
    inside = [Path(folder) for folder, _, _ in os.walk(tmp_path)]
    assert all(folder.is_relative_to(tmp_path) for folder in inside)
    path.unlink()
    shutil.rmtree(out, ignore_errors=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> bytes:
    """A project of a few hundred bytes, so that most changes meet the structure of the zip."""
    folder = tmp_path_factory.mktemp("small")
    path = folder / "s.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/raw/a_raw_1.tif", b"II*\0")
        archive.writestr("p/raw/a_1_log.txt", "[Image]\n")
        archive.writestr("p/config/lut.txt", "0\n")
        archive.writestr("p/background/b.txt", "0\n")
    return path.read_bytes()


def test_scans_of_a_zip_may_be_compressed_tiffs(drawn, tmp_path):
    root = Path(shutil.copytree(drawn, tmp_path / "Zooscan_drawn"))
    raw = root / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif"
    pixels = tifffile.imread(raw)
    (again,), found = unpacked(packed(root, tmp_path / "p.zip"), tmp_path / "out")
    assert np.array_equal(tifffile.imread(again / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif"), pixels)
    found.close()
