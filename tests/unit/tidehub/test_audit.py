"""The audit log: every act is on the disk before it counts, and nothing in the file can hide or break another line."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidehub import audit


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path))


def test_an_act_is_read_back_by_admins_and_by_whom_it_concerns() -> None:
    audit.record("root", "opened", "ada", "flowcam-plankton", origin="10.0.0.7")
    audit.record("root", "quota", "bo", "GPU hours 10 -> 20")
    newest, oldest = audit.entries()
    assert (newest.what, oldest.what) == ("quota", "opened")
    assert oldest.words == "opened the server flowcam-plankton of ada"
    assert oldest.words_to_them == "opened your server flowcam-plankton"
    assert [entry.whom for entry in audit.entries(whom="ada")] == ["ada"]
    assert audit.entries(who="ada") == []
    assert audit.log_file().stat().st_mode & 0o777 == 0o600


def test_every_action_has_words_for_both() -> None:
    for what in audit.ACTIONS:
        entry = audit.record("root", what, "ada", "x")
        assert "{" not in entry.words + entry.words_to_them
        assert "ada" in entry.words
        assert "ada" not in entry.words_to_them


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_no_text_breaks_out_of_its_line(name: str, thing: str) -> None:
    before = len(audit.entries())
    written = audit.record("root", "opened", name, thing)
    assert audit.entries()[0] == written or before >= audit.MOST_SHOWN
    assert "\n" not in written.whom + written.thing


def test_a_torn_line_costs_only_itself() -> None:
    audit.record("root", "opened", "ada")
    with audit.log_file().open("ab") as stream:
        stream.write(b'{"when": "2026-01-01", "who": "ro')
    audit.record("root", "stopped", "bo")
    assert [entry.whom for entry in audit.entries()] == ["bo", "ada"]


@pytest.mark.parametrize("line", [b"[]", b"7", b"{}", b"\xff\xfe", b"[" * 5000, b'{"who": 1}', b""])
def test_what_is_no_entry_is_passed_over(line: bytes) -> None:
    audit.record("root", "opened", "ada")
    with audit.log_file().open("ab") as stream:
        stream.write(line + b"\n")
    assert [entry.whom for entry in audit.entries()] == ["ada"]


def test_processes_that_write_at_once_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the file is rotated under them."""
    monkeypatch.setattr(audit, "ROTATE_BYTES", 2000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: audit.record("root", "opened", f"p{number}"), range(120)))
    assert {entry.whom for entry in audit.entries()} == {f"p{number}" for number in range(120)}
    assert len(list(audit.log_file().parent.glob("audit*.jsonl"))) > 3


def test_a_disk_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(audit.AuditError, match=r"audit\.jsonl cannot be written \(No space left on device\)"):
        audit.record("root", "opened", "ada")


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    audit.log_file().parent.mkdir()
    audit.log_file().symlink_to(victim)
    with pytest.raises(audit.AuditError):
        audit.record("root", "opened", "ada")
    assert victim.read_text() == "mine"


def test_lines_are_json_that_other_tools_can_read() -> None:
    audit.record("root", "opened", "ada", "x", origin="::1")
    (line,) = audit.log_file().read_text().splitlines()
    assert json.loads(line)["origin"] == "::1"


def test_a_file_that_cannot_be_set_aside_grows_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(audit, "ROTATE_BYTES", 300)
    monkeypatch.setattr(Path, "rename", refuse)
    for number in range(20):
        audit.record("root", "opened", f"p{number}")
    assert len(audit.log_file().read_bytes()) > 1000
    assert audit.entries()[0].whom == "p19"
