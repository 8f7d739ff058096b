"""A folder of runs belongs to its owner, who may put links, pipes and large files anywhere in it."""

import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tidelab.domain.state import RunState
from tidelab.drift.timeline import Timeline
from tidelab.runs import RunError, RunFolder
from tidelab.runs.beneath import folders_in, opened, read
from tidelab.runs.delete import delete_run, finish_deletions, run_folders
from tidelab.runs.log import RunLog
from tidelab.runs.processes import FileLock, is_locked
from tidelab.runs.progress import write_state
from tidelab.runs.sweep import sweep, sweep_all
from tidelab.runs.validation.audits import read_audits
from tidelab.runs.validation.log import EventLog

LATER = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
RUN = "20260101T000000001Z-00000a"


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    """The homes of ada, whose files are to stay, and of eve."""
    homes = tmp_path / "data" / "homes"
    for file in ("pictures/a.png", "runs/plankton/x/results.csv", "notes-keep0h/n.txt", "x/a.txt"):
        (homes / "ada" / file).parent.mkdir(parents=True, exist_ok=True)
        (homes / "ada" / file).write_text(file)
    (homes / "eve" / "runs").mkdir(parents=True)
    return homes


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def crafted(place: Path, images: str) -> RunFolder:
    place.mkdir(parents=True)
    (place / "request.json").write_text(json.dumps({"images": [images]}))
    (place / ".ephemeral").write_text("0\n")
    write_state(place, RunState(status="done", finished="2026-01-01T00:00:00Z"))
    return RunFolder(place)


def trash_is_a_link(homes: Path) -> None:
    (homes / "eve/runs/.trash").symlink_to(homes)


def uploads_are_a_link(homes: Path) -> None:
    (homes / "eve/runs/.uploads").symlink_to(homes / "ada")


def a_request_names_another_home_through_a_link(homes: Path) -> None:
    (homes / "eve/runs/.uploads").symlink_to(homes)
    crafted(homes / "eve/runs/plankton" / RUN, f"{homes}/eve/runs/.uploads/ada/pictures/a.png")


def the_cache_is_a_link(homes: Path) -> None:
    (homes / "ada/readers/plankton").mkdir(parents=True)
    (homes / "ada/readers/plankton/known").write_text("1")
    (homes / "eve/runs/.cache").symlink_to(homes / "ada")
    crafted(homes / "eve/runs/plankton" / RUN, "sample")


def the_use_case_is_a_link(homes: Path) -> None:
    crafted(homes / "ada/runs/whales" / RUN, "sample")
    (homes / "eve/runs/whales").symlink_to(homes / "ada/runs/whales")
    # Ada's own run is not due.
    (homes / "ada/runs/whales" / RUN / ".ephemeral").unlink()
    (homes / "eve/runs/plankton").mkdir()


def all_runs_are_a_link(homes: Path) -> None:
    (homes / "eve/runs").rmdir()
    (homes / "ada/runs/.trash/plankton~a~b").mkdir(parents=True)
    (homes / "eve/runs").symlink_to(homes / "ada/runs")


ATTACKS = [
    trash_is_a_link, uploads_are_a_link, a_request_names_another_home_through_a_link, the_cache_is_a_link,
    the_use_case_is_a_link, all_runs_are_a_link,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_sweep_removes_nothing_of_another_person(attack: Callable[[Path], None], homes: Path) -> None:
    attack(homes)
    before = below(homes / "ada")
    sweep(homes / "eve" / "runs", LATER)
    for run in list(run_folders(homes / "eve" / "runs")):
        delete_run(RunFolder(run))
    assert below(homes / "ada") == before


def test_the_sweep_of_all_homes_does_what_is_due_and_no_more(homes: Path) -> None:
    crafted(homes / "eve/runs/plankton" / RUN, "sample")
    trash_is_a_link(homes)
    before = below(homes / "ada")
    sweep_all(everyone=True)
    assert below(homes / "ada") == before
    assert (homes / "eve/runs/plankton" / RUN).exists(), "it cannot be moved into a .trash that is a link"
    (homes / "eve/runs/.trash").unlink()
    freed = sweep_all(everyone=True)
    assert freed.files == 4, "request, state, mark and lock"
    assert freed.bytes > 0
    assert not (homes / "eve/runs/plankton" / RUN).exists()
    assert not (homes / "eve/runs/.trash").exists()
    assert below(homes / "ada") == before


def test_a_deletion_through_a_link_says_why(homes: Path) -> None:
    run = crafted(homes / "eve/runs/plankton" / RUN, "sample")
    trash_is_a_link(homes)
    with pytest.raises(RunError, match="cannot be deleted"):
        delete_run(run)
    assert finish_deletions(run.runs_root).files == 0


def test_a_person_may_keep_all_runs_behind_a_link_of_their_own(tmp_path: Path) -> None:
    # Not a home of the hub: nobody else put it there.
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    run = crafted(tmp_path / "runs" / "plankton" / RUN, "sample")
    delete_run(run)
    assert list((tmp_path / "disk").iterdir()) == []


def test_folders_are_opened_one_by_one(homes: Path) -> None:
    (homes / "eve/runs/link").symlink_to(homes / "ada")
    assert folders_in(homes / "eve/runs") == []
    for names in (("link",), ("link", "runs"), ("..",), ("",), ("a/b",)):
        with pytest.raises(OSError, match=r".+"), opened(homes / "eve/runs", *names):
            pass
    with opened(homes / "ada", "runs", "plankton", "x") as handle:
        assert os.listdir(handle) == ["results.csv"]  # noqa: PTH208  of a descriptor


def test_reading_follows_no_link_waits_for_no_pipe_and_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(10**9)
    assert read(tmp_path / "file", 100) == b"x" * 100
    for name, words in (("link", "a link"), ("pipe", "no file"), ("large", "larger"), ("none", "No such")):
        with pytest.raises(OSError, match=words):
            read(tmp_path / name, 2**20)
    with pytest.raises(OSError, match="larger"):
        read(tmp_path / "file", 99)


def test_log_and_lock_write_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "log.txt").symlink_to(tmp_path / "profile")
    (tmp_path / "run.lock").symlink_to(tmp_path / "made")
    RunLog(tmp_path / "log.txt").write("export PATH=/tmp/eve")
    with pytest.raises(OSError, match="symbolic links"):
        FileLock(tmp_path / "run.lock").acquire()
    assert not is_locked(tmp_path / "run.lock")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.txt", "run.lock"]


def test_logs_and_audits_that_are_links_or_pipes_are_not_read(tmp_path: Path) -> None:
    for name in ("validations.jsonl", "audits.json", ".timeline.jsonl"):
        (tmp_path / "theirs").write_text("[]\n")
        (tmp_path / name).symlink_to(tmp_path / "theirs")
    for look in (EventLog(tmp_path).read, lambda: read_audits(tmp_path), Timeline(tmp_path).read):
        with pytest.raises((RunError, OSError)):
            look()
    (tmp_path / "validations.jsonl").unlink()
    os.mkfifo(tmp_path / "validations.jsonl")
    with pytest.raises(RunError, match="is no file"):
        EventLog(tmp_path).read()


def test_what_killed_processes_left_goes_after_a_day(homes: Path) -> None:
    left = homes / "eve/runs/.tmp"
    (left / "tmpabc").mkdir(parents=True)
    (left / "tmpabc" / "file").write_text("1")
    (left / "tmpdef").write_text("1")
    (left / "link").symlink_to(homes / "ada")
    before = below(homes / "ada")
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=23)
    sweep(homes / "eve/runs", soon)
    assert len(list(left.iterdir())) == 3
    sweep(homes / "eve/runs", soon + datetime.timedelta(hours=2))
    assert list(left.iterdir()) == []
    assert below(homes / "ada") == before
