"""A drawn project through a whole run: objects, separations, products; then people decide, and everything follows."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from zooscan import reader, review, separation
from zooscan.counted import counted, scans_of
from zooscan.decisions import DecisionLog, path_of
from zooscan.drawings import write_project
from zooscan.review import Review
from zooscan.review_session import Refused, ReviewSession
from zooscan.store import Store
from zooscan.views import abundances, scans, separations, size_spectrum, vignettes

from tests.support.separator_network import halves
from tidelab.catalogue import load_usecase
from tidelab.exports.ecotaxa_import import compare, objects_of
from tidelab.formats.ecotaxa import validate
from tidelab.runs import RunFolder, get_executor, prepare
from tidelab.runs.errors import RunCancelled, RunError
from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collect import collect
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog
from tidelab.runs.originals import originals
from tidelab.runs.remake import remake_products
from tidelab.runs.validation import Validation
from tidelab.widgets.identity import Visitor

pytestmark = pytest.mark.integration

SHARED = Path(os.environ.get("TIDELAB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
FOLDER = Path(__file__).resolve().parents[1]


def analysed(runs: Path, images: object = "sample", **parameters: object) -> RunFolder:
    run = prepare(
        load_usecase(FOLDER),
        images=images,
        parameters=parameters,
        model="demo",
        person="ada",
        face="lab",
        runs_root=runs,
    )
    get_executor("inline").submit(run)
    return run


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> RunFolder:
    run = analysed(tmp_path_factory.mktemp("runs"))
    assert run.state().status == "done", run.state().message
    return run


@pytest.fixture
def run(sample, tmp_path) -> RunFolder:
    """A copy that a test may decide in."""
    target = tmp_path / "runs" / "zooscan" / sample.run_id
    shutil.copytree(sample.path, target)
    return RunFolder(target)


def product(run: RunFolder, name: str) -> pd.DataFrame:
    return pd.read_csv(run.path / "products" / name)


def test_what_was_drawn_is_found(sample):
    truth = pd.read_csv(FOLDER / "sample/truth.csv").set_index("scan")
    found = sample.results()["image"].str.partition("/")[0].value_counts()
    for scan_id, row in truth.iterrows():
        assert found[scan_id] == row["animals_alone"] + row["touching_pairs"]
    assert sample.objects()["Area"].min() >= 631
    assert set(sample.samples()["sample_id"]) == {"drawn_st1", "drawn_st2"}


def test_abundance_is_that_of_the_table_of_objects(sample):
    objects, table = product(sample, "objects.csv"), product(sample, "abundance.csv").set_index("sample_id")
    number = objects["scan_id"].value_counts()
    expected = (number["drawn_st1_d1_1"] * 1 + number["drawn_st1_d2_1"] * 4) / 50
    assert table["objects_per_m3"]["drawn_st1"] == pytest.approx(expected)
    assert table["objects_per_m3"]["drawn_st2"] == pytest.approx(number["drawn_st2_tot_1"] * 2 / 80)
    # Spectrum and table hold the same volume.
    bins = product(sample, "size_spectrum.csv").groupby("sample_id")["biovolume_mm3_per_m3"].sum()
    assert bins["drawn_st1"] == pytest.approx(table["biovolume_ellipsoid_mm3_per_m3"]["drawn_st1"], rel=1e-6)


def test_the_zip_is_taken_by_ecotaxa_and_names_every_object_once(sample):
    path = sample.path / "products/ecotaxa_zooscan.zip"
    assert [str(fault) for fault in validate(path)] == []
    table = objects_of(path)
    objects = product(sample, "objects.csv")
    assert sorted(table) == ["d1_drawn_st1", "d2_drawn_st1", "tot_drawn_st2"]
    assert compare(
        table, {"_".join(k): list(v["object_id"]) for k, v in objects.groupby(["fraction", "sample_id"])}
    ).agrees
    with zipfile.ZipFile(path) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == len(objects)


def test_the_columns_are_those_of_zooprocess(sample):
    with zipfile.ZipFile(sample.path / "products/ecotaxa_zooscan.zip") as archive:
        columns = archive.read("ecotaxa_zooscan.tsv").decode("utf-8-sig").splitlines()[0].split("\t")
    for name in (
        "object_area",
        "object_perim.",
        "object_%area",
        "object_circ.",
        "object_esd",
        "acq_sub_part",
        "sample_tot_vol",
        "process_particle_pixel_size_mm",
    ):
        assert name in columns


def test_the_same_scans_again_cost_no_processing(sample, tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    monkeypatch.setattr(
        reader.scan, "process_scan", lambda *a, **k: pytest.fail("a scan was processed again")
    )
    again = analysed(runs)
    assert again.state().status == "done"
    assert (again.path / "results.csv").read_bytes() == (sample.path / "results.csv").read_bytes()
    shutil.rmtree(runs / ".cache")
    assert len(counted(again)) == len(product(again, "objects.csv"))  # the run needs no cache


def test_a_damaged_file_of_the_cache_heals(sample, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    entries = sorted((runs / ".cache").rglob("*.zip"))
    spoil(entries[0], "crops/1.png")
    entries[1].write_bytes(entries[1].read_bytes()[:1000])
    run = analysed(runs)
    assert run.failed_files().empty
    assert (run.path / "results.csv").read_bytes() == (sample.path / "results.csv").read_bytes()
    for entry in entries:
        Store(entry).check()


def test_another_version_of_a_library_is_another_entry_of_the_cache(sample, tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    made = []
    process = reader.scan.process_scan
    monkeypatch.setattr(reader.kept, "package_version", lambda name: f"{name} of tomorrow")
    monkeypatch.setattr(reader.scan, "process_scan", lambda *a, **k: made.append(a[0]) or process(*a, **k))
    assert analysed(runs).state().status == "done"
    assert len(made) == 3


def test_what_does_not_fit_one_analysis_remains_and_is_named(tmp_path):
    write_project(tmp_path / "Zooscan_drawn")
    truth = pd.read_csv(FOLDER / "sample/truth.csv").set_index("scan")
    number = (truth["animals_alone"] + truth["touching_pairs"]).sort_index()
    most = int(number.iloc[0] + number.iloc[1])  # the third scan does not fit
    (tmp_path / "run").mkdir()
    context = ReaderContext(
        tmp_path / "run", Limits(images=most), {"scans": "new"}, RunLog(tmp_path / "log.txt"), lambda *_: None, lambda: False,
        tmp_path / "run/work", tmp_path / "cache",
    )  # fmt: skip
    found = collect(
        [tmp_path / "Zooscan_drawn"],
        Limits(images=most),
        lambda given, found: reader.read(given, found, context),
    )
    assert len(found.sources) == most
    (failed,) = found.failures
    assert failed.image == "drawn_st2_tot_raw_1.tif"
    assert f"at most {most:,} objects" in failed.reason
    assert "write their names into 'Which scans' (which_scans)" in failed.next_step
    (note,) = [note for note in found.notes if "remain" in note]
    assert note.endswith("They are: drawn_st2_tot_1.")
    states = json.loads((tmp_path / "run/work" / reader.STATES_FILE).read_text())["scans"]
    assert [states[name]["status"] for name in sorted(states)] == ["processed", "processed", "remains"]
    assert not (tmp_path / "run/work/scans/drawn_st2_tot_1.zip").exists()
    assert all(source.measurements["Area"] >= 631 for source in found.sources)
    found.close()


def test_originals_are_the_vignettes(sample):
    found = list(originals(sample))
    assert not [one.problem for one in found if one.problem]
    assert {one.picture for one in found} == {"PNG"}
    assert found[0].object_id == found[0].image.rpartition("/")[2].removesuffix(".png")


def test_a_bad_scan_costs_itself_and_its_samples_sum(tmp_path):
    root = tmp_path / "Zooscan_drawn"
    write_project(root)
    (root / "Zooscan_scan/_raw/drawn_st1_d2_raw_1.tif").write_bytes(b"II*\0 not a scan at all")
    run = analysed(tmp_path / "runs", str(root))
    assert run.state().status == "done", run.state().message
    (failed,) = run.failed_files()["reason"].tolist()
    assert "no TIFF" in failed
    table = product(run, "abundance.csv").set_index("sample_id")
    assert pd.isna(table["objects_per_m3"]["drawn_st1"])
    assert "drawn_st1_d2_1 is not counted here" in table["withheld"]["drawn_st1"]
    assert table["objects_per_m3"]["drawn_st2"] > 0
    assert "withheld" in abundances(run).text


def test_the_published_project_with_a_drawn_scan_in_it(tmp_path):
    """Headers, log, configuration and names of a real cruise; its scan is an empty file there, so one is drawn."""
    source = SHARED / "data/zooscan/zooprocess_lib/tests/data/project"
    if not source.is_dir():
        pytest.skip(f"needs the real project at {source}, which is not part of this one")
    root = tmp_path / "project"
    shutil.copytree(source, root, copy_function=shutil.copyfile)
    # The copy of a folder that nobody may write to is such a folder.
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    write_project(tmp_path / "drawn")
    drawn = tmp_path / "drawn"
    shutil.copyfile(
        drawn / "Zooscan_scan/_raw/drawn_st1_d1_raw_1.tif",
        root / "raw/apero2023_tha_bioness_017_st66_d_n1_d3_raw_1.tif",
    )
    for number in (1, 2):
        blank = drawn / f"Zooscan_back/20260105_0900_back_large_raw_{number}.tif"
        shutil.copyfile(blank, root / f"background/20240529_0946_back_large_raw_{number}.tif")
    run = analysed(tmp_path / "runs", str(root))
    assert run.state().status == "done", run.state().message
    (row,) = product(run, "abundance.csv").to_dict("records")
    # One eighth of 357 m3 was scanned.
    assert row["objects_per_m3"] == pytest.approx(row["objects"] * 8 / 357)
    (sample,) = run.samples().to_dict("records")
    assert (sample["latitude"], sample["longitude"]) == (pytest.approx(51.882167), pytest.approx(-19.359833))
    assert (sample["depth_min_m"], sample["depth_max_m"], sample["platform"]) == (820, 1008, "thalassa")
    assert not validate(run.path / "products/ecotaxa_zooscan.zip")
    (acquisition,) = objects_of(run.path / "products/ecotaxa_zooscan.zip")
    assert acquisition == "d3_apero2023_tha_bioness_017_st66_d_n1"


def test_a_stop_leaves_nothing_half(tmp_path):
    write_project(tmp_path / "Zooscan_drawn")
    told: list[str] = []
    (tmp_path / "run").mkdir()
    context = ReaderContext(
        tmp_path / "run", Limits(), {"scans": "new"}, RunLog(tmp_path / "log.txt"), lambda words, done, total: told.append(words),
        lambda: len(told) > 3, tmp_path / "run/work", tmp_path / "cache",
    )  # fmt: skip
    with pytest.raises(RunCancelled):
        collect(
            [tmp_path / "Zooscan_drawn"], Limits(), lambda given, found: reader.read(given, found, context)
        )
    assert not list((tmp_path / "cache").glob("*.zip"))
    assert not (tmp_path / "run/work/process").exists()


def test_only_new_scans_are_processed(tmp_path, monkeypatch):
    root = tmp_path / "Zooscan_drawn"
    write_project(root)
    work = root / "Zooscan_scan/_work"
    for name in ("drawn_st1_d1_1", "drawn_st1_d2_1", "drawn_st2_tot_1"):
        (work / name).mkdir(parents=True)
        (work / name / f"{name}_dat1.pid").write_text("[Data]\n!Item;Label;Area\n1;x;700\n")
    state = analysed(tmp_path / "runs", str(root)).state()
    assert state.status == "failed"
    assert "nothing new: 3 scans were processed by ZooProcess" in state.message
    shutil.rmtree(work / "drawn_st2_tot_1")
    run = analysed(tmp_path / "runs", str(root))
    assert set(product(run, "scans.csv")["status"]) == {"done", "processed"}
    assert set(product(run, "objects.csv")["sample_id"]) == {"drawn_st2"}


def test_chosen_scans_alone_are_processed_and_the_others_are_told(sample, tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    run = analysed(runs, which_scans="drawn_st1_d1_raw_1.tif, drawn_st2*")
    assert run.state().status == "done", run.state().message
    table = product(run, "scans.csv").set_index("scan_id")
    assert table["status"].to_dict() == {
        "drawn_st1_d1_1": "processed",
        "drawn_st1_d2_1": "left out",
        "drawn_st2_tot_1": "processed",
    }
    assert "It was not chosen (Which scans)" in table["words"]["drawn_st1_d2_1"]
    sums = product(run, "abundance.csv").set_index("sample_id")
    assert pd.isna(sums["objects_per_m3"]["drawn_st1"])  # a fraction of it was left out
    assert "drawn_st1_d2_1 is not counted here: It was not chosen" in sums["withheld"]["drawn_st1"]
    whole = product(sample, "abundance.csv").set_index("sample_id")
    assert sums["objects_per_m3"]["drawn_st2"] == whole["objects_per_m3"]["drawn_st2"]
    assert run.failed_files().empty


def test_a_scan_that_is_not_there_is_told_before_anything_is_processed(tmp_path, monkeypatch):
    monkeypatch.setattr(reader.scan, "process_scan", lambda *a, **k: pytest.fail("a scan was processed"))
    state = analysed(tmp_path / "runs", which_scans="drawn_st1_d3_1").state()
    assert state.status == "failed"
    assert "called drawn_st1_d3_1: the nearest names are drawn_st1_d" in state.message


def test_a_zip_gives_what_its_folder_gives(sample, tmp_path):
    path = tmp_path / "project.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for one in sorted((FOLDER / "sample/Zooscan_drawn").rglob("*")):
            archive.write(one, one.relative_to(FOLDER / "sample"))
    run = analysed(tmp_path / "runs", str(path))
    assert run.state().status == "done", run.state().message
    assert run.failed_files().empty
    for name in ("objects.csv", "abundance.csv", "scans.csv"):
        assert (run.path / "products" / name).read_bytes() == (sample.path / "products" / name).read_bytes()
    assert (run.path / "results.csv").read_bytes() == (sample.path / "results.csv").read_bytes()
    assert not (run.path / "work" / reader.UNPACKED).exists()
    found = list(originals(run))
    assert len(found) == len(sample.results())
    assert not [one.problem for one in found if one.problem]
    assert not list(run.path.rglob(reader.UNPACKED))


def test_a_chosen_separator_proposes_the_lines_of_a_run(sample, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    model = tmp_path / "halves.onnx"
    halves(path=model)
    run = analysed(runs, separator=str(model))
    assert run.state().status == "done", run.state().message
    told = json.loads((run.path / "products/separator.json").read_text())
    assert (told["title"], told["file"]) == ("halves 3", "halves.onnx")
    assert told["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert "the model halves 3" in separations(run).text or "the model halves 3" in str(separations(run).html)
    # Another file or none at that place changes nothing of this run.
    model.unlink()
    session = ReviewSession(run, "ada")
    item = {name: session.index()["items"][0][name] for name in ("name", "image_id")}
    shown, _ = session.show(**item)
    assert shown["how"] in ("proposed", "nothing to cut")
    assert decide(session, "w1", item, "refuse")["kind"] == "done"
    remake_products(run)
    session.close()
    # Where its copy is gone, this is said.
    shutil.rmtree(run.path / "work/separator")
    shutil.rmtree(run.path / "work/proposals", ignore_errors=True)
    with pytest.raises(RunError, match="separator of this run is gone"):
        counted(run)


def test_lines_that_were_kept_are_not_those_of_another_separator(sample, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    first = analysed(runs)
    session, item, _ = proposed(first)
    assert decide(session, "w1", item, "keep")["kind"] == "done"
    session.close()
    model = tmp_path / "halves.onnx"
    halves(path=model)
    other = analysed(runs, separator=str(model))
    assert not DecisionLog(other).in_force()  # nobody looked at its lines
    same = analysed(runs)
    assert [one.action for one in DecisionLog(same).in_force().values()] == ["keep"]


@pytest.mark.parametrize("content", [None, b"no model"])
def test_what_is_no_separator_stops_the_run_before_it_begins(tmp_path, monkeypatch, content):
    monkeypatch.setattr(reader.scan, "process_scan", lambda *a, **k: pytest.fail("a scan was processed"))
    model = tmp_path / "m.onnx"
    if content is None:
        model.mkdir()
    else:
        model.write_bytes(content)
    state = analysed(tmp_path / "runs", separator=str(model)).state()
    assert state.status == "failed"
    assert "The separator cannot be used: m.onnx" in state.message
    assert "or none: then the outline alone decides" in state.message


def test_an_input_without_a_project_says_what_was_expected(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("no project")
    state = analysed(tmp_path / "runs", str(tmp_path / "in")).state()
    assert state.status == "failed"
    assert "no ZooProcess project" in state.message


def proposed(run: RunFolder) -> tuple[ReviewSession, dict[str, str], str]:
    """Return a session, and what its page knows an object by that is proposed for cutting."""
    session = ReviewSession(run, "ada")
    for item in session.index()["items"]:
        known = {"name": item["name"], "image_id": item["image_id"]}
        message, pictures = session.show(**known)
        _, store, number = session._item(**known)
        middle = [[(message["width"] / 2, -1), (message["width"] / 2, message["height"] + 1)]]
        # Halves of it are objects too, so that a line through its middle changes how many there are.
        if message["proposed"] > 1 and len(session._drawn(store, number, middle).parts) == 2:
            assert all(picture.startswith(b"\x89PNG") for picture in pictures)
            return session, known, item["name"]
    raise AssertionError("the sample has no multiple")


def decide(
    session: ReviewSession, wish: str, known: dict[str, str], action: str, **facts: object
) -> dict[str, object]:
    content = {"kind": "decide", "id": wish, "run": session.run.run_id, **known, "action": action, **facts}
    return session.ask(content)[0]


def test_decisions_change_objects_and_files_and_can_be_undone(run):
    session, known, name = proposed(run)
    before, whole = counted(run), len(run.results())
    parts = before["object_id"].str.startswith(f"{name}_").sum()
    assert parts >= 2
    assert decide(session, "1", known, "refuse")["kind"] == "done"
    assert len(counted(run)) == len(before) - parts + 1
    height, width = (session.show(**known)[0][side] for side in ("height", "width"))
    lines = [[[width / 2, -1], [width / 2, height + 1]]]
    said = decide(session, "2", known, "draw", lines=lines)
    assert said["words"].startswith("It is cut along your lines"), said
    halves = counted(run).set_index("object_id").loc[[f"{name}_1", f"{name}_2"]]
    assert set(halves["separation"]) == {"drawn"}
    assert set(halves["decided_by"]) == {"ada"}
    middle = run.objects().set_index("object_id")["BX"][name] + width / 2
    assert halves["BX"][f"{name}_1"] + halves["Width"][f"{name}_1"] <= middle
    assert halves["BX"][f"{name}_2"] >= middle
    remake_products(run)
    assert f"{name}_1" in set(product(run, "objects.csv")["object_id"])
    assert not validate(run.path / "products/ecotaxa_zooscan.zip")
    (said,) = product(run, "separations.csv").to_dict("records")
    assert (said["object_id"], said["decision"], said["lines"], said["decided_by"]) == (
        name,
        "draw",
        1,
        "ada",
    )
    with zipfile.ZipFile(run.package()) as archive:
        (inside,) = [one for one in archive.namelist() if one.endswith("products/objects.csv")]
        assert f"{name}_1" in archive.read(inside).decode()
    manifest = run.manifest()
    assert {row["file"] for row in manifest["products"]} >= {
        "products/abundance.csv",
        "products/ecotaxa_zooscan.zip",
    }
    for wish in ("3", "4"):
        assert session.ask({"kind": "undo", "id": wish, "run": run.run_id})[0]["kind"] == "done"
    pd.testing.assert_frame_equal(counted(run), before)
    assert "nothing of yours" in session.ask({"kind": "undo", "id": "5", "run": run.run_id})[0]["words"]
    assert [event.action for event in DecisionLog(run).events()] == ["refuse", "draw", "undo", "undo"]
    assert len(run.results()) == whole


def test_a_multiple_that_is_too_large_is_left_to_a_person(run, monkeypatch):
    session, known, name = proposed(run)
    monkeypatch.setattr(separation, "MAX_PIXELS", 1)
    assert "look at it by hand" in session.show(**known)[0]["note"]
    assert "No lines are proposed" in decide(session, "1", known, "keep")["words"]
    found = counted(run).set_index("object_id").loc[name]
    assert (found["separation"], found["parts"]) == ("too large", 1)
    assert "too large for lines" in str(separations(run).html)


def test_proposals_are_computed_once_for_views_review_and_files(sample, tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "runs" / "zooscan" / sample.run_id)
    shutil.copytree(sample.path, run.path)
    monkeypatch.setattr(separation, "propose", lambda *_: pytest.fail("lines were proposed again"))
    assert counted(run)["separation"].eq("proposed").any()
    remake_products(run)
    _, known, _ = proposed(run)
    assert known["name"]


def test_a_cut_that_leaves_nothing_is_refused(run):
    session, known, _ = proposed(run)
    width, height = (session.show(**known)[0][side] for side in ("width", "height"))
    lines = [[[x, -1], [x, height + 1]] for x in range(0, width, max(4, width // 40))]
    assert "Nothing large enough" in decide(session, "1", known, "draw", lines=lines[:50])["words"]
    assert DecisionLog(run).events() == []


def test_a_wish_that_is_sent_again_changes_nothing(run):
    session, known, _ = proposed(run)
    first = decide(session, "1", known, "keep")
    assert decide(session, "1", known, "keep") == first
    assert len(DecisionLog(run).events()) == 1
    assert counted(run)["separation"].eq("kept").any()


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "decide", "name": "s_9", "action": "keep"}, {"kind": "decide", "name": True, "action": "keep"},
        {"kind": "decide", "image_id": "another", "action": "keep"}, {"kind": "decide", "image_id": None, "action": "refuse"},
        {"kind": "decide", "name": None, "place": 0, "action": "refuse"},
        {"kind": "decide", "action": "burn"}, {"kind": "decide", "action": "draw", "lines": []},
        {"kind": "decide", "action": "draw", "lines": [[[0, 0]]]},
        {"kind": "decide", "action": "draw", "lines": [[[0, "x"], [1, 1]]]},
        {"kind": "decide", "action": "draw", "lines": [[[0, float("nan")], [1, 1]]]},
        {"kind": "decide", "action": "draw", "lines": [[[0, 0], [1e9, 1]]]},
        {"kind": "decide", "action": "draw", "lines": [[[0, 0], [1, 1]]] * 51}, {"kind": "explode"},
        {"kind": "decide", "action": "keep", "run": "another"},
    ],
)  # fmt: skip
def test_what_a_page_must_not_ask_is_refused(run, content):
    session = ReviewSession(run, "ada")
    item = session.index()["items"][0]
    known = {"name": item["name"], "image_id": item["image_id"]}
    answer, changed = session.ask({"id": "1", "run": run.run_id, **known, **content})
    assert (answer["kind"], changed) == ("refused", False)
    assert DecisionLog(run).events() == []
    for name, image_id in ((item["name"], "another"), ("s_9", item["image_id"]), (0, item["image_id"])):
        with pytest.raises(Refused):
            session.show(name, image_id)


def test_a_decision_meets_its_object_though_the_list_moved(run):
    session = ReviewSession(run, "ada")
    first, second = session.index()["items"][:2]
    image_of = {item["name"]: item["image_id"] for item in (first, second)}
    # Elsewhere somebody names the first one animal: the second takes its place.
    Validation(run).move([first["image_id"]], "single", "ben")
    again = session.index()["items"]
    assert again[0]["name"] == second["name"]
    known = {"name": second["name"], "image_id": second["image_id"]}
    assert session.show(**known)[0]["name"] == second["name"]
    assert decide(session, "1", known, "refuse")["kind"] == "done"
    assert [event.image_id for event in DecisionLog(run).events()] == [image_of[second["name"]]]
    gone = decide(session, "2", {"name": first["name"], "image_id": first["image_id"]}, "refuse")
    assert gone["kind"] == "refused"
    assert f"{first['name']} is not in the list any more" in gone["words"]
    swapped = decide(session, "3", {"name": second["name"], "image_id": first["image_id"]}, "refuse")
    assert "is not the object that your page shows" in swapped["words"]
    assert len(DecisionLog(run).events()) == 1


def spoil(path: Path, name: str) -> None:
    """Damage one picture in a file of objects, and nothing else of it."""
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo(name).header_offset + 80
    content = bytearray(path.read_bytes())
    content[place : place + 8] = bytes(8)
    path.unlink()  # it may share its bytes with the cache
    path.write_bytes(content)


def test_damaged_pixels_are_told_and_the_page_does_not_wait(run):
    _, known, name = proposed(run)
    scan_id, _, number = name.rpartition("_")
    spoil(run.path / "work/scans" / f"{scan_id}.zip", f"crops/{number}.png")
    page = Sent()
    page.open_for(Visitor("ada", run.runs_root), run)
    for kind in ("open", "decide"):
        page._receive(page, {"kind": kind, "id": kind, "run": run.run_id, "action": "keep", **known}, [])
        answer = page.messages[-1]
        assert (answer["kind"], answer["id"]) == ("refused", kind)
        assert f"The pixels of {name} cannot be read" in answer["words"]
    assert DecisionLog(run).events() == []


def test_a_fault_of_the_program_is_answered_too(run, monkeypatch):
    page = Sent()
    page.open_for(Visitor("ada", run.runs_root), run)
    monkeypatch.setattr(ReviewSession, "ask", lambda *_: 1 / 0)
    page._receive(page, {"kind": "undo", "id": "7", "run": run.run_id}, [])
    assert (page.messages[-1]["kind"], page.messages[-1]["id"]) == ("refused", "7")
    assert "fault of the program" in page.messages[-1]["words"]


def test_another_run_closes_the_files_of_the_one_before(run):
    page = Sent()
    page.open_for(Visitor("ada", run.runs_root), run)
    before, closed = page._session, []
    before.close = lambda: closed.append(True)
    page.open_for(Visitor("ada", run.runs_root), run)
    assert closed == [True]
    assert page._session is not before


def test_a_wish_for_what_left_the_list_brings_the_list(run):
    page = Sent()
    page.open_for(Visitor("ada", run.runs_root), run)
    for kind in ("open", "decide"):
        wish = {"kind": kind, "id": kind, "run": run.run_id, "name": "drawn_st1_d1_1_999", "image_id": "x"}
        page._receive(page, {**wish, "action": "refuse"}, [])
        assert [message["kind"] for message in page.messages[-2:]] == ["refused", "index"]


class Sent(Review):
    """The widget without a page: what it would send is kept."""

    def __init__(self) -> None:
        self.messages: list[dict[str, object]] = []
        self.changes = 0
        super().__init__(self._count)

    def _count(self) -> None:
        self.changes += 1

    def send(self, content, buffers=None):
        self.messages.append(content)


def test_the_page_answers_nobody_before_it_knows_a_person_and_a_run(run):
    page = Sent()
    for kind in ("hello", "open", "decide", "undo"):
        page._receive(page, {"kind": kind, "id": "x", "name": "a", "image_id": "b", "action": "keep"}, [])
    assert {message["kind"] for message in page.messages} == {"closed"}
    assert not path_of(run).exists()


def test_the_page_refuses_a_run_of_another_person(run, tmp_path):
    page = Sent()
    (tmp_path / "eve").mkdir()
    page.open_for(Visitor("eve", tmp_path / "eve"), run)
    assert "another person's folder" in page.messages[-1]["words"]
    assert page.run == ""


def test_the_page_decides_for_the_person_the_kernel_knows(run):
    page = Sent()
    page.open_for(Visitor("ada", run.runs_root), run)
    item = page.messages[-1]["items"][0]
    known = {"name": item["name"], "image_id": item["image_id"]}
    wish = {"kind": "decide", "id": "a", "run": run.run_id, **known, "action": "refuse", "person": "eve"}
    page._receive(page, wish, [])
    page._receive(page, wish, [])
    assert page.changes == 1
    assert [event.person for event in DecisionLog(run).events()] == ["ada"]
    for nonsense in (None, [], {"kind": ["x"]}, {"kind": "open", "run": run.run_id, "name": -1}, {"id": {}}):
        page._receive(page, nonsense, [])
    assert len(DecisionLog(run).events()) == 1
    page.close_run()
    page._receive(page, {**wish, "id": "b"}, [])
    assert page.messages[-1]["kind"] == "closed"


def test_files_are_not_called_up_to_date_while_more_was_said(run, monkeypatch):
    made = []

    def remade(of: RunFolder) -> None:
        made.append(len(DecisionLog(of).events()))
        if len(made) == 1:  # while the files are made, somebody decides again
            DecisionLog(of).say("refuse", of.results()["image_id"][1], "ben")

    monkeypatch.setattr(review, "remake_products", remade)
    monkeypatch.setattr(review.Review, "LOOK_S", 0.01)

    async def follow() -> list[dict[str, object]]:
        page = Sent()
        page.open_for(Visitor("ada", run.runs_root), run)
        DecisionLog(run).say("refuse", run.results()["image_id"][0], "ada")
        async with asyncio.timeout(20):
            while not any(message["kind"] == "files" for message in page.messages):
                await asyncio.sleep(0.01)
        page.close_run()
        return [message for message in page.messages if message["kind"] == "files"]

    (told,) = asyncio.run(follow())
    assert "up to date" in str(told["words"])
    assert made == [1, 2]


def test_only_reviewed_separations_count_when_asked(sample, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root / ".cache", runs / ".cache")
    run = analysed(runs, separate="reviewed")
    assert len(counted(run)) == len(run.results())
    session, known, name = proposed(run)
    decide(session, "1", known, "keep")
    assert counted(run)["object_id"].str.startswith(f"{name}_").sum() >= 2


def test_a_name_that_a_person_gave_counts_before_the_model(run):
    results, before = run.results(), counted(run)
    one = next(row for row in before.to_dict("records") if row["separation"] == "proposed")
    Validation(run).move([one["image_id"]], "single", "ben")
    assert counted(run).set_index("image_id").loc[one["image_id"], "separation"] == ""
    assert len(results) == run.determinations().shape[0]


def test_a_later_run_takes_over_what_was_decided(sample, tmp_path):
    runs = tmp_path / "runs"
    shutil.copytree(sample.runs_root, runs)
    first = RunFolder(runs / "zooscan" / sample.run_id)
    session, known, name = proposed(first)
    decide(session, "1", known, "refuse")
    later = analysed(runs)
    (event,) = DecisionLog(later).events()
    assert (event.action, event.person, event.adopted_from) == ("refuse", "ada", first.run_id)
    assert name in set(product(later, "objects.csv")["object_id"])


def test_every_view_says_what_it_shows(sample):
    assert scans(sample).text == "Scans: 3 processed."
    assert re.search(
        r"drawn_st1: \d+\.\d{3} objects m-3; drawn_st2: \d+\.\d{3} objects m-3", abundances(sample).text
    )
    assert "objects were found on the scans" in separations(sample).text
    assert str(vignettes(sample).html).count("data:image/png") == 60
    assert "2 samples" in size_spectrum(sample).text
    bins = product(sample, "size_spectrum.csv")
    # The ball of 631 px at 2400 dpi has 0.0141 mm3: octaves from 2^-6 on are whole.
    assert bins["complete"].tolist() == (bins["from_mm3"] >= 2**-6).tolist()
    assert ("Open circles" in size_spectrum(sample).text) == (not bins["complete"].all())
    assert len(scans_of(sample)) == 3


def test_states_name_every_scan(sample):
    states = json.loads((sample.path / "work" / reader.STATES_FILE).read_text())
    assert {state["status"] for state in states["scans"].values()} == {"processed"}


def test_the_statistics_are_of_the_same_kind_as_the_references(sample):
    """The verdict compares the two: vignettes as they are beside inverted ones would make every run brighter than all that is known."""
    with np.load(FOLDER / "model/demo/reference.npz") as reference:
        name = next(key for key in reference.files if "statistic" in key and reference[key].ndim == 2)
        known = reference[name]
    found = sample.statistics()
    column = list(found.columns).index("brightness")
    low, high = np.percentile(known[:, column], [0, 100])
    assert low - 60 < found["brightness"].median() < high + 60
    assert found["brightness"].median() < 128, (
        "animals are dark on light vignettes, and inverted before the network"
    )
