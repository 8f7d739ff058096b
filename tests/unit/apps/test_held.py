"""The server of the apps says at its start whether the machine can hold their kernels; asking costs the server nothing."""

import logging
from pathlib import Path

import pytest

from tests.support.held import can_be_held
from tidelab import paths
from tidelab.apps.held import say_whether_held, why_nobody_is_held


def answering(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of the Python of the kernels."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(paths, "env_python", lambda _: python)


def said(caplog: pytest.LogCaptureFixture) -> str:
    asking = say_whether_held(logging.getLogger("apps"))
    asking.join(120)
    assert not asking.is_alive()
    return caplog.text


def test_asking_gives_the_machines_answer_and_holds_nothing_here(caplog: pytest.LogCaptureFixture) -> None:
    status = Path("/proc/thread-self/status").read_text().count("NoNewPrivs:\t1")
    assert (why_nobody_is_held() == "") == can_be_held()
    assert Path("/proc/thread-self/status").read_text().count("NoNewPrivs:\t1") == status
    assert ("holds nobody to their folders" in said(caplog)) != can_be_held()


def test_a_machine_without_landlock_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answering("echo the kernel does not offer it", tmp_path, monkeypatch)
    assert "holds nobody to their folders: the kernel does not offer it. See" in said(caplog)


@pytest.mark.parametrize("program", ["exit 1", "kill -9 $$"])
def test_a_question_that_fails_is_no_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, program: str
) -> None:
    answering(program, tmp_path, monkeypatch)
    assert "holds nobody to their folders: it could not be asked (CalledProcessError)" in said(caplog)
