"""Runs of three samples with classes that live, that do not, and that nobody declared."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.meaning import TABLE, meaningful_case, sample_images
from tidelab.catalogue import UseCase
from tidelab.runs import RunFolder, get_executor, prepare

MakeRun = Callable[..., RunFolder]


def execute(use_case: UseCase, images: Path, runs: Path) -> RunFolder:
    """Prepare and execute a run in this process."""
    run = prepare(use_case, images=images, parameters={"threshold": 0.4}, person="ada", runs_root=runs)
    get_executor("inline").submit(run)
    return run


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """A finished run over three samples, which no test may change."""
    home = tmp_path_factory.mktemp("executed")
    with pytest.MonkeyPatch.context() as patch:
        set_places(home, patch)
        yield execute(meaningful_case(home / "usecases"), sample_images(home / "images"), home / "runs")


def set_places(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Keep every place of a run inside a folder, and forget the predictor module of the test before."""
    patch.setenv("TIDELAB_DATA", str(home / "data"))
    patch.setenv("TIDELAB_RUNS", str(home / "runs"))
    patch.setenv("TIDELAB_CHAMPIONS", str(home / "champions"))
    patch.delenv("TIDELAB_CACHE", raising=False)
    patch.delitem(sys.modules, "brightness", raising=False)
    patch.setattr(sys, "path", list(sys.path))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place of a run in the test's folder."""
    set_places(tmp_path, monkeypatch)


@pytest.fixture
def use_case(tmp_path: Path) -> UseCase:
    """The use case of `tests.support.meaning`."""
    return meaningful_case(tmp_path / "usecases")


@pytest.fixture
def make_run(use_case: UseCase, tmp_path: Path) -> MakeRun:
    """Execute a run over the images of three samples, or over what is given."""

    def make(images: Path | None = None, table: str = TABLE) -> RunFolder:
        return execute(use_case, images or sample_images(tmp_path / "images", table), tmp_path / "runs")

    return make


@pytest.fixture
def run(executed: RunFolder, tmp_path: Path) -> RunFolder:
    """A finished run over three samples, the test's own copy."""
    copy = tmp_path / "runs" / executed.path.parent.name / executed.run_id
    shutil.copytree(executed.path, copy)
    return RunFolder(copy)
