"""Deleting a run frees what only it used, in any order, whatever interrupts it, and touches nothing else."""

import json
import os
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.brightness import calls, grey_png
from tests.unit.runs.conftest import Run
from tidelab.catalogue import UseCase, load_usecase
from tidelab.domain.prediction import Prediction
from tidelab.domain.state import RunState
from tidelab.runs import RunError, RunFolder, get_executor, list_runs, prepare
from tidelab.runs.cache import ResultCache
from tidelab.runs.delete import delete_run, finish_deletions, release_cache, run_folders
from tidelab.runs.policy import shared_cache
from tidelab.runs.processes import FileLock, identity
from tidelab.runs.progress import write_state

PREDICTION = Prediction(
    np.array([0.1, 0.9], np.float32), np.zeros(64, np.float32), {"brightness": 0.5}, b"j" * 3000
)


def kept(cache: Path) -> set[bytes]:
    if not cache.exists():
        return set()
    database = sqlite3.connect(cache)
    found = {bytes(key) for (key,) in database.execute("SELECT key FROM results")}
    database.close()
    return found


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def made(runs_root: Path, number: int, cache: Path, keys: set[bytes]) -> RunFolder:
    """A run that asked the cache for its keys and put in what was not known, as the pipeline does."""
    folder = runs_root / "plankton" / f"20260101T{number:09d}Z-{number:06x}"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text("{}")
    write_state(folder, RunState(status="done", finished="2026-01-01T00:00:00Z"))
    with ResultCache(cache, pytest.fail, f"plankton/{folder.name}") as opened:
        known = opened.get_many(sorted(keys))
        opened.put_many({key: PREDICTION for key in keys if key not in known})
        opened.get_verdict(b"verdict")
        opened.put_verdict(b"verdict", "{}")
    return RunFolder(folder)


@settings(max_examples=12)
@given(
    runs=st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
    people=st.integers(1, 3),
)
def test_an_entry_stays_exactly_as_long_as_a_run_uses_it(
    runs: list[set[int]], order: object, people: int
) -> None:
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        root = Path(temporary)
        patch.setenv("TIDELAB_DATA", str(root / "data"))
        cache = shared_cache("plankton")
        left = {
            made(
                root / f"person-{number % people}", number, cache, {b"%d" % image for image in images}
            ): images
            for number, images in enumerate(runs)
        }
        going = list(left)
        order.shuffle(going)  # type: ignore[attr-defined]
        for folder in going:
            del left[folder]
            delete_run(folder)
            assert kept(cache) == {b"%d" % image for images in left.values() for image in images}
        assert bytes_below(root) == 0


def test_a_deleted_run_gives_back_its_bytes_and_is_computed_anew(
    run: Run, use_case: UseCase, tmp_path: Path
) -> None:
    for value in (1, 2, 3):
        grey_png(tmp_path / "in" / f"{value}.png", value)
    first = run(tmp_path / "in")
    (tmp_path / "in" / "3.png").unlink()
    second = run(tmp_path / "in")
    events = (tmp_path / "data" / "usage" / "events.jsonl").read_bytes()
    size = bytes_below(first.path)
    freed = delete_run(first)
    assert freed.bytes >= size
    assert freed.files > 10
    assert list_runs(use_case) == [second]
    assert len(list((tmp_path / "in").iterdir())) == 2
    assert (tmp_path / "data" / "usage" / "events.jsonl").read_bytes() == events
    assert second.results()["image"].tolist() == ["1.png", "2.png"]
    assert len(calls(use_case)) == 3
    grey_png(tmp_path / "in" / "3.png", 3)
    third = run(tmp_path / "in")
    assert third.manifest()["counts"]["from_cache"] == 2
    for folder in (second, third):
        delete_run(folder)
    assert bytes_below(tmp_path / "runs") == 0
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".cache", ".timeline.jsonl"]


def test_the_timeline_forgets_a_deleted_run_and_no_other(run: Run, tmp_path: Path) -> None:
    first, second, third = run(), run(), run()
    delete_run(second)
    lines = (tmp_path / "runs" / ".timeline.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines if line.strip()] == [first.run_id, third.run_id]
    run()  # what is appended afterwards stands on a line of its own
    lines = (tmp_path / "runs" / ".timeline.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines if line.strip()]) == 3


def test_an_upload_goes_with_the_last_run_that_uses_it(use_case: UseCase, tmp_path: Path) -> None:
    uploads = tmp_path / "runs" / ".uploads"
    for name in ("20260101-000000-aaaaaaaa", "20260101-000000-bbbbbbbb"):
        grey_png(uploads / name / "a.png", 9)
    mine, other = sorted(uploads.iterdir())
    runs = [prepare(use_case, images=[path / "a.png"], person="ada") for path in (mine, mine, other)]
    for folder in runs:
        get_executor("inline").submit(folder)
    delete_run(runs[0])
    assert mine.exists()
    delete_run(runs[1])
    assert not mine.exists()
    assert other.exists()


def test_a_run_that_is_going_is_refused_or_cancelled_first(use_case: UseCase, tmp_path: Path) -> None:
    (use_case.folder / "delay").write_text("0.3")
    for value in range(100):
        grey_png(tmp_path / "in" / f"{value}.png", value)
    folder = prepare(use_case, images=tmp_path / "in", person="ada")
    handle = get_executor("process").submit(folder)
    with pytest.raises(RunError, match=r"is being executed\. Cancel it first"):
        delete_run(folder)
    assert folder.path.exists()
    delete_run(folder, cancel=True)
    assert not folder.path.exists()
    assert handle.wait(10).is_over


def test_a_run_whose_lock_is_held_is_refused_whatever_its_state_says(run: Run) -> None:
    folder = run()
    lock = FileLock(folder.path / "run.lock")
    assert lock.acquire()
    with pytest.raises(RunError, match="is being executed"):
        delete_run(folder)
    lock.release()
    delete_run(folder)


def test_a_run_that_does_not_stop_is_told_after_the_wait(run: Run) -> None:
    folder = run()
    write_state(folder.path, RunState(status="running", pid=os.getpid(), process=identity(os.getpid())))
    with pytest.raises(RunError, match="has not ended after 0 seconds"):
        delete_run(folder, cancel=True, wait_s=0.2)


def test_a_run_that_was_prepared_and_never_started_can_be_deleted(use_case: UseCase) -> None:
    folder = prepare(use_case, person="ada")
    delete_run(folder)
    assert list_runs(use_case) == []


@pytest.mark.parametrize("step", ["release", "forget_lines", "remove_upload", "remove_tree"])
def test_an_interrupted_deletion_is_finished_by_the_next_sweep(
    run: Run, tmp_path: Path, use_case: UseCase, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    upload = grey_png(tmp_path / "runs" / ".uploads" / "20260101-000000-aaaaaaaa" / "a.png", 9)
    folder = run([upload])
    with monkeypatch.context() as patch:
        patch.setattr(f"tidelab.runs.delete.{step}", _killed)
        with pytest.raises(KeyboardInterrupt):
            delete_run(folder)
    assert list_runs(use_case) == []
    finish_deletions(tmp_path / "runs")
    assert bytes_below(tmp_path / "runs") == 0


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_nothing_that_is_no_run_is_deleted(run: Run, tmp_path: Path) -> None:
    folder = run()
    copy = tmp_path / "elsewhere" / "copy"
    copy.mkdir(parents=True)
    (copy / "request.json").write_bytes((folder.path / "request.json").read_bytes())
    with pytest.raises(RunError, match="it is a copy"):
        delete_run(RunFolder(copy))
    (tmp_path / "link").symlink_to(folder.path)
    for path in (tmp_path / "link", tmp_path / "nothing", tmp_path):
        with pytest.raises(RunError, match="is not the folder of a run"):
            delete_run(RunFolder(path))
    assert folder.path.exists()
    assert copy.exists()


def test_links_inside_a_run_are_removed_and_not_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    folder = run()
    (folder.path / "products").mkdir(exist_ok=True)
    (folder.path / "products" / "out").symlink_to(tmp_path / "precious")
    delete_run(folder)
    assert (tmp_path / "precious" / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["..", ".", "../homes", "x/../../.."])
def test_a_request_that_names_another_place_removes_nothing_there(
    run: Run, tmp_path: Path, name: str
) -> None:
    folder = run()
    request = json.loads((folder.path / "request.json").read_text())
    request["images"] = [f"{tmp_path}/runs/.uploads/{name}/a.png"]
    (folder.path / "request.json").write_text(json.dumps(request))
    (tmp_path / "runs" / ".uploads").mkdir()
    other = run()
    delete_run(folder)
    assert other.state().status == "done"
    assert other.results().shape[0] == 3


def test_a_damaged_run_can_be_deleted(run: Run, use_case: UseCase) -> None:
    folder = run()
    (folder.path / "request.json").write_text("{")
    (folder.path / "state.json").write_text("{")
    delete_run(folder)
    assert list_runs(use_case) == []


def test_a_cache_of_the_version_before_is_emptied_with_the_last_run(run: Run, tmp_path: Path) -> None:
    old, new = run(), run()
    cache = tmp_path / "runs" / ".cache" / "results.sqlite"
    database = sqlite3.connect(cache)
    for table in ("runs", "run_entries"):
        database.execute(f"DROP TABLE {table}")
    database.commit()
    database.close()
    delete_run(old)  # `new` may use any of them: it did not say which
    assert len(kept(cache)) == 3
    delete_run(new)
    assert kept(cache) == set()


def test_the_cache_of_a_run_can_be_freed_and_the_run_kept(run: Run, use_case: UseCase) -> None:
    folder = run()
    assert release_cache(folder).bytes > 0
    assert folder.results().shape[0] == 3
    run()
    assert len(calls(use_case)) == 6


def test_bytes_come_back_also_from_a_cache_that_others_still_use(tmp_path: Path) -> None:
    cache = tmp_path / "c" / "results.sqlite"
    small = made(tmp_path / "runs", 1, cache, {b"1"})
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDELAB_CACHE", str(cache.parent))
        large = made(tmp_path / "runs", 2, cache, {b"%d" % number for number in range(1, 300)})
        sizes.append(cache.stat().st_size)
        delete_run(large)
        sizes.append(cache.stat().st_size)
    assert sizes[1] < sizes[0] / 10
    assert kept(cache) == {b"1"}
    assert list(run_folders(tmp_path / "runs")) == [small.path]


def test_a_run_under_way_keeps_its_entries_and_its_file(tmp_path: Path) -> None:
    cache = tmp_path / "runs" / ".cache" / "results.sqlite"
    first = made(tmp_path / "runs", 1, cache, {b"1", b"2"})
    with ResultCache(cache, pytest.fail, "plankton/other") as opened:
        assert set(opened.get_many([b"1"])) == {b"1"}
        delete_run(first)
        assert set(opened.get_many([b"1", b"2"])) == {b"1"}
        opened.put_many({b"3": PREDICTION})
    assert kept(cache) == {b"1", b"3"}


def test_what_was_shared_is_released_in_the_shared_cache_too(use_case: UseCase, tmp_path: Path) -> None:
    text = (use_case.folder / "usecase.yaml").read_text()
    (use_case.folder / "usecase.yaml").write_text(text + "data_policy: {kind: shared}\n")
    shared = load_usecase(use_case.folder)
    folders = []
    for person in ("ada", "bo"):
        folders.append(prepare(shared, person=person, runs_root=tmp_path / person))
        get_executor("inline").submit(folders[-1])
    assert len(calls(use_case)) == 3
    cache = shared_cache(use_case.slug)
    for folder, left in zip(folders, (3, 0), strict=True):
        delete_run(folder)
        assert len(kept(cache)) == left


def test_two_deletions_of_one_run_are_one_deletion_and_a_sentence(run: Run) -> None:
    folder = run()
    delete_run(folder)
    with pytest.raises(RunError, match="is not the folder of a run"):
        delete_run(folder)
