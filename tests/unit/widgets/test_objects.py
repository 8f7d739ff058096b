"""A detector's run at the validation grid, and modules of a use case's own in a notebook."""

import sys

import pytest

from tests.support.blobs import LABELS, SLUG, make_use_case
from tidelab.catalogue.task import NO_OBJECT
from tidelab.runs import get_executor, prepare
from tidelab.runs.per_picture import counts_per_picture
from tidelab.widgets import Analysis
from tidelab.widgets.analysis import AnalysisError
from tidelab.widgets.validation_session import Session


@pytest.fixture
def spots(tmp_path, monkeypatch):
    for name, folder in (
        ("DATA", "data"),
        ("RUNS", "runs"),
        ("CHAMPIONS", "champions"),
        ("USECASES", "usecases"),
    ):
        monkeypatch.setenv(f"TIDELAB_{name}", str(tmp_path / folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return make_use_case(tmp_path / "usecases")


def test_boxes_are_confirmed_renamed_or_called_no_object_in_the_grid(spots):
    run = prepare(spots, person="ada")
    get_executor("inline").submit(run)
    session = Session(run, "ada")
    index = session.index()
    assert index["labels"] == [*LABELS, NO_OBJECT]
    assert index["predicted"] == [0, 1]
    message, pictures = session.pictures([0, 1])
    assert [name.rpartition("@")[2] for name in message["images"]] == ["1", "2"]
    assert message["top"][0] == [(0, 781)]
    assert all(one.startswith(b"\xff\xd8") for one in pictures)
    wish = {"kind": "act", "id": "1", "run": run.run_id, "rows": [0, 1], "names": [0, 2], "verb": "move"}
    answer, changed = session.ask(wish)
    assert (answer["kind"], changed) == ("done", True)
    assert run.determinations()["label"].tolist() == [LABELS[0], NO_OBJECT]
    assert counts_per_picture(run).to_numpy().sum() == 1
    assert (
        session.ask({"kind": "draw", "id": "2", "run": run.run_id, "n": 2, "seed": 1, "design": "simple"})[0][
            "kind"
        ]
        == "done"
    )


def test_a_notebook_reaches_modules_of_its_use_case_and_missing_ones_are_told(spots):
    analysis = Analysis(SLUG)
    assert analysis.own("views").spots.__name__ == "spots"
    with pytest.raises(AnalysisError, match=r"blob_case\.pages"):
        analysis.own("pages")
    (spots.source_folder / "blob_case" / "broken.py").write_text("raise ValueError('half a module')\n")
    with pytest.raises(AnalysisError, match="ValueError: half a module"):
        analysis.own("broken")
