"""``tidelab report``: papermill and a real kernel, from pictures to a folder that can be sent by mail."""

import json
import os
import subprocess

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.support.brightness import calls, grey_png
from tests.support.faces import make_case
from tidelab import paths


def report(case, out, images, *more, env=None, cwd=None):
    """Run the command as a person does."""
    return subprocess.run(
        [str(paths.env_python("analyse").with_name("tidelab")), "report", case.slug, "--images", str(images), "--out", str(out), *more],
        capture_output=True, text=True, timeout=240, env={**os.environ, "JUPYTERHUB_USER": "ada", **(env or {})}, cwd=cwd, check=False,
    )  # fmt: skip


@pytest.fixture
def case(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "cases"))
    return make_case(tmp_path / "cases")


def test_a_report_of_a_folder_with_a_bad_file_and_a_hostile_name(case, tmp_path):
    folder = tmp_path / "here" / "pictures"
    for value in (20, 130, 240):
        grey_png(folder / f"{value}.png", value)
    grey_png(folder / "<img src=x onerror=alert(1)>.png", 25)
    (folder / "empty.png").touch()
    # Relative paths start where the person stands, not where the notebook lies.
    done = report(case, "out", "pictures", cwd=tmp_path / "here")
    assert done.returncode == 0, done.stderr
    assert "4 images analysed, 1 file could not be used" in done.stdout
    assert "Traceback" not in done.stderr
    assert "Parent appears to have exited" not in done.stderr, "the kernel outlived the report"
    out = tmp_path / "here" / "out"
    assert {p.name for p in out.iterdir()} >= {
        "report.html",
        "report.ipynb",
        "results.csv",
        "counts.csv",
        "failed_files.csv",
    }
    page = BeautifulSoup((out / "report.html").read_text(), "html.parser")
    assert not page.find_all("script")
    assert not page.select("[onerror]")
    assert "Cannot tell" in page.get_text()
    assert "<img src=x onerror=alert(1)>.png" in page.get_text()
    assert not page.find(string=lambda text: "LESSON" in text)
    executed = nbformat.read(out / "report.ipynb", as_version=4)
    values = next(cell for cell in executed.cells if "injected-parameters" in cell.metadata.get("tags", []))
    assert str(folder) in values.source
    assert not [
        output
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "widget" in str(output.get("data"))
    ]

    asked = len(calls(case))
    again = report(case, out, folder)
    assert again.returncode == 0, again.stderr
    assert len(calls(case)) == asked, "a repeated report asks the model nothing"
    assert "4 of them known from before" in again.stdout


def test_a_failed_analysis_is_written_with_the_step_on_top(case, tmp_path):
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "a.png").write_bytes(b"no picture")
    done = report(case, tmp_path / "out", tmp_path / "only")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    page = BeautifulSoup((tmp_path / "out" / "report.html").read_text(), "html.parser")
    alert = page.select_one("[role=alert]").get_text()
    assert "could not be finished" in alert
    assert "could not be used" in alert
    assert "a.png" in page.get_text()
    assert json.loads((tmp_path / "out" / "report.json").read_text())["ok"] is False


def test_a_cell_that_breaks_is_named_by_its_heading_and_its_traceback_is_in_the_log(case, tmp_path):
    file = case.folder / "analyse.ipynb"
    notebook = nbformat.read(file, as_version=4)
    broken = [nbformat.v4.new_markdown_cell("## Counts per class"), nbformat.v4.new_code_cell("1 / 0")]
    notebook.cells += broken
    nbformat.write(notebook, file)
    done = report(case, tmp_path / "out", "sample")
    assert done.returncode == 1
    alert = (
        BeautifulSoup((tmp_path / "out" / "report.html").read_text(), "html.parser")
        .select_one("[role=alert]")
        .get_text()
    )
    assert "Counts per class" in alert
    assert "ZeroDivisionError" not in alert
    assert "ZeroDivisionError" in (tmp_path / "out" / "log.txt").read_text()
    assert (tmp_path / "out" / "results.csv").exists(), "what was finished before is kept"


@pytest.mark.parametrize(
    ("images", "more", "words"),
    [
        ("nowhere", (), "There is nothing at"),
        ("sample", ("--param", "threshold=7"), "at most 1.0"),
        ("sample", ("--model", "/etc"), "/etc"),
    ],
)
def test_wrong_arguments_are_answered_in_words(case, tmp_path, images, more, words):
    done = report(case, tmp_path / "out", images, *more)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_deep_temporary_folder_does_not_kill_the_kernel(case, tmp_path):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    assert report(case, tmp_path / "out", "sample", env={"TMPDIR": str(deep)}).returncode == 0
    assert list(deep.glob("tl-*")) == []
