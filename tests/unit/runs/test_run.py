"""A run from request to products, in this process."""

import csv
import json
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.brightness import calls, grey_png
from tests.unit.runs.bad_files import png_bytes, zip_with
from tests.unit.runs.conftest import Run
from tidelab.catalogue import ParameterError, UseCase
from tidelab.domain.results import FAILED_COLUMNS, RESULT_COLUMNS
from tidelab.models import predictor_class
from tidelab.runs import RunError, get_executor, list_runs, prepare
from tidelab.runs.execute import execute

TABLES = (
    "results.csv",
    "counts.csv",
    "failed_files.csv",
    "statistics.csv",
    "inputs.csv",
    "embeddings.npy",
    "verdict.json",
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for value in (10, 60, 128, 200, 250):
        grey_png(tmp_path / "images" / ("north" if value < 100 else "south") / f"i{value}.png", value)
    return tmp_path / "images"


def test_results_say_which_image_sample_person_class_and_how_sure(run: Run, images: Path) -> None:
    folder = run(images)
    rows = list(csv.DictReader((folder.path / "results.csv").open(encoding="utf-8")))
    assert tuple(rows[0]) == RESULT_COLUMNS
    assert [row["image"] for row in rows] == [
        "north/i10.png",
        "north/i60.png",
        "south/i128.png",
        "south/i200.png",
        "south/i250.png",
    ]
    assert [row["label"] for row in rows] == ["dark", "dark", "middle", "bright", "bright"]
    assert rows[2]["aphia_id"] == "148947"
    assert rows[0]["aphia_id"] == rows[0]["time"] == rows[0]["station"] == ""
    assert {row["person_id"] for row in rows} == {"ada"}
    assert [row["sample_id"] for row in rows] == ["north", "north", "south", "south", "south"]
    # p is proportional to exp(-20 (grey - centre)^2); 10/255 and its one brighter pixel, by hand:
    grey = (10 * 319 + 11) / 320 / 255
    weights = np.exp(-20 * (np.array([0.15, 0.5, 0.85]) - grey) ** 2)
    assert rows[0]["score"] == f"{(weights / weights.sum())[0]:.4f}"
    assert rows[0]["top5"].split(";")[0] == f"dark:{rows[0]['score']}"
    assert folder.failed_files().columns.tolist() == list(FAILED_COLUMNS)
    assert folder.embeddings().shape == (5, 2)
    assert folder.embeddings()[:, 0].tolist() == sorted(folder.embeddings()[:, 0].tolist())
    assert folder.statistics().index.tolist() == [row["image_id"] for row in rows]
    assert folder.thumbnail(rows[0]["image_id"]).startswith(b"\xff\xd8")
    assert folder.thumbnail("sha256:unknown") == b""


def test_a_second_run_asks_no_model_and_decodes_nothing_and_gives_the_same_bytes(
    run: Run, images: Path, use_case: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(images)
    assert len(calls(use_case)) == 5
    monkeypatch.setattr("tidelab.runs.pipeline.decode", lambda *_: pytest.fail("an image was decoded"))
    second = run(images)
    assert len(calls(use_case)) == 5
    assert second.manifest()["counts"] == {
        "images": 5, "failed_files": 0, "predicted": 0, "from_cache": 5, "decoded": 0, "model_calls": 0,
    }  # fmt: skip
    for name in TABLES:
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name


@pytest.mark.parametrize("face", ["lab", "app", "report"])
def test_the_face_and_the_form_of_the_input_change_no_byte_of_the_results(
    run: Run, images: Path, tmp_path: Path, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(images, face="lab")
    monkeypatch.setenv("TIDELAB_CACHE", str(tmp_path / "another-cache"))
    packed = tmp_path / "images.zip"
    zip_with(packed, {str(path.relative_to(images)): path.read_bytes() for path in images.rglob("*.png")})
    other = run(packed, face=face)
    assert other.manifest()["counts"]["from_cache"] == 0
    for name in TABLES:
        assert (folder.path / name).read_bytes() == (other.path / name).read_bytes(), name


def test_a_threshold_empties_names_and_costs_no_prediction(run: Run, images: Path, use_case: UseCase) -> None:
    run(images)
    strict = run(images, parameters={"threshold": 0.95})
    assert len(calls(use_case)) == 5
    results = strict.results()
    below = results["score"] < 0.95
    assert below.any()
    assert not below.all()
    assert (
        (results["label"] == "").tolist() == below.tolist() == (results["status"] == "unidentified").tolist()
    )
    assert results.loc[below, "aphia_id"].isna().all()
    counts = strict.counts().set_index("label")["count"]
    assert counts["unidentified"] == below.sum()
    assert counts.sum() == 5
    assert strict.counts()["share"].sum() == pytest.approx(1, abs=1e-3)


def test_the_same_picture_twice_is_predicted_once_and_stands_twice(
    run: Run, tmp_path: Path, use_case: UseCase
) -> None:
    for name in ("a", "b"):
        grey_png(tmp_path / "in" / f"{name}.png", 99)
    folder = run(tmp_path / "in")
    assert len(calls(use_case)) == 1
    assert folder.results()["image"].tolist() == ["a.png", "b.png"]
    assert folder.results()["image_id"].nunique() == 1
    state = folder.state()
    assert (state.predicted, state.cached, state.done, state.total) == (1, 1, 2, 2)


def test_a_side_file_is_part_of_what_a_cached_result_stands_for(
    run: Run, tmp_path: Path, use_case: UseCase
) -> None:
    grey_png(tmp_path / "in" / "a.png", 99)
    run(tmp_path / "in")
    (tmp_path / "in" / "a.txt").write_text("depth 5")
    run(tmp_path / "in")
    run(tmp_path / "in")
    assert len(calls(use_case)) == 2
    (tmp_path / "in" / "a.txt").write_text("depth 6")
    folder = run(tmp_path / "in")
    assert len(calls(use_case)) == 3
    assert ".txt=sha256:" in (folder.path / "inputs.csv").read_text()


def test_another_version_of_the_code_and_another_model_repeat_nothing_old(
    run: Run, use_case: UseCase
) -> None:
    run()
    made = predictor_class("brightness:Brightness", [str(use_case.source_folder)])
    made.INFERENCE_VERSION = "2"
    run()
    assert len(calls(use_case)) == 6
    card = use_case.folder / "model" / "demo" / "card.json"
    card.write_text(card.read_text().replace('"title": "Brightness"', '"title": "Brighter"'))
    run()
    assert len(calls(use_case)) == 9


def test_another_version_of_a_library_that_decodes_or_measures_repeats_nothing_old(
    run: Run, use_case: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    for library, number in (("pillow", 6), ("scikit-image", 9)):
        monkeypatch.setattr(
            "tidelab.runs.keys.package_version", lambda name, changed=library: str(name == changed)
        )
        run()
        assert len(calls(use_case)) == number
    run()
    assert len(calls(use_case)) == 9


def test_pages_of_a_tiff_are_images_of_their_own(run: Run, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "in").mkdir()
    pages = [Image.new("L", (20, 20), value) for value in (10, 128, 250)]
    pages[0].save(tmp_path / "in" / "s.tif", save_all=True, append_images=pages[1:])
    results = run(tmp_path / "in").results()
    assert results["image"].tolist() == ["s.tif#1", "s.tif#2", "s.tif#3"]
    assert results["label"].tolist() == ["dark", "middle", "bright"]
    assert results["image_id"].str.endswith(("#1", "#2", "#3")).all()


def test_the_header_of_a_tiff_is_read_once_whatever_its_pages(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from tidelab.runs import pipeline

    (tmp_path / "in").mkdir()
    pages = [Image.new("L", (20 + k, 20), 5 * k) for k in range(40)]
    pages[0].save(tmp_path / "in" / "s.tif", save_all=True, append_images=pages[1:])
    read, asked = pipeline.read_header, []
    monkeypatch.setattr(pipeline, "read_header", lambda *given: (asked.append(1), read(*given))[1])
    folder = run(tmp_path / "in")
    assert folder.state().done == 40
    assert len(asked) == 1


def test_memory_is_bounded_by_pixels_of_a_batch(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_case: UseCase
) -> None:
    monkeypatch.setattr("tidelab.runs.pipeline.BATCH_PIXELS", 700)  # two of 320
    for value in range(5):
        grey_png(tmp_path / "in" / f"{value}.png", value)
    grey_png(tmp_path / "in" / "6-large.png", 6, (60, 60))
    assert run(tmp_path / "in").manifest()["counts"]["model_calls"] == 4


def test_a_formula_in_a_name_stays_a_path(run: Run, tmp_path: Path) -> None:
    grey_png(tmp_path / "in" / "=HYPERLINK(1).png", 9)
    folder = run(tmp_path / "in")
    assert folder.results()["image"].tolist() == ["./=HYPERLINK(1).png"]
    assert folder.results()["sample_id"].tolist() == ["in"]


def test_provenance_names_inputs_model_parameters_code_and_environment(
    run: Run, images: Path, use_case: UseCase, tmp_path: Path
) -> None:
    folder = run(images, parameters={"threshold": 0.6})
    manifest = folder.manifest()
    assert manifest["parameters"] == {"threshold": 0.6}
    assert manifest["model"]["digest"].startswith("sha256:")
    assert manifest["model"]["demo"] is True
    assert manifest["inference"] == {
        "predictor": "brightness:Brightness",
        "version": "1",
        "runtime": f"numpy {np.__version__}",
    }
    assert set(manifest["environment"]["packages"]) >= {"numpy", "pillow", "tidelab"}
    inputs = list(csv.DictReader((folder.path / "inputs.csv").open()))
    assert len(inputs) == 5
    assert inputs[0]["bytes"] == str((images / "north" / "i10.png").stat().st_size)
    graph = {
        entity["@id"]: entity
        for entity in json.loads((folder.path / "ro-crate-metadata.json").read_text())["@graph"]
    }
    action = graph[f"#run-{folder.run_id}"]
    assert action["agent"]["@id"] == "#person-ada"
    assert {"@id": "inputs.csv"} in action["object"]
    assert {"@id": "results.csv"} in action["result"]
    assert action["startTime"] <= action["endTime"]
    assert graph["#model"]["identifier"] == manifest["model"]["digest"]
    assert graph["#parameter-threshold"]["value"] == "0.6"
    methods = (folder.path / "methods.md").read_text()
    assert "Demonstration model." in methods
    assert "must not be used as data" in (folder.path / "CITATION.txt").read_text()
    assert "https://example.org/brightness" in (folder.path / "CITATION.txt").read_text()
    event = json.loads((tmp_path / "data" / "usage" / "events.jsonl").read_text())
    assert event == json.loads((folder.path / "usage.json").read_text())
    counted = (event["images_processed"], event["images_from_cache"], event["purpose"], event["face"])
    assert counted == (5, 0, "test", "lab")
    # As a value: three letters stand in a tenth of all identifiers.
    assert '"ada"' not in json.dumps(event)
    environment = manifest["environment"]
    stamp = Path(sys.prefix) / "tidelab-environment.json"
    known = json.loads(stamp.read_text()) if stamp.exists() else {"environment": None, "lock": None}
    assert (environment["name"], environment["lock_digest"]) == (known["environment"], known["lock"])
    with zipfile.ZipFile(folder.package()) as archive:
        inside = {Path(name).name for name in archive.namelist()}
    assert inside >= {
        "README.txt",
        "results.csv",
        "failed_files.csv",
        "manifest.json",
        "methods.md",
        "CITATION.txt",
        "ro-crate-metadata.json",
    }
    assert len({Path(name).parent for name in zipfile.ZipFile(folder.package()).namelist()}) == 1


def test_the_crate_in_the_package_is_whole_and_claims_nothing_for_others(
    use_case: UseCase, images: Path, tmp_path: Path
) -> None:
    from rocrate.rocrate import ROCrate

    folder = prepare(use_case, images=images, person="Ada Lövelace #1")
    get_executor("inline").submit(folder)
    with zipfile.ZipFile(folder.package()) as archive:
        archive.extractall(tmp_path / "taken")
    (home,) = (tmp_path / "taken").iterdir()
    crate = ROCrate(home)
    listed = {entity.id for entity in crate.data_entities}
    assert listed <= {path.name for path in home.iterdir()}
    assert listed >= {"results.csv", "inputs.csv", "manifest.json", "failed_files.csv"}
    # RO-Crate 1.1: a root has name, description, date and licence, the licence an entity; identifiers are URI references.
    root = crate.root_dataset
    assert root["name"]
    assert root["description"]
    assert datetime.fromisoformat(root["datePublished"])
    assert "decides" in root["license"]["description"]
    for entity in crate.get_entities():
        assert not set(entity.id) & set(' <>"{}|^`'), entity.id
        assert entity.id.isascii()
    # Process Run Crate 0.5: the action is mentioned by the root and names instrument, agent, objects and results.
    action = root["mentions"]
    assert action.type == "CreateAction"
    assert action["agent"]["name"] == "Ada Lövelace #1"
    assert action["instrument"].type == "SoftwareApplication"
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert root["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"


def test_the_package_of_a_failed_attempt_is_not_that_of_the_next_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tidelab.runs.execute.write_tables", lambda *_: 1 / 0)
        folder = run()
    assert folder.state().status == "failed"
    assert "results.csv" not in {Path(name).name for name in zipfile.ZipFile(folder.package()).namelist()}
    get_executor("inline").submit(folder)
    made = folder.package()
    assert "results.csv" in {Path(name).name for name in zipfile.ZipFile(made).namelist()}
    before = made.stat().st_mtime_ns
    assert folder.package().stat().st_mtime_ns == before  # made once


def test_a_crate_that_cannot_be_made_is_told_and_costs_no_result(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no crate today")

    monkeypatch.setattr("tidelab.runs.crate.write_crate", broken)
    folder = run()
    assert folder.state().status == "done"
    assert folder.manifest()["ro_crate_problem"] == "ValueError: no crate today"


def test_a_verdict_that_cannot_be_reached_is_grey_with_its_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("singular matrix")

    monkeypatch.setattr("tidelab.runs.verdicts.assess", broken)
    folder = run()
    assert folder.state().status == "done"
    assert folder.verdict().state == "grey"
    assert "singular matrix" in folder.verdict().reasons[0]


def test_the_same_question_about_fitness_is_answered_once_and_another_one_anew(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidelab.runs import verdicts

    asked = []

    def counted(*arguments: object, **named: object) -> object:
        asked.append(len(arguments[0]))  # type: ignore[arg-type]
        return real(*arguments, **named)

    real = verdicts.assess
    monkeypatch.setattr(verdicts, "assess", counted)
    first, second = run(images), run(images, parameters={"threshold": 0.9})
    assert asked == [5]
    assert (first.path / "verdict.json").read_bytes() == (second.path / "verdict.json").read_bytes()
    next(images.rglob("i250.png")).rename(images / "south" / "renamed.png")  # the verdict names images
    run(images)
    assert asked == [5, 5]
    monkeypatch.setattr(verdicts, "package_version", lambda name: "another")
    run(images)
    assert asked == [5, 5, 5]


def test_a_full_disk_ends_the_run_in_a_sentence_and_the_next_attempt_goes_on(
    use_case: UseCase, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("tidelab.runs.tables.replacing", full)
        folder = run()
    assert folder.state().status == "failed"
    assert (
        folder.state().message
        == "The disk is full. Free some space and run it again: finished images are kept."
    )
    get_executor("inline").submit(folder)
    assert folder.state().status == "done"
    assert len(calls(use_case)) == 3


def test_an_unexpected_error_is_a_sentence_and_its_traceback_stands_in_the_log_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("tidelab.runs.execute.write_tables", broken)
    folder = run()
    assert folder.state().message.startswith(
        "Something went wrong that should not (ZeroDivisionError). log.txt"
    )
    assert "Traceback" not in folder.state().message
    assert "ZeroDivisionError: secret detail" in folder.log()


def test_a_model_that_changed_after_the_run_was_asked_for_is_refused(use_case: UseCase) -> None:
    folder = prepare(use_case, person="ada")
    card = use_case.folder / "model" / "demo" / "card.json"
    card.write_text(card.read_text().replace('"title": "Brightness"', '"title": "Other"'))
    execute(folder)
    assert folder.state().status == "failed"
    assert "it changed in between" in folder.state().message


def test_a_model_that_fails_on_everything_fails_the_run(run: Run, tmp_path: Path) -> None:
    for value in (1, 2):
        grey_png(tmp_path / "in" / f"{value}.png", value, (13, 9))
    folder = run(tmp_path / "in")
    assert folder.state().status == "failed"
    assert "The model could not use this picture (thirteen columns)." in folder.state().message


def test_a_done_run_is_not_executed_again(run: Run, use_case: UseCase) -> None:
    folder = run()
    before = (folder.path / "results.csv").stat().st_mtime_ns
    get_executor("inline").submit(folder)
    get_executor("process").submit(folder)
    assert (folder.path / "results.csv").stat().st_mtime_ns == before


def test_bad_requests_are_sentences_before_anything_is_made(use_case: UseCase, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is nothing at"):
        prepare(use_case, images=tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="threshold"):
        prepare(use_case, parameters={"threshold": 7})
    with pytest.raises(RunError, match="There is no model in"):
        prepare(use_case, model=str(tmp_path / "nowhere"))
    with pytest.raises(RunError, match="printable"):
        prepare(use_case, person="a\nb")
    with pytest.raises(ValueError, match="known: 'inline', 'process'"):
        get_executor("dask")  # type: ignore[arg-type]
    assert list_runs(use_case) == []


def test_a_shared_cache_is_used_by_everyone_and_a_personal_one_by_nobody_else(
    use_case: UseCase, tmp_path: Path
) -> None:
    from tidelab.catalogue import load_usecase

    for root in ("ada", "bo"):
        folder = prepare(use_case, person=root, runs_root=tmp_path / root)
        get_executor("inline").submit(folder)
    assert len(calls(use_case)) == 6
    text = (use_case.folder / "usecase.yaml").read_text()
    (use_case.folder / "usecase.yaml").write_text(text + "data_policy: {cache_scope: shared}\n")
    for root in ("ada", "bo"):
        folder = prepare(load_usecase(use_case.folder), person=root, runs_root=tmp_path / root)
        get_executor("inline").submit(folder)
    assert len(calls(use_case)) == 9


def test_png_bytes_are_the_same_image_wherever_they_lie(run: Run, tmp_path: Path, use_case: UseCase) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png_bytes(50))
    run(tmp_path / "in")
    run(zip_with(tmp_path / "other.zip", {"deep/b.png": png_bytes(50)}))
    assert len(calls(use_case)) == 1
