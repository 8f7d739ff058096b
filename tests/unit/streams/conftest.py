"""One detector of squares for all tests of this folder; each test has a copy of its own."""

import shutil
from pathlib import Path

import pytest

from tests.support.squares import make_detector_case
from tidelab.catalogue import UseCase, load_usecase
from tidelab.streams.model import StreamModel


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_detector_case(tmp_path_factory.mktemp("case")).folder


@pytest.fixture
def squares(made: Path, tmp_path: Path) -> UseCase:
    return load_usecase(Path(shutil.copytree(made, tmp_path / "use-cases" / made.name)))


@pytest.fixture
def model(squares: UseCase) -> StreamModel:
    return StreamModel.load(squares)
