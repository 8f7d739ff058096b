"""A use case with a detector, a reader, measures, products and views of its own, as `tidelab report`, `tidelab check` and the lesson."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.blobs import SLUG, make_use_case
from tests.support.faces import newest_run, run_lab
from tidelab import paths
from tidelab.runs import get_executor, prepare

TABLES = ("results.csv", "pictures.csv", "detections.csv", "objects.csv", "counts.csv", "verdict.json")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory):
    return make_use_case(tmp_path_factory.mktemp("cases") / "usecases")


def environment(case, folder: Path) -> dict[str, str]:
    # Nothing of another test's cache: each face computes for itself.
    more = {
        "TIDELAB_USECASES": str(case.folder.parent),
        "TIDELAB_RUNS": str(folder / "runs"),
        "TIDELAB_DATA": str(folder / "data"),
    }
    return {**os.environ, **more, "JUPYTERHUB_USER": "ada"}


def tidelab(case, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(paths.env_python("analyse").with_name("tidelab"))
    return subprocess.run(
        [program, *arguments],
        env=environment(case, folder),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_report_lesson_and_app_give_the_same_tables_and_products(case, tmp_path, monkeypatch):
    out = tmp_path / "report" / "out"
    done = tidelab(case, tmp_path / "report", "report", SLUG, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "3 pictures searched, 2 objects found" in done.stdout + done.stderr
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "2 spots in 3 pictures" in page, "the view of the use case's own"
    assert page.count('class="tl-picture"') == 3
    assert (out / "products" / "series" / "objects.csv").read_text() == "pictures,objects\n3,2\n"
    for name, value in environment(case, tmp_path / "lab").items():
        monkeypatch.setenv(name, value)
    lab = run_lab(case, tmp_path / "lab" / "home", "ada", "sample")
    monkeypatch.setenv("TIDELAB_RUNS", str(tmp_path / "app" / "runs"))
    app = prepare(case, person="ada", face="app")
    get_executor("process").submit(app).wait()
    assert app.state().status == "done", app.log()
    for name in TABLES:
        assert (out / name).read_bytes() == (lab / name).read_bytes() == (app.path / name).read_bytes(), name
    for run in (lab, app.path):
        assert (run / "products" / "series" / "objects.csv").read_bytes() == (
            out / "products/series/objects.csv"
        ).read_bytes()
    assert newest_run(tmp_path / "report" / "runs", SLUG).exists()


def test_a_killed_run_goes_on_with_the_objects_it_has(case, tmp_path, monkeypatch):
    for name, value in environment(case, tmp_path).items():
        monkeypatch.setenv(name, value)
    program = case.source_folder / "blob_case" / "hooks.py"
    text = program.read_text()
    killing = (
        "def table(run: FinishedRun):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    program.write_text(text.replace("def table(run: FinishedRun):\n", killing))
    try:
        run = prepare(case, person="ada")
        get_executor("process").submit(run).wait()
        assert run.state().status == "failed"
        assert "interrupted" in run.state().message
    finally:
        program.write_text(text)
    before = (case.folder / "calls.txt").read_text().split()
    get_executor("process").submit(run).wait()
    assert run.state().status == "done", run.log()
    assert (case.folder / "calls.txt").read_text().split() == before, "no picture was predicted again"
    assert len(run.results()) == 2
    assert [one.name for one in run.products()] == ["series/objects.csv", "note.txt"]
    assert not (run.path / "work").exists()


def test_check_finds_a_hook_that_is_not_there(case, tmp_path):
    file = case.folder / "usecase.yaml"
    text = file.read_text()
    file.write_text(text.replace("blob_case.hooks:read", "blob_case.hooks:reed"))
    try:
        done = tidelab(case, tmp_path, "check", SLUG)
    finally:
        file.write_text(text)
    assert done.returncode != 0
    assert "`task.reader`" in done.stdout + done.stderr
    assert "has no reed" in done.stdout + done.stderr
