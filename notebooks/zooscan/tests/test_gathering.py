"""What became of scans that nobody analyses is told: those that were chosen and are done, and configurations that nobody needs."""

import shutil
from pathlib import Path

import pytest
from zooscan import gathering
from zooscan.drawings import write_project
from zooscan.gathering import Gathering
from zooscan.objects import ScanError
from zooscan.project import read_project

from tidelab.runs.hooks import ReaderContext
from tidelab.runs.inputs.collection import Collection
from tidelab.runs.limits import Limits
from tidelab.runs.log import RunLog

NAMES = ("drawn_st1_d1_1", "drawn_st1_d2_1", "drawn_st2_tot_1")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("project") / "Zooscan_drawn"
    write_project(root)
    return root


@pytest.fixture
def root(drawn, tmp_path, monkeypatch) -> Path:
    """A project whose first two scans ZooProcess has processed; processing one is refused."""

    def refuse(one, *_):
        raise ScanError(f"{one.scan_id} was to be processed")

    monkeypatch.setattr(gathering.kept, "stored", refuse)
    copy = Path(shutil.copytree(drawn, tmp_path / "Zooscan_drawn"))
    for name in NAMES[:2]:
        work = copy / "Zooscan_scan/_work" / name
        work.mkdir(parents=True)
        (work / f"{name}_dat1.pid").write_text("[Data]\n!Item;Label;Area\n1;x;700\n")
    return copy


def gathered(root: Path, wanted: frozenset[str] | None, scans: str = "new") -> Gathering:
    log = RunLog(root.parent / "log.txt")
    context = ReaderContext(
        root.parent, Limits(), {"scans": scans}, log, lambda *_: None, lambda: False, root.parent / "work", root.parent / "cache",
    )  # fmt: skip
    taken = Gathering(Collection("drawn"), context, wanted, 100)
    assert not list(taken.objects(read_project(root)))
    taken.tell_passed_over()
    return taken


def test_chosen_scans_that_are_done_are_told(root, monkeypatch):
    one = gathered(root, frozenset({NAMES[0], NAMES[2]}))
    assert one.found.notes == [
        "drawn_st1_d1_1 was chosen and is already processed by ZooProcess, so it is not analysed; choose 'all' under *New or all* to do so."
    ]
    assert [row.reason for row in one.found.failures] == ["drawn_st2_tot_1 was to be processed"]
    assert one.states[NAMES[1]]["status"] == "left out"
    two = gathered(root, frozenset(NAMES))
    assert two.found.notes[0].startswith("drawn_st1_d1_1, drawn_st1_d2_1 were chosen and are already")
    monkeypatch.setattr(gathering, "_MOST_SHOWN", 1)
    assert gathered(root, frozenset(NAMES)).found.notes[0].startswith("drawn_st1_d1_1 and 1 more were")


def test_nothing_is_told_of_scans_that_nobody_named_or_that_are_processed_again(root):
    assert gathered(root, None).found.notes == []
    again = gathered(root, frozenset(NAMES[:1]), "all")
    assert again.found.notes == []
    assert [row.reason for row in again.found.failures] == ["drawn_st1_d1_1 was to be processed"]


def test_a_configuration_that_nobody_needs_may_be_damaged(root):
    (root / "Zooscan_config/process_install_both_config.txt").write_text("upper= many\n")
    taken = gathered(root, frozenset(NAMES[:2]))
    assert taken.found.failures == []
    assert [taken.states[name]["status"] for name in NAMES] == ["done", "done", "left out"]
    needed = gathered(root, None)
    assert [row.image for row in needed.found.failures] == ["process_install_both_config.txt"]
    assert needed.states[NAMES[2]]["status"] == "incomplete"
