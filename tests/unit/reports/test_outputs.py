"""A report never takes the place of someone else's file."""

import errno
import json
import tempfile
from pathlib import Path

import pytest

from tidelab.reports.outputs import MARKER, ReportError, building, check, place


def write(out, **files):
    with building(out) as work:
        for name, text in files.items():
            (work / name.replace("_", ".")).write_text(text)
        place(work, out, {"words": "done"})


def test_files_appear_together_and_nothing_is_left_beside(tmp_path):
    write(tmp_path / "out", report_html="1", results_csv="2")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.html", MARKER, "results.csv"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_report_replaces_its_own_files_and_removes_what_is_no_longer_made(tmp_path):
    out = tmp_path / "out"
    write(out, report_html="1", log_txt="traceback")
    (out / "my notes.txt").write_text("keep")
    check(out, ["report.html", "log.txt"], force=False)
    write(out, report_html="2")
    assert (out / "report.html").read_text() == "2"
    assert not (out / "log.txt").exists()
    assert (out / "my notes.txt").read_text() == "keep"


def test_a_foreign_file_stops_it_unless_forced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.csv").write_text("mine")
    with pytest.raises(ReportError, match=r"results\.csv is there already.*--force"):
        check(out, ["report.html", "results.csv"], force=False)
    check(out, ["report.html", "results.csv"], force=True)


def test_a_file_of_ours_that_was_edited_counts_as_foreign(tmp_path):
    write(tmp_path / "out", results_csv="1")
    (tmp_path / "out" / "results.csv").write_text("1, corrected by hand")
    with pytest.raises(ReportError, match="changed since"):
        check(tmp_path / "out", ["results.csv"], force=False)


def test_an_unchanged_edited_file_survives_a_report_that_no_longer_makes_it(tmp_path):
    write(tmp_path / "out", log_txt="1")
    (tmp_path / "out" / "log.txt").write_text("with my remarks")
    write(tmp_path / "out", report_html="2")
    assert (tmp_path / "out" / "log.txt").read_text() == "with my remarks"


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ReportError, match="is a file"):
        check(tmp_path / "out", [], force=True)


@pytest.mark.parametrize("text", ["", "[]", '{"files": 5}', '{"files": {"../x": "1"}}', "{"])
def test_a_marker_from_elsewhere_gives_no_rights(tmp_path, text):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "x").write_text("mine")
    (out / MARKER).write_text(text)
    (out / "results.csv").write_text("mine")
    with pytest.raises(ReportError):
        check(out, ["results.csv"], force=False)
    write(out, report_html="1")
    assert (tmp_path / "x").read_text() == "mine"
    assert "report.html" in json.loads((out / MARKER).read_text())["files"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    def fail():
        with building(tmp_path / "deep" / "out") as work:
            (work / "a").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_folder_that_is_a_mounted_drive_takes_a_report_too(tmp_path, monkeypatch):
    """As in a container: nothing may be written beside the folder, and nothing moved into it from another disk."""
    out = tmp_path / "drive"
    out.mkdir()
    make, replace = tempfile.mkdtemp, Path.replace

    def mkdtemp(prefix, dir):
        if dir == tmp_path:
            raise OSError(errno.EROFS, "Read-only file system")
        return make(prefix=prefix, dir=dir)

    def move(self, target):
        if self.parent.name.startswith(".tidelab-report-"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr("tidelab.reports.outputs.tempfile.mkdtemp", mkdtemp)
    monkeypatch.setattr(Path, "replace", move)
    write(out, report_html="1")
    assert sorted(file.name for file in out.iterdir()) == ["report.html", MARKER]
    assert (out / "report.html").read_text() == "1"
