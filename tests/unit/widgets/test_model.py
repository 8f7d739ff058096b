"""The form's state, without a browser."""

import json
import shutil
import time

import pytest
import yaml

from tests.support.brightness import grey_png
from tidelab.catalogue import ParameterError, load_usecase
from tidelab.widgets.identity import Visitor
from tidelab.widgets.listing import parameters_table
from tidelab.widgets.model import new_model

GIVEN = {"images": "sample", "threshold": 0.5, "model": "champion"}


@pytest.fixture
def ada(tmp_path):
    home = tmp_path / "data" / "homes" / "ada"
    home.mkdir(parents=True)
    return Visitor("ada", home / "runs")


def app(use_case, visitor):
    return new_model(use_case, "analyse", "app", GIVEN, visitor)


def wait(model):
    until = time.monotonic() + 60
    while model.busy:
        assert time.monotonic() < until, model.run.log()
        time.sleep(0.05)
    return model.run.state()


def test_the_parameters_cell_is_checked(use_case):
    with pytest.raises(ParameterError, match="threshold"):
        new_model(use_case, "analyse", "lab", {**GIVEN, "threshold": 7}, None)


def test_before_hello_nothing_starts(use_case):
    model = app(use_case, None)
    model.source = "sample"
    assert not model.start()
    assert "still connecting" in model.message


def test_a_wrong_value_is_said_next_to_its_field_and_stops_the_start(use_case, ada):
    model = app(use_case, ada)
    model.source = "sample"
    model.set_value("threshold", 1.5)
    assert model.problems == {"threshold": "Must be at most 1.0."}
    assert not model.start()
    assert model.run is None
    model.set_value("threshold", 0.4)
    assert model.problems == {}


def test_sample_runs_in_a_process_and_the_visitors_folder(use_case, ada):
    model = app(use_case, ada)
    model.source = "sample"
    assert model.start()
    assert not model.start(), "a second press starts nothing"
    assert "already running" in model.message
    assert wait(model).status == "done"
    assert model.run.path.is_relative_to(ada.runs_root)
    assert model.run.request.person == "ada"
    assert len(model.earlier_runs()) == 1


def test_uploaded_files_are_single_files_without_an_invented_sample(use_case, ada, tmp_path):
    model = app(use_case, ada)
    assert not model.start()
    assert "Upload your images first" in model.message
    model.uploaded = grey_png(tmp_path / "up" / "b.png", 200).parent
    grey_png(tmp_path / "up" / "a.png", 20)
    assert model.start()
    assert wait(model).status == "done"
    results = model.run.results()
    assert results["image"].tolist() == ["a.png", "b.png"]
    assert results["sample_id"].tolist() == ["", ""]


def test_a_folder_of_someone_else_is_refused(use_case, ada, tmp_path):
    other = grey_png(tmp_path / "data" / "homes" / "bob" / "x.png", 20).parent
    model = app(use_case, ada)
    model.source, model.folder = "folder", other
    assert not model.start()
    assert "outside the folders you may read" in model.message
    mine = grey_png(tmp_path / "data" / "homes" / "ada" / "cruise" / "x.png", 20).parent
    model.folder = mine
    assert model.start()
    assert wait(model).done == 1


def test_a_model_folder_outside_is_refused_in_the_app_and_allowed_in_lab(use_case, ada, tmp_path):
    model = app(use_case, ada)
    model.set_value("model", str(use_case.folder / "model" / "demo"))
    assert "outside" in model.problems["model"]
    model.set_value("model", "champion")
    assert model.problems == {}
    lab = new_model(use_case, "analyse", "lab", GIVEN, ada)
    lab.set_value("model", str(use_case.folder / "model" / "demo"))
    assert lab.problems == {}


def test_earlier_runs_are_the_visitors_own(use_case, ada, tmp_path):
    model = app(use_case, ada)
    model.source = "sample"
    model.start()
    wait(model)
    bob = app(use_case, Visitor("bob", tmp_path / "data" / "homes" / "bob" / "runs"))
    assert bob.earlier_runs() == []
    assert not bob.open(model.run.run_id)
    again = app(use_case, ada)
    assert again.open(model.run.run_id)
    assert again.run.results().equals(model.run.results())


def test_cancel_stops_the_run_and_what_is_finished_is_kept(use_case, ada, tmp_path):
    (use_case.folder / "delay").write_text("0.7")
    for number in range(400):
        grey_png(tmp_path / "many" / f"{number}.png", number % 250, (20 + number // 250, 16))
    lab = new_model(use_case, "analyse", "lab", {**GIVEN, "images": str(tmp_path / "many")}, ada)
    assert lab.start()
    until = time.monotonic() + 30
    while not lab.run.state().done and time.monotonic() < until:
        time.sleep(0.05)
    lab.cancel()
    state = wait(lab)
    assert state.status == "cancelled"
    assert 0 < state.done < 400


@pytest.fixture
def listing_case(use_case):
    """The use case with a parameter that names files: a list to open, or none."""
    declared = yaml.safe_load((use_case.folder / "usecase.yaml").read_text())
    declared["notebooks"]["analyse"]["parameters"]["counted"] = {
        "type": "path", "default": "", "title": "Counted", "help": "A table.",
    }  # fmt: skip
    (use_case.folder / "usecase.yaml").write_text(yaml.safe_dump(declared))
    return load_usecase(use_case.folder)


def test_a_path_of_someone_else_is_refused_in_the_app_for_every_parameter_of_that_type(
    listing_case, ada, tmp_path
):
    bob = tmp_path / "data" / "homes" / "bob"
    bob.mkdir()
    (bob / "secret.csv").write_text("secret\n")
    (tmp_path / "data" / "homes" / "ada" / "link.csv").symlink_to(bob / "secret.csv")
    model = new_model(listing_case, "analyse", "app", {**GIVEN, "counted": ""}, ada)
    model.source = "sample"
    there, gone = str(bob / "secret.csv"), str(bob / "none.csv")
    said = set()
    for path in (
        there,
        gone,
        "/etc/passwd",
        "../bob/secret.csv",
        "~/../bob/secret.csv",
        "link.csv",
        f" {there} ",
    ):
        model.set_value("counted", path)
        assert "lies outside the folders you may read" in model.problems["counted"], path
        said.add(model.problems["counted"].replace("none", "secret"))
        assert not model.start()
        assert model.run is None
    assert len(said) == 3, "whether there is something is not told"
    lab = new_model(listing_case, "analyse", "lab", {**GIVEN, "counted": ""}, ada)
    assert any(line.endswith(": not given") for line in parameters_table(lab).text.splitlines()), (
        "an empty value is said"
    )
    lab.set_value("counted", there)
    assert lab.problems == {}


def test_a_path_of_ones_own_is_taken_from_the_home_with_its_links_resolved(listing_case, ada, tmp_path):
    home = tmp_path / "data" / "homes" / "ada"
    (home / "real.csv").write_text("mine\n")
    (home / "near.csv").symlink_to(home / "real.csv")
    model = new_model(listing_case, "analyse", "app", {**GIVEN, "counted": ""}, ada)
    model.source = "sample"
    model.set_value("counted", "none.csv")
    assert "cannot be read" in model.problems["counted"]
    model.set_value("counted", "~/near.csv")
    assert model.problems == {}
    assert model.start(), model.message
    assert wait(model).status == "done"
    assert model.run.request.parameters["counted"] == str((home / "real.csv").resolve())


def test_a_run_whose_request_was_rewritten_is_not_opened_in_the_app(listing_case, ada, tmp_path):
    model = new_model(listing_case, "analyse", "app", {**GIVEN, "counted": ""}, ada)
    model.source = "sample"
    assert model.start()
    wait(model)
    file = model.run.path / "request.json"
    whole = json.loads(file.read_text())
    copy = shutil.copytree(listing_case.folder, ada.runs_root.parent / "mine" / listing_case.slug)
    for change in (
        {"parameters": {**whole["parameters"], "counted": "/etc/passwd"}},
        {"use_case": "another-case"},
    ):
        file.write_text(json.dumps({**whole, **change}))
        again = new_model(listing_case, "analyse", "app", {**GIVEN, "counted": ""}, ada)
        assert not again.open(model.run.run_id)
        assert again.run is None
        assert again.message.startswith("This analysis")
    # Whatever folder it names, the app's own use case is what shows it.
    file.write_text(json.dumps({**whole, "use_case_folder": str(copy)}))
    assert again.open(model.run.run_id)
    assert again.run.request.use_case_folder == str(listing_case.folder)
