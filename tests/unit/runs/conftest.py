"""Runs in a folder of their own, of the use case in ``tests/support/brightness.py``."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.brightness import make_use_case
from tidelab.catalogue import UseCase
from tidelab.runs import RunFolder, get_executor, prepare

Run = Callable[..., RunFolder]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every place of a run inside the test's folder, and forget the predictor module of the test before."""
    monkeypatch.setenv("TIDELAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TIDELAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TIDELAB_CHAMPIONS", str(tmp_path / "champions"))
    monkeypatch.delenv("TIDELAB_CACHE", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] in ("brightness", "blob_case")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def use_case(tmp_path: Path) -> UseCase:
    """A use case that names images by their brightness."""
    return make_use_case(tmp_path / "usecases")


@pytest.fixture
def run(use_case: UseCase) -> Run:
    """Prepare and execute a run in this process."""

    def start(images: object = "sample", **more: object) -> RunFolder:
        folder = prepare(use_case, images=images, person="ada", **more)  # type: ignore[arg-type]
        get_executor("inline").submit(folder)
        return folder

    return start
