"""The folder of a run as others read it: also half-written, damaged, or left by a process that died."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runs.conftest import Run
from tidelab.catalogue import UseCase
from tidelab.domain.state import RunState
from tidelab.runs import RunError, RunFolder, list_runs, prepare
from tidelab.runs.execute import execute
from tidelab.runs.processes import FileLock, end, identity, is_alive, is_locked


def test_a_prepared_run_waits_and_can_be_cancelled_before_it_starts(use_case: UseCase) -> None:
    folder = prepare(use_case, person="ada")
    assert folder.state().status == "queued"
    with pytest.raises(RunError, match=r"has no results\.csv: it is not over yet"):
        folder.results()
    with pytest.raises(RunError, match="not over yet"):
        folder.package()
    folder.cancel()
    assert folder.state().status == "cancelled"
    assert execute(folder).status == "done", "the wish belonged to the attempt before"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("results.csv", "results"), ("failed_files.csv", "failed_files"), ("counts.csv", "counts"), ("statistics.csv", "statistics"),
        ("embeddings.npy", "embeddings"), ("verdict.json", "verdict"), ("manifest.json", "manifest"),
    ],
)  # fmt: skip
def test_a_damaged_or_missing_file_is_named(run: Run, name: str, read: str) -> None:
    folder = run()
    (folder.path / name).write_bytes(b'\xff\xfe"{not what it was')
    with pytest.raises(RunError, match=f"{name} is damaged. Run the analysis again"):
        getattr(folder, read)()
    (folder.path / name).unlink()
    with pytest.raises(RunError, match=f"has no {name}"):
        getattr(folder, read)()


def test_damaged_thumbnails_are_named(run: Run) -> None:
    folder = run()
    image = folder.results()["image_id"][0]
    (folder.path / "thumbnails.sqlite").write_bytes(b"torn" * 1000)
    with pytest.raises(RunError, match="is damaged"):
        folder.thumbnail(image)
    (folder.path / "thumbnails.sqlite").unlink()
    assert folder.thumbnail(image) == b""


def test_a_damaged_state_or_request_is_a_failed_run_in_words(run: Run, tmp_path: Path) -> None:
    folder = run()
    (folder.path / "state.json").write_text('{"status": "dancing"}')
    assert folder.state().status == "failed"
    assert "is damaged" in folder.state().message
    (folder.path / "request.json").write_text('{"schema_version": 1}')
    with pytest.raises(RunError, match=r"request\.json is damaged \(run_id: Field required\)"):
        RunFolder.load(folder.path)
    with pytest.raises(RunError, match="It is not the folder of a run"):
        RunFolder.load(tmp_path)
    assert RunFolder(tmp_path / "nothing").state().status == "failed"


def test_a_class_named_na_and_leading_zeros_survive_reading(run: Run) -> None:
    folder = run()
    path = folder.path / "results.csv"
    path.write_text(path.read_text().replace(",dark,", ",NA,").replace(",sample,", ",007,"))
    assert "NA" in folder.results()["label"].tolist()
    assert set(folder.results()["sample_id"]) == {"007"}


def test_runs_are_listed_newest_first_and_strangers_passed_over(use_case: UseCase, tmp_path: Path) -> None:
    made = [prepare(use_case, person="ada") for _ in range(3)]
    (tmp_path / "runs" / "brightness-case" / "99999999-not-a-run").mkdir()
    assert list_runs(use_case) == made[::-1]
    assert list_runs("brightness-case", tmp_path / "runs") == made[::-1]
    assert list_runs("unknown") == []
    # What a link leads to may be another person's run.
    elsewhere = tmp_path / "elsewhere"
    made[0].path.rename(elsewhere)
    made[0].path.symlink_to(elsewhere)
    assert list_runs(use_case) == made[:0:-1]


def test_a_run_whose_process_died_is_failed_in_words(use_case: UseCase) -> None:
    folder = prepare(use_case, person="ada")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    state = RunState(
        status="running",
        pid=child.pid,
        process=identity(child.pid),
        done=3,
        total=9,
        updated="2026-01-01T00:00:00Z",
    )
    (folder.path / "state.json").write_text(state.model_dump_json())
    assert folder.state().status == "running"
    child.kill()
    # Dead and not yet buried by its parent: it is over all the same.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    dead = folder.state()
    assert (dead.status, dead.done) == ("failed", 3)
    assert dead.message == "The run was interrupted. Run it again: finished images are kept."
    child.wait()
    assert folder.state().status == "failed"


def test_a_reused_number_is_another_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        known = identity(child.pid)
        assert known is not None
        boot, pid, start = known.split(":")
        assert is_alive(child.pid, known)
        for stranger in (f"{boot}:{pid}:{int(start) - 1}", f"other-boot:{pid}:{start}", None):
            assert not is_alive(child.pid, stranger)
            assert not end(child.pid, stranger)
        assert child.poll() is None
        assert end(child.pid, known)
        assert child.wait(10) == -15
    finally:
        child.kill()
        child.wait()


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    lock = FileLock(path)
    assert lock.acquire()
    assert is_locked(path)
    assert not FileLock(path).acquire()
    lock.release()
    assert not is_locked(path)


def test_two_processes_never_execute_one_run(use_case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelab.runs.execute._LOCK_SECONDS", 0.1)
    folder = prepare(use_case, person="ada")
    other = FileLock(folder.path / "run.lock")
    assert other.acquire()
    with pytest.raises(RunError, match="is being executed by another process"):
        execute(folder)
    other.release()
    assert execute(folder).status == "done"


def test_the_state_file_is_whole_json_at_any_moment(run: Run) -> None:
    folder = run()
    state = json.loads((folder.path / "state.json").read_text())
    assert state["status"] == "done"
    assert state["started"] <= state["finished"] <= state["updated"]
