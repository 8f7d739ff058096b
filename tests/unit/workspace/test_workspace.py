"""The workspace: copies are brought up to date, people's changes are never lost."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidelab import paths, workspace
from tidelab.workspace import WorkspaceError, find_usecase_folder, server_command, synchronise


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue" / "case"
    (folder / "sample" / "station-1").mkdir(parents=True)
    (folder / "usecase.yaml").write_text("slug: case\n")
    (folder / "analyse.ipynb").write_text("version 1")
    (folder / "README.md").write_text("read me")
    (folder / "sample" / "station-1" / "a.png").write_bytes(b"picture")
    (folder / "model").mkdir()
    (folder / "model" / "model.onnx").write_bytes(b"not for people")
    (folder / ".hidden.ipynb").write_text("no")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_the_first_visit_copies(source: Path, home: Path) -> None:
    report = synchronise(source, home)
    assert sorted(report.copied) == ["README.md", "analyse.ipynb", "sample/station-1/a.png"]
    assert (home / "case" / "sample" / "station-1" / "a.png").read_bytes() == b"picture"
    assert not (home / "case" / "model").exists()
    assert synchronise(source, home).sentence() == "everything is up to date"


def test_an_untouched_copy_is_updated(source: Path, home: Path) -> None:
    synchronise(source, home)
    (source / "analyse.ipynb").write_text("version 2")
    assert synchronise(source, home).updated == ["analyse.ipynb"]
    assert (home / "case" / "analyse.ipynb").read_text() == "version 2"


def test_a_changed_copy_is_kept_and_the_new_one_placed_beside(source: Path, home: Path) -> None:
    synchronise(source, home)
    mine = home / "case" / "analyse.ipynb"
    mine.write_text("my work")
    assert synchronise(source, home).beside == [], "there is no new version yet"
    (source / "analyse.ipynb").write_text("version 2")
    assert synchronise(source, home).beside == ["analyse.ipynb -> analyse.new.ipynb"]
    assert mine.read_text() == "my work"
    assert (home / "case" / "analyse.new.ipynb").read_text() == "version 2"
    assert "analyse.ipynb -> analyse.new.ipynb" in (home / "case" / "NEW VERSIONS.txt").read_text()
    assert synchronise(source, home).beside == [], "said once"
    (home / "case" / "analyse.new.ipynb").write_text("changed too")
    (source / "analyse.ipynb").write_text("version 3")
    assert synchronise(source, home).beside == ["analyse.ipynb -> analyse.new2.ipynb"]
    assert (home / "case" / "analyse.new.ipynb").read_text() == "changed too"


def test_a_removed_copy_comes_back(source: Path, home: Path) -> None:
    synchronise(source, home)
    (home / "case" / "analyse.ipynb").unlink()
    assert synchronise(source, home).copied == ["analyse.ipynb"]


def test_taking_the_new_version_by_hand_makes_it_untouched(source: Path, home: Path) -> None:
    synchronise(source, home)
    mine = home / "case" / "analyse.ipynb"
    mine.write_text("my work")
    (source / "analyse.ipynb").write_text("version 2")
    synchronise(source, home)
    mine.write_text("version 2")
    synchronise(source, home)
    (source / "analyse.ipynb").write_text("version 3")
    assert synchronise(source, home).updated == ["analyse.ipynb"]


@pytest.mark.parametrize("ledger", ["", "{", "[]", "null", '{"case": 3}', '{"case": {"analyse.ipynb": "x"}}'])
def test_a_broken_ledger_keeps_changed_copies(source: Path, home: Path, ledger: str) -> None:
    synchronise(source, home)
    (home / "case" / "analyse.ipynb").write_text("my work")
    (home / ".tidelab-workspace.json").write_text(ledger)
    synchronise(source, home)
    assert (home / "case" / "analyse.ipynb").read_text() == "my work"
    assert (home / "case" / "analyse.new.ipynb").read_text() == "version 1"


def test_links_are_not_followed(source: Path, home: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (source / "link.ipynb").symlink_to(secret)
    (home / "case").mkdir()
    (home / "case" / "README.md").symlink_to(secret)
    synchronise(source, home)
    assert not (home / "case" / "link.ipynb").exists()
    assert secret.read_text() == "secret", "a link in the home is not written through"
    assert (home / "case" / "README.md").is_symlink()


def test_a_linked_folder_is_refused(source: Path, home: Path, tmp_path: Path) -> None:
    (home / "case").symlink_to(tmp_path)
    with pytest.raises(WorkspaceError, match="Rename it"):
        synchronise(source, home)


def test_one_bad_file_does_not_stop_the_others(source: Path, home: Path) -> None:
    (home / "case").mkdir()
    (home / "case" / "sample").write_text("a file where a folder belongs")
    report = synchronise(source, home)
    assert sorted(report.copied) == ["README.md", "analyse.ipynb"]
    assert report.failed
    assert (home / "case" / "sample").read_text() == "a file where a folder belongs"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ship", "edit", "remove", "sync"]), st.integers(0, 5)), max_size=12)
)
def test_no_edit_is_ever_lost(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, a text that a person wrote and did not remove is still there."""
    base = tmp_path_factory.mktemp("sync")
    source, home = base / "case", base / "home"
    source.mkdir()
    home.mkdir()
    (source / "analyse.ipynb").write_text("shipped 0")
    mine = home / "case" / "analyse.ipynb"
    written: str | None = None
    for action, number in steps:
        if action == "ship":
            (source / "analyse.ipynb").write_text(f"shipped {number}")
        elif action == "edit" and mine.exists():
            written = f"edited {number}"
            mine.write_text(written)
        elif action == "remove" and mine.exists():
            mine.unlink()
            written = None
        elif action == "sync":
            synchronise(source, home)
            assert mine.exists()
        if written is not None:
            assert mine.read_text() == written


def test_unknown_use_cases(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for slug in ("nothing-here", "../..", "", "a/b", "/etc"):
        with pytest.raises(WorkspaceError, match="There is no use case"):
            find_usecase_folder(slug)
    assert workspace.main(["sync", "--use-case", "nothing-here"]) == 1
    assert capsys.readouterr().err.startswith("tidelab: There is no use case 'nothing-here'")
    assert find_usecase_folder("flowcam-plankton") == paths.checkout() / "notebooks" / "flowcam-plankton"


def test_the_server_offers_the_stacks_kernels_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = tmp_path / "share" / "jupyter" / "kernels"
    for name in ("tidelab-analyse", "python3", "tidelab-broken"):
        (kernels / name).mkdir(parents=True)
    for name in ("tidelab-analyse", "python3"):
        (kernels / name / "kernel.json").write_text(json.dumps({}))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    command = server_command("case", tmp_path, "analyse.ipynb")
    assert [word for word in command if "allowed_kernelspecs" in word] == [
        "--KernelSpecManager.allowed_kernelspecs=tidelab-analyse"
    ]
    assert "--ServerApp.default_url=/lab/tree/case/analyse.ipynb" in command
    assert "--ServerApp.tornado_settings={'websocket_max_message_size': 209715200}" in command


def test_the_module_needs_the_standard_library_alone() -> None:
    """It is the first thing a server runs; what it imports is what a person waits for."""
    import subprocess

    code = "import sys; before = set(sys.modules); import tidelab.workspace; print([m for m in set(sys.modules) - before])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pydantic" not in loaded
    assert "yaml" not in loaded
