"""``tidelab export`` and ``tidelab check-ecotaxa`` say what they did, what they left out, and why not."""

import sys

import pytest

from tests.support.brightness import make_use_case
from tests.support.ecotaxa_bundle import bundle, line, table
from tidelab.formats.ecotaxa import validate
from tidelab.runs import get_executor, prepare


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("DATA", "RUNS", "CHAMPIONS"):
        monkeypatch.setenv(f"TIDELAB_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    monkeypatch.delitem(sys.modules, "brightness", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = prepare(make_use_case(tmp_path / "usecases"), person="ada")
    get_executor("inline").submit(folder)
    return folder


def test_a_run_is_written_and_the_notes_are_said(tidelab, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = tidelab("export", run.run_id, "ecotaxa")
    path = tmp_path / f"brightness-case-{run.run_id}-ecotaxa.zip"
    assert (said.code, said.out.strip()) == (0, path.name)
    assert validate(path) == []
    assert "Note: These names come from a demonstration model" in said.err


def test_formats_are_listed_with_the_reason_where_one_cannot_be_had(tidelab, run):
    said = tidelab("export", run.path)
    lines = dict(one.split("\t", 1) for one in said.out.strip().splitlines()[1:])
    assert {"ecotaxa", "darwin-core", "coco", "ifdo", "package"} <= set(lines)


def test_an_existing_file_is_not_replaced_without_force(tidelab, run, tmp_path):
    out = tmp_path / "out" / "x.zip"
    assert tidelab("export", run.path, "ecotaxa", "--out", out).code == 0
    said = tidelab("export", run.path, "ecotaxa", "--out", out)
    assert said.code == 2
    assert "--force" in said.err
    assert tidelab("export", run.path, "ecotaxa", "--out", out, "--force").code == 0
    assert (
        tidelab("export", run.path, "ecotaxa", "--out", tmp_path / "out").out.strip().endswith("-ecotaxa.zip")
    )


@pytest.mark.parametrize("name", ["EcoTaxa", "zip", ""])
def test_an_unknown_format_names_the_known_ones(tidelab, run, name):
    said = tidelab("export", run.path, name)
    assert said.code == 2
    assert "ecotaxa, darwin-core" in said.err


def test_a_place_that_cannot_be_written(tidelab, run, tmp_path):
    (tmp_path / "file").write_text("")
    said = tidelab("export", run.path, "coco", "--out", tmp_path / "file" / "x.json")
    assert said.code == 1
    assert "Choose another place with --out" in said.err


def test_an_unfinished_run_says_why(tidelab, run):
    (run.path / "results.csv").unlink()
    said = tidelab("export", run.path, "ecotaxa")
    assert (said.code, said.err.strip()) == (1, "EcoTaxa (zip) cannot be made: The run has no results.")


def test_a_bundle_is_checked_with_an_exit_code(tidelab, tmp_path):
    good = bundle(tmp_path / "good")
    assert tidelab("check-ecotaxa", good).code == 0
    bad = bundle(tmp_path / "bad", table([line(1), line(2, object_lat="95")]))
    said = tidelab("check-ecotaxa", bad)
    assert said.code == 1
    assert said.out.startswith("error: ecotaxa_tow1.tsv, line 4, object_lat: '95' is no position")
    assert "EcoTaxa would refuse bad: 1 error, 0 warnings." in said.err
    odd = bundle(tmp_path / "odd", None, {"ecotaxa_none.tsv": table([])})
    said = tidelab("check-ecotaxa", odd)
    assert said.code == 0
    assert "follows EcoTaxa's rules (1 warning)" in said.out
    assert tidelab("check-ecotaxa", tmp_path / "nothing").code == 1
