"""A run whose process cannot be started says so; none waits for ever."""

import errno
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tidelab.catalogue import UseCase
from tidelab.runs import RunError, RunFolder, get_executor, prepare
from tidelab.runs.owner import ON_BEHALF


def refusing(number: int) -> Any:
    def refuse(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture
def for_eve(use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run that this process prepared for somebody else."""
    monkeypatch.setenv(ON_BEHALF, "1")
    monkeypatch.setenv("TIDELAB_USECASES", str(tmp_path / "usecases"))
    home = tmp_path / "data" / "homes" / "eve"
    home.mkdir(parents=True)
    return prepare(use_case, person="eve", face="app", runs_root=home / "runs")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOENT])
def test_a_process_that_cannot_be_started_fails_the_run(
    use_case: UseCase, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = prepare(use_case, person="ada")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refusing(number))
        with pytest.raises(RunError, match=r"could not be started: .*Try again"):
            get_executor("process").submit(run)
    state = run.state()
    assert state.status == "failed"
    assert os.strerror(number) in state.message
    assert state.finished
    assert get_executor("process").submit(run).wait(120).status == "done", run.log()


def test_a_log_that_cannot_be_opened_fails_the_run(use_case: UseCase, tmp_path: Path) -> None:
    run = prepare(use_case, person="ada")
    (run.path / "log.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="could not be started"):
        get_executor("process").submit(run)
    assert run.state().status == "failed"
    assert not (tmp_path / "elsewhere").exists()


def test_a_request_is_handed_over_where_no_file_in_memory_can_be_made(
    for_eve: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "memfd_create", refusing(errno.EACCES))
    assert get_executor("process").submit(for_eve).wait(120).status == "done", for_eve.log()


def test_a_request_that_cannot_be_handed_over_fails_the_run(
    for_eve: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "memfd_create", refusing(errno.EPERM))
    monkeypatch.setattr(tempfile, "TemporaryFile", refusing(errno.EMFILE))
    with pytest.raises(RunError, match="Too many open files"):
        get_executor("process").submit(for_eve)
    state = for_eve.state()
    assert (state.status, bool(state.finished)) == ("failed", True)
    assert "Too many open files" in state.message
