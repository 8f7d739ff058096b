"""The committed build of the Lab extension is that of its sources, small, and free of addresses and machine paths."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from tidelab import paths, workspace

FOLDER = paths.checkout() / "extensions" / "jupyterlab-tidelab"
BUILT = FOLDER / "labextension" / "jupyterlab-tidelab"


@pytest.fixture(scope="module")
def digest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab_extension_digest", FOLDER / "digest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_build_is_that_of_the_sources(digest: ModuleType) -> None:
    assert digest.check() == ""


@pytest.mark.parametrize("changed", ["src/index.ts", "labextension/jupyterlab-tidelab/static/style.js"])
def test_a_change_is_noticed(digest: ModuleType, tmp_path: Path, changed: str) -> None:
    import shutil

    copy = tmp_path / "extension"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules", "lib"))
    digest.HERE, digest.BUILT = copy, copy / "labextension"
    digest.NOTE = digest.BUILT / "digest.json"
    try:
        assert digest.check() == ""
        (copy / changed).write_text("// changed")
        assert "make lab-extension" in digest.check()
        digest.NOTE.unlink()
        assert "cannot be read" in digest.check()
    finally:
        digest.HERE, digest.BUILT = FOLDER, FOLDER / "labextension"
        digest.NOTE = digest.BUILT / "digest.json"


def test_the_build_is_small_and_calls_nobody() -> None:
    files = [file for file in BUILT.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 100_000
    for file in files:
        text = file.read_text(encoding="utf-8")
        found = set(re.findall(r"https?://[^\s\"'`)]+", text)) if file.suffix == ".js" else set()
        assert found <= {"http://www.w3.org/2000/svg"}, file.name
        assert str(paths.checkout()) not in text


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)


def test_lab_finds_it_where_the_server_is_told_to_look() -> None:
    """jupyterlab_server looks for ``<folder>/<name>/package.json`` and serves it under that name."""
    (metadata,) = workspace.LAB_EXTENSION.glob("*/package.json")
    package = json.loads(metadata.read_text())
    assert package["name"] == metadata.parent.name == "jupyterlab-tidelab"
    assert (metadata.parent / package["jupyterlab"]["_build"]["load"]).is_file()
