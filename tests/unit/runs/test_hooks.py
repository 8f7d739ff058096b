"""The four hooks of a use case: what they are given, what they may do, and that one that fails costs only itself."""

import json
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.blobs import calls, make_use_case, picture
from tidelab.catalogue import UseCase
from tidelab.runs import RunError, RunFolder, get_executor, prepare
from tidelab.runs.delete import delete_run
from tidelab.runs.execute import execute
from tidelab.runs.finished import inside
from tidelab.runs.hooks import own_module
from tidelab.runs.originals import originals
from tidelab.runs.own_products import product_problems
from tidelab.runs.progress import Progress

Start = Callable[..., RunFolder]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    made: dict[str, UseCase] = {}

    def run(images: object = "sample", change: Callable[[str], str] = str, **task: object) -> RunFolder:
        if "case" not in made:
            made["case"] = make_use_case(tmp_path / "usecases", **task)
            hooks = made["case"].source_folder / "blob_case" / "hooks.py"
            hooks.write_text(change(hooks.read_text()))
        folder = prepare(made["case"], images=images, person="ada")  # type: ignore[arg-type]
        get_executor("inline").submit(folder)
        return folder

    return run


def test_a_reader_gives_facts_notes_and_measurements(start: Start) -> None:
    folder = start()
    assert folder.state().status == "done", folder.log()
    samples = folder.samples().set_index("sample_id")
    assert samples.loc["north", "station"] == "N1"
    assert samples.loc["north", "origins"] == "station=input"
    assert "Read by blob_case." in folder.log()
    objects = folder.objects()
    assert (folder.path / "objects.csv").read_text().splitlines()[0] == "image_id,image,depth_m,note,count"
    assert objects["image"].tolist() == folder.pictures()["picture"].tolist()
    assert objects["depth_m"].tolist()[:2] == [20.5, 20.5]
    assert objects["depth_m"].isna().tolist() == [False, False, True]
    assert objects["note"].tolist() == ["N1", "N1", ""]
    assert (folder.path / "objects.csv").read_text().splitlines()[1].endswith("20.5,N1,3")


def test_what_a_reader_and_products_do_is_said_while_they_do_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[object] = []
    update = Progress.update

    def told(self: Progress, **fields: object) -> None:
        steps.append(fields.get("step"))
        update(self, **fields)

    monkeypatch.setattr(Progress, "update", told)
    start()
    said = [step for step in steps if step]
    order = ["Looking at the files", "Reading stations (1 of 1)", "Looking for objects in the pictures", "Writing the results",
             "Making the files of this use case"]  # fmt: skip
    assert [step for step in said if step in order] == order


def test_measures_stand_in_the_statistics_and_in_the_key(start: Start, tmp_path: Path) -> None:
    first = start()
    assert first.statistics()["darkest"].tolist() == [28, 128, 128]
    assert first.statistics()["brightest"].tolist() == [228, 150, 128]
    case = Path(first.request.use_case_folder)
    asked = len((case / "calls.txt").read_text().split())
    hooks = case / "src" / "blob_case" / "hooks.py"
    hooks.write_text(hooks.read_text().replace('darkest.VERSION = "1"', 'darkest.VERSION = "2"'))
    # Within one second, of one length: Python would take the compiled file for it.
    shutil.rmtree(hooks.parent / "__pycache__", ignore_errors=True)
    _forget()
    start()
    assert len((case / "calls.txt").read_text().split()) == 2 * asked, "another version is another number"
    assert first.manifest()["hooks"]["measures"] == {
        "blob_case.hooks:darkest": "1",
        "blob_case.hooks:brightest": "1",
    }
    assert set(first.manifest()["hooks"]["sources"]) == {
        f"blob_case.hooks:{name}" for name in ("read", "darkest", "brightest", "table")
    }


def test_a_measure_that_fails_costs_its_number_and_is_tried_again(start: Start, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "narrow.png", [(2, 2, 5, 5, 220)], (13, 20))
    folder = start(tmp_path / "in")
    failed = folder.failed_files()
    assert "blob_case.hooks:darkest: thirteen columns" in failed["reason"][0]
    assert len(folder.results()) == 1
    assert folder.statistics()["brightest"].tolist() == [220]
    assert "darkest" not in folder.statistics()
    again = start(tmp_path / "in")
    assert len(again.failed_files()) == 1, "not forgotten because the prediction is known"


def test_two_measures_of_one_name_are_told(start: Start) -> None:
    folder = start(change=lambda text: text.replace('{"brightest":', '{"darkest":'))
    assert "another measure gives darkest too" in folder.failed_files()["reason"][0]
    assert len(folder.results()) == 2


def test_products_are_published_listed_and_packed(start: Start) -> None:
    folder = start()
    files = folder.products()
    assert [(one.name, one.title, one.media_type) for one in files] == [
        ("series/objects.csv", "Objects (CSV)", "text/csv"),
        ("note.txt", "Note", "text/plain"),
    ]
    assert files[0].path.read_text() == "pictures,objects\n3,2\n"
    assert files[1].path.read_text() == "sample kept", "scratch and cache are the reader's"
    assert not (folder.path / "work").exists()
    assert not (folder.path / "products" / ".making").exists()
    listed = folder.manifest()["products"]
    assert listed[0]["file"] == "products/series/objects.csv"
    assert listed[0]["made_by"] == "blob_case.hooks:table"
    with zipfile.ZipFile(folder.package()) as package:
        names = {name.partition("/")[2] for name in package.namelist()}
        note = package.read(next(name for name in package.namelist() if name.endswith("README.txt"))).decode()
    assert {"products/series/objects.csv", "pictures.csv", "detections.csv", "objects.csv"} <= names
    assert "products/series/objects.csv Objects (CSV)" in note


def test_a_product_that_fails_leaves_the_run_done_and_says_which_and_why(start: Start) -> None:
    folder = start(products=["blob_case.hooks:failing", "blob_case.hooks:table"])
    assert folder.state().status == "done"
    assert product_problems(folder) == [
        "The files of blob_case.hooks:failing could not be made: ValueError: no tide today."
    ]
    assert [one.name for one in folder.products()] == ["series/objects.csv", "note.txt"]
    assert not (folder.path / "products" / "half.csv").exists()
    assert len(folder.results()) == 2
    assert "no tide today" in (folder.path / "README.txt").read_text()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", "something else than a list of ProductFile"),
        (
            "return [ProductFile(run.folder / 'results.csv', 'x', 'text/csv')]",
            "not written where `run.write(name)` said",
        ),
        ("return [ProductFile(run.write('a.csv'), 'x', 'text/csv')]", "announced and not written"),
        ("run.write('../a.csv', 'x')", "is no name for a product"),
        ("return [ProductFile(run.write('a.csv', 'x'), 'x', 'no type')]", "expected e.g. text/csv"),
        (
            "p = run.write('a'); p.symlink_to('/etc/passwd'); return [ProductFile(p, 'x', 'text/plain')]",
            "not written",
        ),
        ("raise MemoryError", "MemoryError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_what_cannot_be_published_is_told(start: Start, body: str, words: str) -> None:
    folder = start(
        change=lambda text: text + f"\ndef odd(run):\n    {body}\n", products=["blob_case.hooks:odd"]
    )
    assert folder.state().status == "done"
    assert words in product_problems(folder)[0]
    assert folder.products() == []


def test_a_reader_that_fails_ends_the_run_in_a_sentence(start: Start, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "north" / "a.png", [])
    (tmp_path / "in" / "north" / "station.json").write_text(
        json.dumps({"station": "N", "depth_m": 1, "broken": True})
    )
    folder = start(tmp_path / "in")
    state = folder.state()
    assert state.status == "failed"
    assert (
        "the use case's reader blob_case.hooks:read failed (ValueError: the station has no name)"
        in state.message
    )
    assert "Traceback" not in state.message
    assert "Traceback" in folder.log()
    assert not (folder.path / "work").exists()


def test_a_hook_that_is_not_there_is_named(start: Start) -> None:
    message = start(products=["blob_case.hooks:nothing"]).state().message
    assert "task.products 'blob_case.hooks:nothing' cannot be loaded" in message


def test_a_measure_without_a_version_is_refused(start: Start) -> None:
    message = start(change=lambda text: text.replace('darkest.VERSION = "1"', "")).state().message
    assert "'blob_case.hooks:darkest' has no text `VERSION`" in message


def test_originals_are_read_again_through_the_reader(start: Start) -> None:
    folder = start()
    found = list(originals(folder))
    assert [one.image for one in found] == folder.pictures()["picture"].tolist()
    assert not [one.problem for one in found if one.problem]
    assert all(one.content.startswith(b"\x89PNG") for one in found)


def test_a_run_that_is_stopped_in_its_products_goes_on_without_the_model(tmp_path: Path) -> None:
    case = make_use_case(tmp_path / "usecases")
    hooks = case.source_folder / "blob_case" / "hooks.py"
    waiting = tmp_path / "stop"
    waiting.touch()
    hooks.write_text(
        hooks.read_text().replace(
            "def table(run: FinishedRun):\n",
            f"def table(run: FinishedRun):\n    from pathlib import Path\n    if Path({str(waiting)!r}).exists():\n"
            "        import threading\n        from tidelab.runs.errors import RunCancelled\n        raise RunCancelled\n",
        )
    )
    folder = prepare(case, person="ada")
    execute(folder, stop=threading.Event())
    assert folder.state().status == "cancelled"
    waiting.unlink()
    asked = len(calls(case))
    execute(folder)
    assert folder.state().status == "done"
    assert len(calls(case)) == asked == 3
    assert folder.manifest()["counts"]["from_cache"] == 3


def test_what_a_reader_kept_goes_with_the_last_run_of_its_use_case(start: Start) -> None:
    first, second = start(), start()
    kept = first.runs_root / ".cache" / "readers" / "blob-case" / "known.txt"
    assert kept.read_text() == "kept"
    delete_run(first)
    assert kept.exists()
    delete_run(second)
    assert not kept.exists()


def test_own_modules_are_found_and_missing_ones_named(tmp_path: Path) -> None:
    case = make_use_case(tmp_path / "usecases")
    assert own_module(case, "views").spots.__name__ == "spots"
    with pytest.raises(RunError, match=r"blob_case.pages of .* cannot be imported \(ModuleNotFoundError"):
        own_module(case, "pages")


@pytest.mark.parametrize(
    "name", ["/etc/a", "../a", "a/../../b", "", ".hidden", "a/.b", "a\\b", "a\nb", "x" * 300]
)
def test_names_of_products_stay_inside(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a product"):
        inside(name)


def _forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "blob_case"]:
        del sys.modules[name]
