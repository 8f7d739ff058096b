"""``tidelab runs remake``, and ``tidelab ecotaxa``, which sends no zip that is older than what people said."""

import sys

import pytest

from tests.support.blobs import make_use_case
from tidelab.cli.ecotaxa import _zip_of
from tidelab.exports import ExportError
from tidelab.runs import get_executor, prepare
from tidelab.runs.validation import Validation

ZIP = """
def bundle(run):
    if (run.use_case.folder / "stop").exists():
        raise ValueError("no tide today")
    persons = ",".join(sorted(set(run.run.determinations()["validated_by"])))
    return [ProductFile(run.write("ecotaxa_spots.zip", persons), "For EcoTaxa", "application/zip")]
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("DATA", "RUNS", "CHAMPIONS"):
        monkeypatch.setenv(f"TIDELAB_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    case = make_use_case(tmp_path / "usecases", products=["blob_case.hooks:bundle"])
    hooks = case.source_folder / "blob_case" / "hooks.py"
    hooks.write_text(hooks.read_text() + ZIP)
    folder = prepare(case, person="ada")
    get_executor("inline").submit(folder)
    return folder


def test_files_are_made_again_and_what_fails_is_said(tidelab, run, tmp_path):
    Validation(run).confirm(run.results()["image_id"].tolist(), "ada")
    said = tidelab("runs", "remake", run.run_id)
    made = run.path / "products" / "ecotaxa_spots.zip"
    assert (said.code, said.out.strip()) == (0, str(made))
    assert made.read_text() == "ada"
    (tmp_path / "usecases" / "blob-case" / "stop").touch()
    said = tidelab("runs", "remake", run.run_id)
    assert said.code == 1
    assert f"{made}  (of before)" in said.out
    assert "no tide today" in said.out


def test_the_zip_that_is_sent_is_the_one_in_force_and_whole(tidelab, run):
    with _zip_of(run.run_id) as path:
        assert path == run.path / "products" / "ecotaxa_spots.zip"
    Validation(run).confirm(run.results()["image_id"].tolist(), "ada")
    (run.path / "products" / "ecotaxa_aside.zip").write_text("not of the run")
    with (
        pytest.raises(ExportError, match=f"the files do not hold it yet.*tidelab runs remake {run.run_id}"),
        _zip_of(run.run_id),
    ):
        pass
    said = tidelab("ecotaxa", "check", run.run_id, "--project", "3")
    assert said.code != 0
    assert "runs remake" in said.err
    assert tidelab("runs", "remake", run.run_id).code == 0
    with _zip_of(run.run_id) as path:
        assert path.read_text() == "ada"
    path.write_text("eve")
    with pytest.raises(ExportError, match="its checksum"), _zip_of(run.run_id):
        pass


def test_where_the_use_case_could_not_make_its_zip_no_other_is_sent_in_its_place(tidelab, run, tmp_path):
    (tmp_path / "usecases" / "blob-case" / "stop").touch()
    again = prepare("blob-case", person="ada")
    get_executor("inline").submit(again)
    assert again.products() == []
    said = tidelab("ecotaxa", "check", again.run_id, "--project", "3")
    assert said.code != 0
    assert "no tide today" in said.err
    assert f"tidelab export {again.run_id} ecotaxa" in said.err
