"""What a process that acts for others writes goes into real folders of the person it acts for, also where the kernel holds nobody."""

from pathlib import Path

import pytest

from tests.support.brightness import grey_png
from tidelab.catalogue import UseCase, load_usecase
from tidelab.runs import RunError, RunFolder, list_runs, prepare
from tidelab.runs.beneath import held_path, opened, writer
from tidelab.runs.delete import delete_run, remove_upload, run_folders
from tidelab.runs.files import write_text
from tidelab.runs.owner import ON_BEHALF
from tidelab.runs.policy import mark_ephemeral


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    homes = tmp_path / "data" / "homes"
    for person in ("ada", "eve"):
        (homes / person / "runs").mkdir(parents=True)
    return homes


def below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("linked", ["runs", "runs/brightness-case"])
def test_a_run_is_prepared_through_no_link(
    use_case: UseCase, homes: Path, monkeypatch: pytest.MonkeyPatch, linked: str
) -> None:
    monkeypatch.setenv(ON_BEHALF, "1")
    prepare(use_case, person="ada", face="app", runs_root=homes / "ada" / "runs")
    before = below(homes / "ada")
    if linked == "runs":
        (homes / "eve" / "runs").rmdir()
    (homes / "eve" / linked).symlink_to(homes / "ada" / linked)
    with pytest.raises(RunError, match=r"is a link or no folder.*analyse in JupyterLab"):
        prepare(use_case, person="eve", face="app", runs_root=homes / "eve" / "runs")
    assert list_runs(use_case, homes / "eve" / "runs") == []
    assert below(homes / "ada") == before


def test_a_run_for_another_person_is_complete_and_private(
    use_case: UseCase, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ON_BEHALF, "1")
    file = use_case.folder / "usecase.yaml"
    file.write_text(file.read_text() + "data_policy: {kind: ephemeral, ephemeral_hours: 2}\n")
    run = prepare(load_usecase(use_case.folder), person="eve", face="app", runs_root=homes / "eve" / "runs")
    assert sorted(path.name for path in run.path.iterdir()) == [".ephemeral", "request.json", "state.json"]
    assert (run.path / ".ephemeral").read_text() == "2\n"
    assert run.path.stat().st_mode & 0o077 == 0
    assert run.path.parent.stat().st_mode & 0o077 == 0
    assert run.state().status == "queued"


def test_mark_and_wish_to_cancel_take_the_place_of_a_link(use_case: UseCase, tmp_path: Path) -> None:
    run = prepare(use_case, person="ada")
    for name in ("cancel", ".ephemeral"):
        (run.path / name).symlink_to(tmp_path / "made")
    run.cancel()
    mark_ephemeral(run.path, 3)
    assert not (tmp_path / "made").exists()
    assert run.state().status == "cancelled"
    assert (run.path / "cancel").read_bytes() == b""
    assert (run.path / ".ephemeral").read_text() == "3\n"


def test_a_folder_that_is_held_open_stays_the_place_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with opened(tmp_path, "mine", "run", make=True) as handle:
        (tmp_path / "mine").rename(tmp_path / "moved")
        (tmp_path / "mine").symlink_to(tmp_path / "theirs")
        write_text(held_path(handle) / "state.json", "1")
        with open("log", "ab", opener=writer(handle)) as stream:
            stream.write(b"2")
        with pytest.raises(OSError, match=r".+"), opened(tmp_path, "mine", "run", make=True):
            pass
    assert below(tmp_path / "moved" / "run") == {"state.json": b"1", "log": b"2"}
    assert list((tmp_path / "theirs").iterdir()) == []
    assert (tmp_path / "moved" / "run" / "state.json").stat().st_mode & 0o777 == 0o644


@pytest.fixture
def moved(use_case: UseCase, tmp_path: Path) -> RunFolder:
    """A person's own run of an upload, in a folder of the use case that is a link of theirs to a larger disk."""
    picture = grey_png(tmp_path / "runs" / ".uploads" / "20260101-000000-aaaaaaaa" / "a.png", 1)
    run = prepare(use_case, images=[picture], person="ada")
    run.path.parent.rename(tmp_path / "disk")
    run.path.parent.symlink_to(tmp_path / "disk")
    return run


def test_ones_own_runs_behind_ones_own_link_are_listed_and_their_upload_is_kept(
    use_case: UseCase, moved: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    assert list_runs(use_case) == [moved]
    assert list(run_folders(runs, linked=True)) == [moved.path]
    assert list(run_folders(runs)) == [], "nothing is removed through a link"
    assert remove_upload(runs, "20260101-000000-aaaaaaaa").files == 0
    with pytest.raises(RunError, match="is a link, and nothing is deleted through one"):
        delete_run(moved)
    assert prepare(use_case, person="ada").path.resolve().parent == tmp_path / "disk"
    monkeypatch.setenv(ON_BEHALF, "1")
    assert list_runs(use_case) == []
    assert list(run_folders(runs, linked=True)) == []


def test_a_request_that_is_too_large_to_be_read_is_not_written(
    use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = grey_png(tmp_path / "in" / "a.png", 1)
    size = (prepare(use_case, images=[picture], person="ada").path / "request.json").stat().st_size
    monkeypatch.setattr("tidelab.runs.request.MOST_REQUEST_BYTES", size + 100)
    prepare(use_case, images=[picture], person="ada")
    before = list_runs(use_case)
    with pytest.raises(RunError, match=r"of the 100 images.*Choose the folder instead"):
        prepare(use_case, images=[picture] * 100, person="ada")
    assert list_runs(use_case) == before
    assert sorted(one.path for one in before) == sorted((tmp_path / "runs" / use_case.slug).iterdir())
