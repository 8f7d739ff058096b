"""The server of the apps says at its start whether the machine can hold their kernels; asking costs the server nothing."""

from pathlib import Path

import pytest

from tests.support.held import can_be_held
from tidelab.apps.held import why_nobody_is_held


def test_asking_gives_the_machines_answer_and_holds_nothing_here(tmp_path: Path) -> None:
    status = Path("/proc/thread-self/status").read_text().count("NoNewPrivs:\t1")
    assert (why_nobody_is_held() == "") == can_be_held()
    (tmp_path / "still").write_text("writable")
    assert Path("/proc/thread-self/status").read_text().count("NoNewPrivs:\t1") == status


def test_a_machine_without_landlock_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidelab.runs.landlock._call", lambda *_: -1)
    assert "does not offer Landlock" in why_nobody_is_held()
