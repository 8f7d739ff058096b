"""Runs in processes of their own: they outlive, resume, wait in line, stop, and carry no secrets."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.brightness import calls, grey_png, make_use_case
from tidelab.catalogue import UseCase
from tidelab.domain.state import RunState
from tidelab.runs import RunError, RunFolder, get_executor, list_runs, prepare
from tidelab.runs.processes import identity

WAIT = 90


@pytest.fixture
def use_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    for name in ("data", "runs", "champions"):
        monkeypatch.setenv(f"TIDELAB_{name.upper()}", str(tmp_path / name))
    return make_use_case(tmp_path / "usecases")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for value in range(160):
        grey_png(tmp_path / "many" / f"image-{value}.png", value)
    return tmp_path / "many"


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.05)


def start(use_case: UseCase, images: Path | str = "sample") -> RunFolder:
    folder = prepare(use_case, images=images, person="ada")
    get_executor("process").submit(folder)
    return folder


def finished(folder: RunFolder, status: str = "done") -> RunState:
    state = wait(folder)
    assert state.status == status, f"{state.message}\n{folder.log()}"
    return state


def wait(folder: RunFolder) -> RunState:
    until(lambda: folder.state().is_over, "the run is over")
    return folder.state()


def test_a_killed_run_goes_on_without_repeating_an_image_and_gives_the_same_csv(
    use_case: UseCase, many: Path
) -> None:
    (use_case.folder / "delay").write_text("0.4")
    folder = start(use_case, many)
    until(lambda: folder.state().predicted >= 32, "a batch is predicted")
    os.kill(folder.state().pid or 0, signal.SIGKILL)
    dead = wait(folder)
    assert dead.status == "failed"
    assert dead.message == "The run was interrupted. Run it again: finished images are kept."
    kept, asked = dead.predicted, len(calls(use_case))
    assert 0 < kept < 160

    (use_case.folder / "delay").unlink()
    get_executor("process").submit(folder)
    state = finished(folder)
    assert state.total == 160 == state.done
    assert state.cached >= kept
    # The batch the model was in when it was killed is the only one that may be asked for twice.
    assert len(calls(use_case)) - asked == 160 - state.cached
    assert len(calls(use_case)) <= 160 + 32

    fresh = make_use_case(use_case.folder.parent.parent / "fresh")
    other = prepare(fresh, images=many, person="ada", runs_root=use_case.folder.parent.parent / "other-runs")
    get_executor("process").submit(other)
    finished(other)
    assert other.state().cached == 0
    for name in ("results.csv", "counts.csv", "failed_files.csv", "statistics.csv", "embeddings.npy"):
        assert (other.path / name).read_bytes() == (folder.path / name).read_bytes(), name


def test_a_run_holds_no_token_and_no_code_path_of_its_starter(
    use_case: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-of-the-person")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-of-the-person")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "evil"))
    source = use_case.folder / "src" / "brightness.py"
    source.write_text(
        source.read_text() + "\nimport json, os, sys\n"
        "(Path(__file__).parent.parent / 'seen.json').write_text(json.dumps([dict(os.environ), sys.path, os.getsid(0), os.getpid()]))\n"
    )
    finished(start(use_case))
    environment, path, session, pid = json.loads((use_case.folder / "seen.json").read_text())
    assert not [name for name in environment if "TOKEN" in name or name == "PYTHONPATH"]
    assert "secret" not in json.dumps(environment)
    assert str(tmp_path / "evil") not in path
    assert session == pid, "the run must not end with the terminal of its starter"


def test_cancel_stops_a_run_and_keeps_what_is_finished(use_case: UseCase, many: Path) -> None:
    (use_case.folder / "delay").write_text("0.3")
    folder = start(use_case, many)
    until(lambda: folder.state().predicted >= 32, "a batch is predicted")
    folder.cancel()
    state = finished(folder, "cancelled")
    assert state.message == "The run was cancelled. Finished images are kept."
    assert not (folder.path / "results.csv").exists()
    (use_case.folder / "delay").unlink()
    get_executor("process").submit(folder)
    assert finished(folder).cached >= 32


def test_runs_wait_in_line_and_say_how_many_are_ahead(
    use_case: UseCase, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_MAX_RUNS", "1")
    (use_case.folder / "delay").write_text("4")
    first = start(use_case, many)
    until(lambda: first.state().status == "running", "the first runs")
    second = start(use_case)
    until(lambda: second.state().step == "Waiting for a free place: next in line", "the second waits")
    third = start(use_case)
    until(lambda: third.state().step == "Waiting for a free place: 1 run ahead", "the third waits")
    assert second.state().status == third.state().status == "queued"
    # A waiting run that dies does not hold the others up.
    os.kill(second.state().pid or 0, signal.SIGKILL)
    until(lambda: third.state().step == "Waiting for a free place: next in line", "the third moves up")
    first.cancel()
    finished(first, "cancelled")
    (use_case.folder / "delay").unlink()
    finished(third)
    assert second.state().status == "failed"
    assert list_runs(use_case) == [third, second, first]


def test_a_run_is_not_started_twice_at_once(use_case: UseCase, many: Path) -> None:
    (use_case.folder / "delay").write_text("0.3")
    folder = start(use_case, many)
    until(lambda: folder.state().status == "running", "it runs")
    with pytest.raises(RunError, match="going on already"):
        get_executor("process").submit(folder)
    folder.cancel()
    finished(folder, "cancelled")


def test_a_process_that_cannot_even_start_is_seen_as_failed(
    use_case: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidelab.runs.executor.interpreter", lambda _: Path("/bin/false"))
    folder = start(use_case)
    state = finished(folder, "failed")
    assert "interrupted" in state.message


def test_cancel_never_signals_a_stranger_with_the_same_number(use_case: UseCase) -> None:
    folder = prepare(use_case, person="ada")
    mine = RunState(status="running", pid=os.getpid(), process="another-boot:1:1", own_process=True)
    (folder.path / "state.json").write_text(mine.model_dump_json())
    assert folder.state().status == "failed"
    folder.cancel()
    mine = mine.model_copy(update={"process": identity(os.getpid()), "own_process": False})
    (folder.path / "state.json").write_text(mine.model_dump_json())
    assert folder.state().status == "running"
    folder.cancel()  # an inline run: the file asks, no signal ends the kernel
    assert (folder.path / "cancel").exists()
