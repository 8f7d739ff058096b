"""Which notebooks are apps, and what of them is shown."""

import json

import pytest

from tests.support.brightness import make_use_case
from tidelab.apps.pages import message_page
from tidelab.apps.shown import app_notebook, load_apps


@pytest.fixture
def cases(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "cases"))
    (tmp_path / "cases").mkdir()
    return tmp_path / "cases"


def write(use_case, *cells):
    made = [
        {"cell_type": "code" if code else "markdown", "id": f"c{n}", "metadata": {"tags": tags}, "source": source}
        | ({"outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}], "execution_count": 7} if code else {})
        for n, (code, tags, source) in enumerate(cells)
    ]  # fmt: skip
    metadata = {"kernelspec": {"name": "python3"}, "voila": {"template": "evil"}}
    (use_case.folder / "analyse.ipynb").write_text(
        json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    )


def test_a_new_use_case_is_there_without_a_restart(cases):
    assert "brightness-case" not in load_apps()
    make_use_case(cases)
    app = load_apps()["brightness-case"]
    assert (app.key, app.kernel) == ("brightness-case/analyse.ipynb", "tidelab-analyse")
    assert "flowcam-plankton" in load_apps()


def test_lessons_outputs_and_the_notebooks_own_wishes_are_left_out(cases):
    use_case = make_use_case(cases)
    write(
        use_case,
        (False, [], "words"),
        (False, ["lesson"], "LESSON"),
        (True, ["lesson"], "1"),
        (True, [], "2"),
    )
    notebook = app_notebook(load_apps()["brightness-case"])
    assert [cell.source for cell in notebook.cells] == ["words", "2"]
    assert notebook.cells[1].outputs == []
    assert notebook.cells[1].execution_count is None
    assert notebook.metadata.kernelspec.name == "tidelab-analyse"
    assert "voila" not in notebook.metadata
    assert notebook.metadata.title == "Brightness"


def test_a_changed_notebook_has_another_version(cases):
    use_case = make_use_case(cases)
    before = load_apps()["brightness-case"].version
    write(use_case, (False, [], "changed"))
    assert load_apps()["brightness-case"].version != before


def test_a_page_of_words_escapes_them():
    page = message_page("<b>", "<script>", "javascript:'\">", 5)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert '"javascript:\'">' not in page
    assert 'content="5"' in page
