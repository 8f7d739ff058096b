"""Runs as the hub reads them: bounded, robust, in words."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidehub.pages.home import time_ago
from tidehub.recent_runs import has_run_in_progress, read_run, recent_runs
from tidelab import paths
from tidelab.domain.state import RunState

NOW = datetime.now(UTC)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))
    return paths.user_runs("ada")


def write(runs: Path, name: str, content: Any, use_case: str = "flowcam-plankton") -> Path:
    file = runs / use_case / name / "state.json"
    file.parent.mkdir(parents=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_reads_what_runs_write(runs: Path) -> None:
    state = RunState(status="running", step="Naming images", done=3, total=9, updated=NOW.isoformat())
    write(runs, "r1", state.model_dump_json())
    (run,) = recent_runs("ada")
    assert run.words(NOW) == "Naming images (3 of 9 images)"
    assert run.is_in_progress(NOW)
    assert has_run_in_progress("ada", NOW)
    assert not has_run_in_progress("bob")


@pytest.mark.parametrize("status", ["done", "failed", "cancelled"])
def test_what_is_over_is_not_in_progress(runs: Path, status: str) -> None:
    write(
        runs,
        "r1",
        {
            "status": status,
            "updated": NOW.isoformat(),
            "message": "No image.",
            "done": 2,
            "total": 3,
            "failed": 1,
        },
    )
    assert not has_run_in_progress("ada", NOW)
    words = recent_runs("ada")[0].words(NOW)
    assert (
        words
        == {
            "done": "done: 2 of 3 images, 1 files could not be used",
            "failed": "failed: No image.",
            "cancelled": "cancelled",
        }[status]
    )


def test_a_run_without_a_heartbeat_stopped(runs: Path) -> None:
    write(runs, "r1", {"status": "running", "updated": (NOW - timedelta(minutes=10)).isoformat()})
    assert not has_run_in_progress("ada", NOW)
    assert "stopped before it was finished" in recent_runs("ada")[0].words(NOW)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"status": 3}',
        '{"status": "running", "updated": "yesterday", "done": -4}',
        "\x00\xff",
        "[" * 50_000,
    ],
)
def test_corrupt_files_hide_nothing(runs: Path, content: str) -> None:
    write(runs, "r1", content)
    write(runs, "r2", {"status": "done", "done": 1, "total": 1, "updated": NOW.isoformat()})
    assert sorted(run.status for run in recent_runs("ada"))[0] == "done"
    assert len(recent_runs("ada")) == 2
    assert not has_run_in_progress("ada", NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["status", "updated", "done", "total", "failed", "step", "message", "started"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers(), max_size=2),
    )
)
def test_no_state_breaks_the_page(tmp_path: Path, state: dict[str, Any]) -> None:
    file = tmp_path / "case" / "run" / "state.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(state))
    run = read_run(file)
    assert run.words(NOW)
    assert isinstance(time_ago(run.updated, NOW), str)


def test_newest_first_and_bounded(runs: Path) -> None:
    import os

    for number in range(20):
        file = write(runs, f"r{number:02}", {"status": "done"})
        os.utime(file, (1_000_000 + number, 1_000_000 + number))
    assert [run.run for run in recent_runs("ada", limit=3)] == ["r19", "r18", "r17"]


def test_links_and_the_cache_are_not_followed(runs: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "elsewhere", "r1", {"status": "done"})
    (runs / "flowcam-plankton").mkdir(parents=True)
    (runs / "flowcam-plankton" / "link").symlink_to(other.parent)
    write(runs, "x", {"status": "done"}, use_case=".cache")
    assert recent_runs("ada") == []


def test_time_ago() -> None:
    ages = [(5, "just now"), (60, "1 minute ago"), (7200, "2 hours ago"), (86400 * 5, "5 days ago")]
    for seconds, words in ages:
        assert time_ago(NOW - timedelta(seconds=seconds), NOW) == words
    assert time_ago(None, NOW) == ""


def test_a_pipe_in_place_of_a_state_holds_nobody(runs: Path) -> None:
    """A hub that waits for a pipe answers nobody: neither the list nor the reading of one file may wait."""
    file = runs / "flowcam-plankton" / "r1" / "state.json"
    file.parent.mkdir(parents=True)
    os.mkfifo(file)
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(lambda: (recent_runs("ada"), read_run(file).status, has_run_in_progress("ada")))
        try:
            assert answers.result(5) == ([], "unknown", False)
        finally:
            with suppress(OSError):  # lets a reader that waits go, so that the test ends
                os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.parametrize("linked", ["runs", "flowcam-plankton", "r1", "state.json"])
def test_no_link_shows_the_runs_of_another(runs: Path, linked: str) -> None:
    state = {"status": "running", "message": "", "step": "Bob's secret", "updated": NOW.isoformat()}
    theirs = write(paths.user_runs("bob"), "r1", state)
    assert recent_runs("bob")[0].step == "Bob's secret"
    depth = ["state.json", "r1", "flowcam-plankton", "runs"].index(linked)
    target = [theirs, *theirs.parents][depth]
    place = [(mine := runs / "flowcam-plankton" / "r1" / "state.json"), *mine.parents][depth]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    assert "secret" not in str(recent_runs("ada"))
    assert not has_run_in_progress("ada", NOW)
    assert read_run(mine).status == "unknown", "also where the link was put there after the list was made"
