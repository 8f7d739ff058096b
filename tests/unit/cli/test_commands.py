"""The commands: what they print, and the exit code a script sees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tidelab.catalogue import load_catalogue
from tidelab.cli import app


def test_help_names_every_command(tidelab):
    said = tidelab("--help")
    assert said.code == 0
    for name in [
        "list",
        "check",
        "new",
        "schema",
        "docs",
        "report",
        "run",
        "runs",
        "export",
        "check-ecotaxa",
        "stack",
        "doctor",
    ]:
        assert f"\n  {name} " in said.out
    assert "..." not in said.out.split("Commands:")[1], (
        "every command's first sentence is short enough to be read"
    )


def test_help_loads_nothing_heavy():
    heavy = [
        "numpy",
        "pandas",
        "onnxruntime",
        "mlflow",
        "papermill",
        "matplotlib",
        "tidelab.runs",
        "tidelab.reports",
    ]
    script = f"import sys; from tidelab.cli import run; run(['--help']); print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_list_is_a_table_that_a_script_can_read(tidelab):
    lines = tidelab("list").out.splitlines()
    assert lines[0] == "NAME\tTITLE\tFACES\tFOLDER"
    rows = [line.split("\t") for line in lines[1:]]
    assert ["flowcam-plankton", "Phytoplankton from FlowCam images", "lab, app, report"] in [
        row[:3] for row in rows
    ]
    assert [row[0] for row in rows] == sorted(load_catalogue())
    assert {len(row) for row in rows} == {4}


def test_new_check_list_and_report_list(tidelab, place):
    assert tidelab("new", "demo-case", "--title", "A demo", "--into", place).code == 0
    checked = tidelab("check", "demo-case")
    assert (checked.code, checked.out.strip()) == (0, "demo-case: in order")
    assert "demo-case\tA demo\tlab, app, report" in tidelab("list").out
    assert (
        "demo-case\tanalyse\tA demo\timages=sample, threshold=0.5, model=champion"
        in tidelab("report", "--list").out
    )


def test_new_says_how_to_make_it_seen(tidelab, tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    assert f"set TIDELAB_USECASES={outside}" in tidelab("new", "demo-case", "--into", outside).out
    assert "TIDELAB_USECASES" not in tidelab("new", "demo-case", "--into", place).out


def test_check_names_problems_and_exits_1(tidelab, place):
    tidelab("new", "demo-case", "--into", place)
    tidelab("new", "good-case", "--into", place)
    (place / "demo-case" / "drift.ipynb").unlink()
    (place / "broken-case").mkdir()
    said = tidelab("check", "demo-case", "good-case", "broken-case")
    assert said.code == 1
    assert said.out.splitlines() == ["demo-case: 1 problem", "good-case: in order", "broken-case: 1 problem"]
    assert "names 'drift.ipynb', which is not in the folder" in said.err
    assert "usecase.yaml: is not there" in said.err
    assert "broken-case cannot be used: run `tidelab check broken-case`" in tidelab("list").err


def test_check_fix_strips_notebooks_and_nothing_else(tidelab, place):
    tidelab("new", "demo-case", "--into", place)
    file = place / "demo-case" / "analyse.ipynb"
    before = file.read_text()
    notebook = json.loads(before)
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell |= {"execution_count": 4, "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}
    file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    assert tidelab("check", "demo-case").code == 1
    assert tidelab("check", "--fix", "demo-case").code == 0
    assert file.read_text() == before


@pytest.mark.parametrize(("arguments", "words"), [
    (["nope"], "No such command 'nope'. See `tidelab --help`."),
    (["check", "flowcam"], "There is no use case 'flowcam'. Did you mean 'flowcam-plankton'?"),
    (["new"], "Missing argument 'NAME'"),
    (["new", "Bad Name"], "'Bad Name' cannot be the name of a use case"),
    (["report"], "name a use case, or see them with `tidelab report --list`"),
    (["report", "flowcam-plankton"], "--out"),
    (["report", "flowcam-plankton", "--out", "x", "--notebook", "retrain"], "has no report 'retrain'; its reports: analyse, drift"),
    (["report", "nope", "--out", "x"], "There is no use case 'nope'"),
    (["report", "flowcam-plankton", "--out", "x", "--param", "threshold"], "'threshold' is not name=value, e.g. threshold=0.6"),
    (["report", "flowcam-plankton", "--out", "x", "--param", "threshold=2"], "Parameter 'threshold' of flowcam-plankton/analyse is '2'"),
    (["report", "flowcam-plankton", "--out", "x", "--param", "treshold=1"], "Did you mean 'threshold'?"),
    (["report", "flowcam-plankton", "--out", "x", "--param", "threshold=1", "--param", "threshold=0"], "'threshold' is given twice"),
    (["report", "flowcam-plankton", "--colour"], "No such option"),
    (["run", "nope"], "There is no use case 'nope'"),
    (["runs", "show", "nope"], "there is no run 'nope'"),
    (["stack", "install"], "Missing argument"),
])  # fmt: skip
def test_wrong_arguments_are_a_sentence_and_exit_code_2(tidelab, arguments, words):
    said = tidelab(*arguments)
    assert said.code == 2
    assert words in said.err
    assert len(said.err.splitlines()) == 1


def test_a_fault_of_ours_is_a_sentence_with_a_log(tidelab, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("tidelab.catalogue.load_catalogue", broken)
    said = tidelab("list")
    assert said.code == 1
    assert (
        "`tidelab list` stopped on a fault of Tidelab itself (ZeroDivisionError). The details are in "
        in said.err
    )
    log = said.err.split("The details are in ")[1].splitlines()[0].rstrip(".")
    assert "secret detail" in Path(log).read_text(encoding="utf-8")
    assert "secret detail" not in said.err
    assert "Traceback" in tidelab("--debug", "list").err


def test_a_folder_for_logs_that_cannot_be_written_is_no_second_fault(tidelab, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    monkeypatch.setattr("tidelab.catalogue.load_catalogue", lambda: 1 / 0)
    said = tidelab("list")
    assert said.code == 1
    assert "The details are in" not in said.err


def test_docs_outside_the_development_environment(tidelab, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = tidelab("docs", "--check")
    assert said.code == 2
    assert "the pages need the environment `dev`: run " in said.err


def test_schema_to_a_file(tidelab, tmp_path):
    assert tidelab("schema", "--out", tmp_path / "s.json").code == 0
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(tidelab("schema").out)


def test_run_show_resume(tidelab, place):
    tidelab("new", "demo-case", "--into", place)
    said = tidelab("run", "demo-case", "--param", "threshold=0.4")
    assert said.code == 0, said
    folder = said.out.splitlines()[0]
    name = folder.rsplit("/", 1)[1]
    shown = tidelab("runs", "show", name)
    assert "done: 36 of 36 images" in shown.out
    assert "verdict grey" in shown.out
    assert f"{name}\tdemo-case\tdone\t36/36" in tidelab("runs", "list", "demo-case").out
    assert "there is nothing to resume" in tidelab("runs", "resume", folder).out
    assert "is over already (done)" in tidelab("runs", "cancel", name).out


def test_version_and_the_command_itself():
    assert app.info.name == "tidelab"
    result = subprocess.run(
        [sys.executable, "-m", "tidelab.cli", "--version"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout[:8]) == (0, "tidelab ")
