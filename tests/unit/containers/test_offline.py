"""The offline bundle: what is in it, what it refuses, and its script, run for real with the environments that are installed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tidelab import paths
from tidelab.catalogue import UseCase, load_catalogue
from tidelab.containers.offline import BundleError, make_bundle, parts
from tidelab.containers.offline import bundle as module

SLUG = "flowcam-plankton"


@pytest.fixture
def use_case() -> UseCase:
    return load_catalogue()[SLUG]


@pytest.fixture
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels and images are large: their fetching is tested by tests/docker."""

    def wheels(environments: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "some.whl").write_bytes(b"wheel")

    monkeypatch.setattr(module.parts, "fetch_wheels", wheels)


@pytest.mark.usefixtures("no_downloads")
def test_everything_is_there_and_the_sums_are_right(use_case: UseCase, tmp_path: Path) -> None:
    made = make_bundle(use_case, tmp_path / "b", image=False, say=lambda line: None)
    names = {file.name for file in made.folder.iterdir()}
    assert names == {
        "START HERE.txt", "SHA256SUMS", "bundle.json", "champions", "code", "settings.env", "tidelab.sh", "wheels",
    }  # fmt: skip
    notebooks = {file.name for file in (made.folder / "code" / "notebooks").iterdir()}
    assert notebooks == {SLUG}
    assert not list(made.folder.rglob("__pycache__"))
    assert not (made.folder / "code" / "hub").exists()
    checked = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=made.folder, check=False)
    assert checked.returncode == 0
    described = json.loads((made.folder / "bundle.json").read_text())
    assert (described["use_case"], described["image"]) == (SLUG, None)
    assert "demonstration model" in described["model"]
    assert "demonstration model" in (made.folder / "START HERE.txt").read_text()
    assert made.size_bytes == sum(made.part_bytes.values())
    assert not [file for file in tmp_path.iterdir() if file.name != "b"]


@pytest.mark.usefixtures("no_downloads")
def test_the_published_champion_comes_along_and_a_broken_one_is_named(
    use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    home = paths.champions() / SLUG
    (home / "versions" / "3").mkdir(parents=True)
    (home / "versions" / "3" / "model.onnx").write_bytes(b"onnx")
    published = {"registered_model": SLUG, "version": 3, "folder": "versions/3", "digest": "x"}
    (home / "champion.json").write_text(json.dumps(published))
    made = make_bundle(use_case, tmp_path / "b", image=False, say=lambda line: None)
    assert (made.folder / "champions" / SLUG / "versions" / "3" / "model.onnx").read_bytes() == b"onnx"
    assert f"{SLUG}, version 3" in (made.folder / "START HERE.txt").read_text()
    (home / "champion.json").write_text(json.dumps(published | {"folder": "../../elsewhere"}))
    with pytest.raises(BundleError, match=r"champion\.json names a folder that is not there"):
        make_bundle(use_case, tmp_path / "c", image=False, say=lambda line: None)
    assert not (tmp_path / "c").exists()


def test_what_cannot_be_made_is_refused_with_the_next_step(
    use_case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleError, match="exists already"):
        make_bundle(use_case, tmp_path / "there")
    with pytest.raises(BundleError, match="needs the image"):
        make_bundle(use_case, tmp_path / "b", image=False, wheels=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="no `docker` on this machine"):
        make_bundle(use_case, tmp_path / "b", wheels=False, say=lambda line: None)
    monkeypatch.setenv("TIDELAB_ENVS", str(tmp_path / "none"))
    with pytest.raises(BundleError, match="tidelab env install lab"):
        make_bundle(use_case, tmp_path / "b", image=False, say=lambda line: None)
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


def test_an_image_that_was_not_built_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Error response from daemon: reference does not exist' >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match=rf"Build it: tidelab images build {SLUG}\."):
        parts.save_image(f"tidelab/{SLUG}:analyse-cpu", tmp_path / "image" / "image.tar")


@pytest.mark.usefixtures("no_downloads")
def test_the_script_says_what_to_do_and_settings_are_read_as_values(
    use_case: UseCase, tmp_path: Path
) -> None:
    folder = make_bundle(use_case, tmp_path / "on a ship", image=False, say=lambda line: None).folder

    def script(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        command = [str(folder / "tidelab.sh"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert script("check").stdout == "Everything is as it was made.\n"
    assert "Usage: ./tidelab.sh" in script("what").stderr
    assert "There are no receipts yet" in script("receipts").stderr
    assert "There is no folder" in script("report", "nowhere", str(tmp_path / "out")).stderr
    events = folder / "data" / "usage" / "events.jsonl"
    events.write_text('{"one": 1}\n')
    (folder / "settings.env").write_text("PLACE=$(touch ../hacked); RV `id`\n")
    said = script("receipts").stdout
    assert said.startswith("1 receipts: ")
    receipt = next(folder.glob("receipts-*.jsonl"))
    assert receipt.read_text() == events.read_text()
    assert not (tmp_path / "hacked").exists()
    (folder / "code" / "README.md").write_text("changed")
    assert script("check").returncode != 0
